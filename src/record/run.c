/*
 * run: the recorder's main loop: launch, find the Python, sample until it ends, flush every second.
 * Whatever goes wrong with the profile, the program runs on and its status stands.
 */
#include "record_priv.h"
#include "sample.h"
#include "target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLUSH_NS UINT64_C(900000000)
#define LOOK_NS 400000        /* between looks for a Python that is starting */
#define LOOK_SLOW_NS 20000000 /* ... when none is in sight for a while */
#define LOOKS_FAST 500

struct recorder {
    const struct pyro_record_options *options;
    struct pyro_record_result *result;
    struct pyro_writer *writer;
    struct launch launch;
    struct tree tree;
    struct pyro_target *target;
    struct pyro_sampler *sampler;
    struct sources *sources;
    uint32_t processes;
    pid_t last_pid; /* of the last one, and how often it has called exec */
    uint32_t execs;
    uint64_t started, flushed, looked;
    int looks;
    bool starting; /* an interpreter was met that was not ready yet */
    bool ended;
    struct rusage usage;
    struct pyro_status_fact past; /* counters of samplers that are done */
};

static uint64_t timeval_ns(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static uint64_t usage_ns(const struct rusage *usage)
{
    return timeval_ns(usage->ru_utime) + timeval_ns(usage->ru_stime);
}

static void warn(struct recorder *r, const char *sentence)
{
    if (r->result->warning[0] == '\0')
        snprintf(r->result->warning, sizeof r->result->warning, "%s", sentence);
    pyro_format_write_warning(r->writer, sentence);
}

static void add_counters(struct pyro_status_fact *to, const struct pyro_status_fact *from)
{
    to->ticks += from->ticks;
    to->missed += from->missed;
    to->planned += from->planned;
    to->discarded += from->discarded;
    to->taken += from->taken;
    to->assumed += from->assumed;
    to->broken += from->broken;
}

static struct pyro_status_fact status_now(struct recorder *r)
{
    struct pyro_status_fact status = r->past;
    if (r->sampler != NULL) {
        struct pyro_status_fact now = {0};
        pyro_sample_status(r->sampler, &now);
        add_counters(&status, &now);
    }
    status.mono_ns = pyro_base_monotonic_ns();
    status.wall_ns = pyro_base_wall_ns();
    status.tsc = pyro_base_tsc();
    status.lost = pyro_format_lost(r->writer);
    struct rusage self;
    getrusage(RUSAGE_SELF, &self);
    status.sampler_cpu_ns = usage_ns(&self);
    status.target_wall_ns = status.mono_ns - r->started;
    struct pyro_proc_stat stat;
    if (r->ended) {
        status.target_cpu_ns = usage_ns(&r->usage);
        status.target_peak_rss = (uint64_t)r->usage.ru_maxrss * 1024;
    } else if (pyro_target_proc_stat(r->target != NULL ? pyro_target_pid(r->target)
                                                       : r->launch.child,
                                     0, &stat) == 0) {
        status.target_cpu_ns = stat.cpu_ns;
    }
    return status;
}

static void flush(struct recorder *r)
{
    if (r->sources != NULL)
        sources_write(r->sources, r->writer);
    struct pyro_status_fact status = status_now(r);
    r->result->samples = status.taken;
    int rc = pyro_format_flush(r->writer, &status);
    if (rc != 0 && r->result->warning[0] == '\0')
        snprintf(r->result->warning, sizeof r->result->warning,
                 "The recording %s could not be written further: %s.  The program was not "
                 "disturbed; the profile ends there.",
                 r->options->output, pyro_base_code_text(rc));
    r->flushed = status.mono_ns;
    if (r->options->progress != NULL)
        r->options->progress(r->options->progress_ctx, (double)status.target_wall_ns * 1e-9,
                             status.taken);
}

static void end_sampling(struct recorder *r)
{
    if (r->sampler != NULL) {
        struct pyro_status_fact now = {0};
        pyro_sample_status(r->sampler, &now);
        add_counters(&r->past, &now);
    }
    pyro_sample_free(r->sampler);
    if (r->sources != NULL)
        sources_write(r->sources, r->writer);
    sources_free(r->sources);
    pyro_target_close(r->target);
    r->sampler = NULL;
    r->sources = NULL;
    r->target = NULL;
}

static void write_process(struct recorder *r, uint32_t *id)
{
    pid_t pid = pyro_target_pid(r->target);
    const char *version = pyro_target_version(r->target);
    struct pyro_process_fact fact = {
        .id = r->processes++, .pid = pid, .python = {version, strlen(version)}};
    struct pyro_proc_stat stat;
    if (pyro_target_proc_stat(pid, 0, &stat) == 0) {
        fact.ppid = stat.ppid;
        fact.start_ticks = stat.start_ticks;
    }
    r->execs = fact.id > 0 && pid == r->last_pid ? r->execs + 1 : 0;
    r->last_pid = pid;
    fact.exec_count = r->execs;
    char *argv = NULL;
    size_t size = 0;
    struct pyro_str words[256];
    if (pyro_target_argv(pid, &argv, &size) == 0)
        for (size_t at = 0; at < size && fact.argc < 256;) {
            size_t length = strnlen(argv + at, size - at);
            words[fact.argc++] = (struct pyro_str){argv + at, length};
            at += length + 1;
        }
    fact.argv = words;
    pyro_format_write_process(r->writer, &fact);
    free(argv);
    *id = fact.id;
}

static void begin_sampling(struct recorder *r)
{
    uint32_t process;
    struct pyro_error err;
    write_process(r, &process);
    r->sources = r->options->source ? sources_new(pyro_target_pid(r->target)) : NULL;
    struct pyro_sampler_options options = {
        .rate = r->options->rate,
        .seed = r->options->seed,
        .seen = r->sources != NULL ? sources_seen : NULL,
        .seen_ctx = r->sources,
    };
    int rc = pyro_sample_new(&r->sampler, r->target, r->writer, process, &options, &err);
    if (rc != 0) {
        r->starting = true;
        if (rc != PYRO_E_GONE && rc != PYRO_E_IO) /* it ended, or executed another program */
            warn(r, err.text);
        end_sampling(r);
    }
}

/* Until a Python is there: look, then wait a little. */
static void look(struct recorder *r)
{
    struct pyro_error err = {0};
    int rc = tree_find(&r->tree, &r->target, &err);
    r->looks++;
    if (rc == 0) {
        r->looks = 0;
        begin_sampling(r);
        return;
    }
    if (rc == PYRO_E_NOT_READY)
        r->starting = true;
    else if (rc != PYRO_E_NOT_PYTHON)
        warn(r, err.text);
    bool soon = rc == PYRO_E_NOT_READY || r->looks < LOOKS_FAST;
    launch_wait(soon ? LOOK_NS : LOOK_SLOW_NS);
}

static void reap(struct recorder *r)
{
    if (!launch_child_changed())
        return;
    int status;
    if (wait4(r->launch.child, &status, WNOHANG, &r->usage) == r->launch.child) {
        r->result->wait_status = status;
        r->ended = true;
        r->launch.child = 0;
    }
}

static void sample_until_end(struct recorder *r)
{
    while (!r->ended) {
        uint64_t now;
        if (r->sampler == NULL) {
            look(r);
            now = pyro_base_monotonic_ns();
        } else if (pyro_sample_step(r->sampler, &now) == PYRO_E_GONE) {
            end_sampling(r); /* it ended, or executed another program: look again */
            launch_wait(LOOK_NS);
        }
        launch_pass_signals(&r->launch, now);
        reap(r);
        if (now - r->flushed >= FLUSH_NS)
            flush(r);
    }
}

static bool is_called_python(const char *command)
{
    const char *slash = strrchr(command, '/');
    return strncmp(slash != NULL ? slash + 1 : command, "python", strlen("python")) == 0;
}

static void finish(struct recorder *r)
{
    struct pyro_error err = {0};
    uint64_t wall = pyro_base_monotonic_ns() - r->started;
    end_sampling(r);
    r->result->saw_python = r->past.ticks > r->past.missed;
    if (r->result->started && !r->result->saw_python && r->result->warning[0] == '\0') {
        r->result->ended_early =
            r->starting || r->processes > 0 || is_called_python(r->options->argv[0]);
        warn(r, r->result->ended_early
                    ? "Python ended before the first sample could be taken, so there is no profile."
                    : "No Python was seen in the command's process tree, so there is no profile: "
                      "name a Python program, or a command that starts one.");
    }
    struct pyro_status_fact status = status_now(r);
    status.target_wall_ns = wall;
    r->result->samples = status.taken;
    int how = r->result->wait_status;
    struct pyro_end_fact end = {
        .exit_status = !r->result->started ? INT32_MIN
                       : WIFSIGNALED(how)  ? -WTERMSIG(how)
                                           : WEXITSTATUS(how),
        .mono_ns = status.mono_ns,
        .wall_ns = wall,
        .cpu_ns = usage_ns(&r->usage),
    };
    if (pyro_format_finish(r->writer, &status, &end, &err) != 0)
        snprintf(r->result->warning, sizeof r->result->warning, "%s", err.text);
}

int pyro_record_run(const struct pyro_record_options *options, struct pyro_record_result *result,
                    struct pyro_error *err)
{
    struct recorder r = {.options = options, .result = result};
    memset(result, 0, sizeof *result);
    char boot[37], host[256] = "", cwd[PATH_MAX] = "";
    pyro_base_boot_id(boot);
    gethostname(host, sizeof host - 1);
    if (getcwd(cwd, sizeof cwd) == NULL)
        cwd[0] = '\0';
    size_t argc = 0;
    while (options->argv[argc] != NULL)
        argc++;
    struct pyro_str *argv = calloc(argc + 1, sizeof *argv);
    if (argv == NULL)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    for (size_t i = 0; i < argc; i++)
        argv[i] = (struct pyro_str){options->argv[i], strlen(options->argv[i])};
    r.started = pyro_base_monotonic_ns();
    struct pyro_recording_head head = {
        .boot_id = boot,
        .wall_ns = pyro_base_wall_ns(),
        .mono_ns = r.started,
        .tsc = pyro_base_tsc(),
        .tool = options->tool,
        .host = host,
        .cwd = {cwd, strlen(cwd)},
        .argv = argv,
        .argc = argc,
    };
    launch_note_signals();
    int rc = pyro_format_create(&r.writer, options->output, options->overwrite, &head, err);
    free(argv);
    if (rc != 0)
        return rc;
    struct pyro_record_options with_seed = *options;
    if (with_seed.seed == 0)
        with_seed.seed = pyro_base_mix(pyro_base_wall_ns() ^ (uint64_t)getpid());
    r.options = &with_seed;
    r.flushed = r.started = pyro_base_monotonic_ns();
    result->exec_errno = launch_start(&r.launch, options->argv);
    result->started = result->exec_errno == 0;
    if (result->started) {
        r.tree.root = r.launch.child;
        prctl(PR_SET_TIMERSLACK, 1UL); /* after the launch: the program keeps its own */
        sample_until_end(&r);
    }
    finish(&r);
    launch_stop(&r.launch);
    return 0;
}
