/*
 * run: the recorder's main loop: launch or attach, find the Pythons, sample them to the end, flush
 * every second.  Whatever goes wrong with the profile, the program runs on and its status stands.
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
#define ATTEND_NS 20000000 /* between looks whether the process attached to has ended */

struct member { /* a process that is sampled */
    struct pyro_target *target;
    struct pyro_sampler *sampler;
    struct sources *sources; /* NULL: no source is kept */
    uint32_t process;        /* its row */
    int pidfd;
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
    struct pyro_vec exits;   /* of those that are gone */
    struct control control;
    bool listens;               /* from before the command is executed, and also where that fails */
    enum control_request asked; /* that is not answered yet */
    bool off;                   /* it was asked not to sample */
    uint32_t processes;
    uint32_t root_row; /* plus 1, of the root's last interpreter; 0: it had none */
    pid_t root;        /* the command, or the process attached to */
    int pidfd;         /* of that one; -1 */
    uint64_t started, flushed, attended;
    uint64_t begin, end;            /* of sampling */
    uint64_t ticks;                 /* that there were */
    uint64_t cpu_before, cpu_known; /* attached: of the processes when we came, and as last seen */
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

static bool is_attached(const struct recorder *r)
{
    return r->options->argv == NULL;
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
        has_root |= pid == r->root;
        if (pyro_target_proc_stat(pid, 0, &stat) == 0)
            sum += stat.cpu_ns;
    }
    if (!has_root && pyro_target_proc_stat(r->root, 0, &stat) == 0)
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
    if (is_attached(r)) {
        uint64_t cpu = cpu_now(r);
        if (cpu > r->cpu_known)
            r->cpu_known = cpu;
        status.target_cpu_ns = r->cpu_known - r->cpu_before;
    } else if (r->ended) {
        status.target_cpu_ns = usage_ns(&r->usage);
        status.target_peak_rss = (uint64_t)r->usage.ru_maxrss * 1024;
    } else {
        status.target_cpu_ns = cpu_now(r);
    }
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
    exits_write(&r->exits, r->writer);
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
    pid_t pid = pyro_target_pid(member->target);
    tree_lost(&r->tree, pid, pyro_base_monotonic_ns());
    exits_wait(&r->exits, pid, member->process, member->pidfd);
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
        .exec_count = tree_count_python(&r->tree, pid),
    };
    struct pyro_proc_stat stat;
    if (pyro_target_proc_stat(pid, 0, &stat) == 0) {
        fact.ppid = stat.ppid;
        fact.start_ticks = stat.start_ticks;
    }
    struct pyro_vec words = PYRO_VEC(struct pyro_str);
    char *bytes = NULL;
    pyro_record_words(pid, &words, &bytes);
    fact.argv = words.data;
    fact.argc = words.len;
    pyro_format_write_process(r->writer, &fact);
    if (pid == r->root)
        r->root_row = fact.id + 1;
    pyro_base_vec_release(&words);
    free(bytes);
    return fact.id;
}

static void begin_member(struct recorder *r, struct pyro_target *target)
{
    struct pyro_error err;
    pid_t pid = pyro_target_pid(target);
    exits_executed(&r->exits, pid);
    struct member member = {.target = target,
                            .process = write_process(r, target),
                            .pidfd = exits_open(pid),
                            .sources = r->options->source ? sources_of(r, pid) : NULL};
    struct pyro_sampler_options options = {
        .seen = member.sources != NULL ? sources_seen : NULL,
        .seen_ctx = member.sources,
        .variable = r->options->variable,
        .variable_ctx = r->options->variable_ctx,
    };
    if (r->members.len == 0)
        pyro_sample_clock_restart(r->clock);
    int rc = pyro_sample_new(&member.sampler, target, r->writer, member.process, r->clock, &options,
                             &err);
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
    exits_wait(&r->exits, pid, member.process, member.pidfd);
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
    r->ticks++;
    for (size_t i = 0; i < r->members.len;)
        if (pyro_sample_take(member_at(r, i)->sampler) == PYRO_E_GONE)
            end_member(r, i);
        else
            i++;
}

