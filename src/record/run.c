/*
 * run: the recorder's main loop: launch, find the Pythons, sample them until the command ends,
 * flush every second.  Whatever goes wrong with the profile, the program runs on and its status
 * stands.
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

struct member { /* a process that is sampled */
    struct pyro_target *target;
    struct pyro_sampler *sampler;
    struct sources *sources; /* NULL: no source is kept */
};

struct recorder {
    const struct pyro_record_options *options;
    struct pyro_record_result *result;
    struct pyro_writer *writer;
    struct launch launch;
    struct tree tree;
    struct pyro_sample_clock *clock;
    struct pyro_vec members;
    struct pyro_vec sources; /* of all processes, to the end */
    uint32_t processes;
    uint64_t started, flushed;
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

static struct member *member_at(const struct recorder *r, size_t i)
{
    return pyro_base_vec_at(&r->members, i);
}

/* CPU time of the command and of those that are sampled, as far as they can be asked. */
static uint64_t cpu_now(const struct recorder *r)
{
    struct pyro_proc_stat stat;
    bool has_root = false;
    uint64_t sum = 0;
    for (size_t i = 0; i < r->members.len; i++) {
        pid_t pid = pyro_target_pid(member_at(r, i)->target);
        has_root |= pid == r->launch.child;
        if (pyro_target_proc_stat(pid, 0, &stat) == 0)
            sum += stat.cpu_ns;
    }
    if (!has_root && pyro_target_proc_stat(r->launch.child, 0, &stat) == 0)
        sum += stat.cpu_ns;
    return sum;
}

static struct pyro_status_fact status_now(struct recorder *r)
{
    struct pyro_status_fact status = r->past;
    for (size_t i = 0; i < r->members.len; i++) {
        struct pyro_status_fact now = {0};
        pyro_sample_status(member_at(r, i)->sampler, &now);
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
    status.target_cpu_ns = r->ended ? usage_ns(&r->usage) : cpu_now(r);
    if (r->ended)
        status.target_peak_rss = (uint64_t)r->usage.ru_maxrss * 1024;
    return status;
}

static void write_sources(struct recorder *r)
{
    for (size_t i = 0; i < r->sources.len; i++)
        sources_write(*(struct sources **)pyro_base_vec_at(&r->sources, i), r->writer);
}

static void flush(struct recorder *r)
{
    write_sources(r);
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

static void end_member(struct recorder *r, size_t i)
{
    struct member *member = member_at(r, i);
    struct pyro_status_fact now = {0};
    pyro_sample_status(member->sampler, &now);
    add_counters(&r->past, &now);
    pyro_sample_free(member->sampler);
    tree_lost(&r->tree, pyro_target_pid(member->target), pyro_base_monotonic_ns());
    pyro_target_close(member->target);
    *member = *member_at(r, r->members.len - 1);
    r->members.len--;
}

/* Processes that see the same files share what is read of them. */
static struct sources *sources_of(struct recorder *r, pid_t pid)
{
    for (size_t i = 0; i < r->sources.len; i++) {
        struct sources *known = *(struct sources **)pyro_base_vec_at(&r->sources, i);
        if (sources_serve(known, pid))
            return known;
    }
    struct sources *made = sources_new(pid);
    struct sources **slot = made == NULL ? NULL : pyro_base_vec_push(&r->sources);
    if (slot == NULL) {
        sources_free(made);
        return NULL;
    }
    return *slot = made;
}

static uint32_t write_process(struct recorder *r, const struct pyro_target *target)
{
    pid_t pid = pyro_target_pid(target);
    const char *version = pyro_target_version(target);
    struct pyro_process_fact fact = {
        .id = r->processes++,
        .pid = pid,
        .python = {version, strlen(version)},
        .exec_count = tree_pythons(&r->tree, pid) - 1,
    };
    struct pyro_proc_stat stat;
    if (pyro_target_proc_stat(pid, 0, &stat) == 0) {
        fact.ppid = stat.ppid;
        fact.start_ticks = stat.start_ticks;
    }
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
    return fact.id;
}

static void begin_member(struct recorder *r, struct pyro_target *target)
{
    struct pyro_error err;
    pid_t pid = pyro_target_pid(target);
    uint32_t process = write_process(r, target);
    struct member member = {.target = target,
                            .sources = r->options->source ? sources_of(r, pid) : NULL};
    struct pyro_sampler_options options = {
        .seen = member.sources != NULL ? sources_seen : NULL,
        .seen_ctx = member.sources,
    };
    if (r->members.len == 0)
        pyro_sample_clock_restart(r->clock);
    int rc = pyro_sample_new(&member.sampler, target, r->writer, process, r->clock, &options, &err);
    struct member *slot = rc == 0 ? pyro_base_vec_push(&r->members) : NULL;
    if (slot != NULL) {
        *slot = member;
        return;
    }
    r->starting = true;
    if (rc == 0)
        pyro_sample_free(member.sampler);
    else if (rc != PYRO_E_GONE && rc != PYRO_E_IO) /* it ended, or executed another program */
        warn(r, err.text);
    tree_lost(&r->tree, pid, pyro_base_monotonic_ns());
    pyro_target_close(target);
}

/* Begins to sample the Pythons that are there by now. */
static void look(struct recorder *r, uint64_t now)
{
    tree_grow(&r->tree, now);
    for (;;) {
        struct pyro_target *target;
        struct pyro_error err = {0};
        int rc = tree_find(&r->tree, now, &target, &err);
        if (rc == PYRO_E_NOT_PYTHON)
            return;
        if (rc == PYRO_E_NOT_READY) {
            r->starting = true;
            return;
        }
        if (rc == 0) {
            begin_member(r, target);
            r->looks = 0;
        } else {
            warn(r, err.text);
        }
    }
}

/* A sleep while there is nothing to sample. */
static uint64_t idle(struct recorder *r)
{
    launch_wait(r->tree.starting || r->looks++ < LOOKS_FAST ? LOOK_NS : LOOK_SLOW_NS);
    return pyro_base_monotonic_ns();
}

static void sample_members(struct recorder *r)
{
    for (size_t i = 0; i < r->members.len;)
        if (pyro_sample_take(member_at(r, i)->sampler) == PYRO_E_GONE)
            end_member(r, i);
        else
            i++;
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
    uint64_t now = r->started;
    while (!r->ended) {
        look(r, now);
        if (r->members.len == 0)
            now = idle(r);
        else if (pyro_sample_clock_wait(r->clock, &now) == 0)
            sample_members(r);
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
    while (r->members.len > 0)
        end_member(r, r->members.len - 1);
    write_sources(r);
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

static void release(struct recorder *r)
{
    for (size_t i = 0; i < r->sources.len; i++)
        sources_free(*(struct sources **)pyro_base_vec_at(&r->sources, i));
    pyro_base_vec_release(&r->sources);
    pyro_base_vec_release(&r->members);
    pyro_sample_clock_free(r->clock);
    if (r->result->started)
        tree_end(&r->tree);
}

int pyro_record_run(const struct pyro_record_options *options, struct pyro_record_result *result,
                    struct pyro_error *err)
{
    struct recorder r = {.options = options,
                         .result = result,
                         .members = PYRO_VEC(struct member),
                         .sources = PYRO_VEC(struct sources *)};
    memset(result, 0, sizeof *result);
    char boot[37], host[256] = "", cwd[PATH_MAX] = "";
    pyro_base_boot_id(boot);
    gethostname(host, sizeof host - 1);
    if (getcwd(cwd, sizeof cwd) == NULL)
        cwd[0] = '\0';
    size_t argc = 0;
    while (options->argv[argc] != NULL)
        argc++;
    uint64_t seed = options->seed != 0 ? options->seed
                                       : pyro_base_mix(pyro_base_wall_ns() ^ (uint64_t)getpid());
    struct pyro_str *argv = calloc(argc + 1, sizeof *argv);
    if (argv == NULL || pyro_sample_clock_new(&r.clock, options->rate, seed) != 0) {
        free(argv);
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    }
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
    if (rc != 0) {
        pyro_sample_clock_free(r.clock);
        return rc;
    }
    r.flushed = r.started = pyro_base_monotonic_ns();
    result->exec_errno = launch_start(&r.launch, options->argv);
    result->started = result->exec_errno == 0;
    if (result->started) {
        if (tree_begin(&r.tree, r.launch.child, options->subprocesses) != 0)
            warn(&r, "Out of memory while preparing to sample, so there is no profile.");
        prctl(PR_SET_TIMERSLACK, 1UL); /* after the launch: the program keeps its own */
        sample_until_end(&r);
    }
    finish(&r);
    launch_stop(&r.launch);
    release(&r);
    return 0;
}