/* Told only where there were any: the program could have seen the difference in those alone. */
static void tell_of_orphans(struct recorder *r)
{
    char sentence[200];
    pid_t children[2];
    bool adopted = r->launch.adopted;
    int count = r->launch.adopts ? pyro_target_children(getpid(), children, 2) : 0;
    for (int i = 0; i < count; i++)
        adopted |= children[i] != r->launch.canary;
    if (!r->launch.adopts || !adopted)
        return;
    snprintf(sentence, sizeof sentence,
             "Yama lets a process read only its descendants here, so Pyrometer adopted those whose "
             "parent ended: getppid() gave them %d, its own number.",
             (int)getpid());
    pyro_format_write_warning(r->writer, sentence);
}

static void end_members(struct recorder *r)
{
    while (r->members.len > 0)
        end_member(r, r->members.len - 1);
}

/* What a command needs of us at each tick; or has the process that we attached to ended? */
static void attend(struct recorder *r, uint64_t now)
{
    if (is_attached(r)) {
        bool enough = r->options->ticks > 0 && r->ticks >= r->options->ticks;
        r->ended = now >= r->end || enough || attach_is_asked();
        if (!r->ended && now - r->attended >= ATTEND_NS) {
            r->attended = now;
            r->ended = attach_has_ended(r->pidfd);
        }
        return;
    }
    launch_pass_signals(&r->launch, now);
    r->ended = launch_reap(&r->launch, &r->result->wait_status, &r->usage);
}

static void switch_on(struct recorder *r)
{
    if (r->off) {
        pyro_sample_clock_restart(r->clock);
        for (size_t i = 0; i < r->members.len; i++)
            pyro_sample_resume(member_at(r, i)->sampler);
    }
    r->off = false;
}

/* What `pyrometer ctl` asks for.  What is flushed is in the file before the answer. */
static void obey(struct recorder *r, uint64_t now)
{
    char answer[PATH_MAX + 200];
    if (!r->options->control)
        return;
    if (r->asked == CONTROL_NOTHING) {
        r->asked = control_look(&r->control, now);
        if (r->asked == CONTROL_ON)
            switch_on(r);
        if (r->asked == CONTROL_OFF)
            r->off = true;
        if (r->asked == CONTROL_FLUSH || r->asked == CONTROL_OFF)
            flush(r);
    }
    if (r->asked == CONTROL_NOTHING || !pyro_format_is_written(r->writer))
        return;
    struct pyro_status_fact status = status_now(r);
    snprintf(answer, sizeof answer, "Sampling is %s: %llu samples of %zu process%s are in %s.",
             r->off ? "off" : "on", (unsigned long long)status.taken, r->members.len,
             r->members.len == 1 ? "" : "es", r->options->output);
    control_answer(&r->control, answer);
    r->asked = CONTROL_NOTHING;
}

static void sample_until_end(struct recorder *r)
{
    uint64_t now = r->started;
    while (!r->ended) {
        if (now < r->begin || now >= r->end) {
            end_members(r);
            uint64_t left = now < r->begin ? r->begin - now : LOOK_SLOW_NS;
            launch_wait(left < LOOK_SLOW_NS ? left : LOOK_SLOW_NS);
            now = pyro_base_monotonic_ns();
        } else {
            look(r, now);
            if (r->members.len == 0 || r->off)
                now = idle(r);
            else if (pyro_sample_clock_wait(r->clock, &now) == 0)
                sample_members(r);
        }
        attend(r, now);
        obey(r, now);
        if (now - r->flushed >= FLUSH_NS)
            flush(r);
    }
}

static bool is_called_python(const char *command)
{
    const char *slash = strrchr(command, '/');
    return strncmp(slash != NULL ? slash + 1 : command, "python", strlen("python")) == 0;
}

/* 0..255, or -signal; INT32_MIN: not known. */
static int32_t root_status(const struct recorder *r)
{
    int how = r->result->wait_status;
    if (!r->result->started || is_attached(r))
        return INT32_MIN;
    return WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
}

static void finish(struct recorder *r)
{
    struct pyro_error err = {0};
    uint64_t wall = pyro_base_monotonic_ns() - r->started;
    end_members(r);
    write_sources(r);
    exits_write(&r->exits, r->writer);
    struct pyro_exit_fact root = {r->root_row - 1, root_status(r)};
    if (r->root_row > 0 && root.exit_status != INT32_MIN)
        pyro_format_write_exit(r->writer, &root);
    tell_of_orphans(r);
    r->result->saw_python = r->past.ticks > r->past.missed;
    if (r->result->started && !r->result->saw_python && r->result->warning[0] == '\0') {
        r->result->ended_early = r->starting || r->processes > 0 ||
                                 (!is_attached(r) && is_called_python(r->options->argv[0]));
        warn(r, r->result->ended_early
                    ? "Python ended before the first sample could be taken, so there is no profile."
                    : "No Python was seen in the command's process tree, so there is no profile: "
                      "name a Python program, or a command that starts one.");
    }
    struct pyro_status_fact status = status_now(r);
    status.target_wall_ns = wall;
    r->result->samples = status.taken;
    struct pyro_end_fact end = {
        .exit_status = root.exit_status,
        .mono_ns = status.mono_ns,
        .wall_ns = wall,
        .cpu_ns = status.target_cpu_ns,
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
    exits_release(&r->exits);
    if (r->listens)
        control_end(&r->control);
    pyro_sample_clock_free(r->clock);
    if (r->tree.kin.elem != 0)
        tree_end(&r->tree);
}

/* The folder as the process names it, whose root folder is what /proc/PID/root (link) leads to. */
static void take_off_root(char *folder, const char *link)
{
    char root[PATH_MAX];
    ssize_t length = readlink(link, root, sizeof root - 1);
    size_t size = length > 1 ? (size_t)length : 0; /* "/" is no part to take off */
    if (size == 0 || strncmp(folder, root, size) != 0)
        return;
    if (folder[size] == '/')
        memmove(folder, folder + size, strlen(folder + size) + 1);
    else if (folder[size] == '\0')
        strcpy(folder, "/");
}

/* The recording's first words: the command, or what the process was started as, and where. */
static int find_words(const struct pyro_record_options *options, struct pyro_vec *words,
                      char **bytes, char cwd[PATH_MAX])
{
    char path[64];
    if (options->argv != NULL) {
        if (getcwd(cwd, PATH_MAX) == NULL)
            cwd[0] = '\0';
        for (size_t i = 0; options->argv[i] != NULL; i++) {
            struct pyro_str *word = pyro_base_vec_push(words);
            if (word == NULL)
                return PYRO_E_NOMEM;
            *word = (struct pyro_str){options->argv[i], strlen(options->argv[i])};
        }
        return 0;
    }
    snprintf(path, sizeof path, "/proc/%d/cwd", options->pid);
    ssize_t length = readlink(path, cwd, PATH_MAX - 1);
    cwd[length > 0 ? length : 0] = '\0';
    snprintf(path, sizeof path, "/proc/%d/root", options->pid);
    take_off_root(cwd, path);
    int rc = pyro_record_words(options->pid, words, bytes);
    return rc == PYRO_E_NOMEM ? rc : 0;
}

static int create(struct recorder *r, struct pyro_error *err)
{
    char boot[37], host[256] = "", cwd[PATH_MAX];
    struct pyro_vec words = PYRO_VEC(struct pyro_str);
    char *bytes = NULL;
    int rc = find_words(r->options, &words, &bytes, cwd);
    if (rc != 0)
        pyro_base_fail(err, rc, "Out of memory.");
    pyro_base_boot_id(boot);
    gethostname(host, sizeof host - 1);
    struct pyro_recording_head head = {
        .boot_id = boot,
        .wall_ns = pyro_base_wall_ns(),
        .mono_ns = pyro_base_monotonic_ns(),
        .tsc = pyro_base_tsc(),
        .tool = r->options->tool,
        .host = host,
        .cwd = {cwd, strlen(cwd)},
        .argv = words.data,
        .argc = words.len,
    };
    if (rc == 0)
        rc = pyro_format_create(&r->writer, r->options->output, r->options->overwrite, &head, err);
    pyro_base_vec_release(&words);
    free(bytes);
    return rc;
}

static void listen_for(void *recorder, pid_t root)
{
    struct recorder *r = recorder;
    r->listens = r->options->control;
    if (r->listens)
        control_begin(&r->control, root);
}

static void begin(struct recorder *r, pid_t root)
{
    r->root = root;
    r->flushed = r->started = pyro_base_monotonic_ns();
    r->begin = r->started + r->options->delay_ns;
    r->end = r->options->duration_ns > 0 ? r->begin + r->options->duration_ns : UINT64_MAX;
    r->result->started = true;
}

static void run_command(struct recorder *r)
{
    r->flushed = r->started = pyro_base_monotonic_ns();
    bool adopts = launch_adopts(pyro_target_trace_scope(), pyro_target_may_trace());
    r->result->exec_errno = launch_start(&r->launch, r->options->argv, adopts, listen_for, r);
    if (r->result->exec_errno == 0) {
        begin(r, r->launch.child);
        if (tree_begin(&r->tree, r->root, r->options->subprocesses) != 0)
            warn(r, "Out of memory while preparing to sample, so there is no profile.");
        else if (r->launch.reaper)
            tree_take_orphans(&r->tree);
        prctl(PR_SET_TIMERSLACK, 1UL); /* after the launch: the program keeps its own */
        sample_until_end(r);
    }
    finish(r);
    launch_stop(&r->launch);
}

static void attach(struct recorder *r, struct pyro_target *first)
{
    listen_for(r, r->options->pid);
    begin(r, r->options->pid);
    prctl(PR_SET_TIMERSLACK, 1UL);
    r->cpu_before = r->cpu_known = cpu_now(r);
    if (r->options->delay_ns == 0) {
        begin_member(r, first);
    } else {
        tree_lost(&r->tree, pyro_target_pid(first), r->started);
        pyro_target_close(first);
    }
    sample_until_end(r);
    finish(r);
}

int pyro_record_run(const struct pyro_record_options *options, struct pyro_record_result *result,
                    struct pyro_error *err)
{
    struct recorder r = {.options = options,
                         .result = result,
                         .members = PYRO_VEC(struct member),
                         .sources = PYRO_VEC(struct sources *)};
    struct pyro_target *first = NULL;
    memset(result, 0, sizeof *result);
    uint64_t seed = options->seed != 0 ? options->seed
                                       : pyro_base_mix(pyro_base_wall_ns() ^ (uint64_t)getpid());
    launch_note_signals();
    int rc = 0;
    if (is_attached(&r))
        rc = attach_find(&r.tree, options->pid, options->subprocesses, &first, err);
    if (rc != 0)
        return rc;
    if (pyro_sample_clock_new(&r.clock, options->rate, seed) != 0)
        rc = pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    if (is_attached(&r))
        r.pidfd = attach_begin(options->pid); /* whoever sees the file may ask us to end */
    if (rc == 0)
        rc = create(&r, err);
    if (rc == 0 && is_attached(&r))
        attach(&r, first);
    else if (rc == 0)
        run_command(&r);
    else if (first != NULL)
        pyro_target_close(first);
    if (is_attached(&r))
        attach_end(r.pidfd);
    release(&r);
    return rc;
}
