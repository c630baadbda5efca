/*
 * pyrometer dump: every thread's stack, now.  A short recording is made with the engine that `run`
 * and `attach` use, so that the stacks are as true as theirs, and its last samples are shown.
 */
#include "cli.h"
#include "record.h"
#include "sample.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICKS 20 /* threads that change too fast to be read at one tick are at another */
#define RATE 1000.0
#define LONGEST_NS UINT64_C(3000000000) /* of many threads a tick takes its time */

static int make_temporary(char path[PATH_MAX])
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] != '/')
        folder = "/tmp";
    if (snprintf(path, PATH_MAX, "%s/pyrometer-dump-XXXXXX", folder) >= PATH_MAX)
        return -1;
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

struct variables {
    struct pyro_vec list; /* struct pyro_report_variable, of texts in the arena */
    struct pyro_arena *arena;
};

static void keep(void *ctx, const struct pyro_variable *variable)
{
    struct variables *all = ctx;
    const char *texts[] = {variable->function, variable->name, variable->value};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i] == NULL)
            continue;
        texts[i] = pyro_base_arena_copy(all->arena, texts[i], strlen(texts[i]));
        if (texts[i] == NULL)
            return;
    }
    struct pyro_report_variable *kept = pyro_base_vec_push(&all->list);
    if (kept != NULL)
        *kept = (struct pyro_report_variable){variable->tid, variable->frame, texts[0], texts[1],
                                              texts[2]};
}

static int record(int pid, const struct pyro_args *args, struct pyro_record_options *options,
                  struct pyro_error *err)
{
    struct pyro_record_result result;
    const char *core = pyro_cli_value(args, PYRO_OPT_CORE);
    options->ticks = TICKS;
    if (core != NULL)
        return pyro_record_core(core, pyro_cli_value(args, PYRO_OPT_ROOT), options, err);
    options->pid = pid;
    options->rate = RATE;
    options->duration_ns = LONGEST_NS;
    int rc = pyro_record_run(options, &result, err);
    if (rc == 0 && !result.saw_python)
        rc = pyro_base_fail(err, PYRO_E_GONE, "Process %d ended before its stacks could be read.",
                            pid);
    return rc;
}

/* The process that is asked for; a status if there is none. */
static int find(const struct pyro_args *args, int *pid)
{
    if (args->word_count != 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE, "`pyrometer dump` takes the number of one process.");
    if (!pyro_cli_pid(args->words[0], pid))
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer dump` takes the number of a process, not `%s`.",
                             args->words[0]);
    return pyro_cli_here(pid);
}

static void show(const struct pyro_args *args, const struct pyro_profile *profile,
                 const struct variables *variables)
{
    struct pyro_terminal terminal = pyro_cli_terminal(STDOUT_FILENO);
    struct pyro_report_options options = pyro_cli_report_options(&terminal, args, NULL);
    struct pyro_report_variables told = {variables->list.data, variables->list.len};
    signal(SIGPIPE, SIG_IGN);
    if (pyro_cli_has(args, PYRO_OPT_JSON))
        pyro_report_stacks_json(stdout, profile, told);
    else
        pyro_report_stacks(stdout, profile, &options, told);
}

int pyro_cli_dump(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    struct pyro_profile *profile = NULL;
    struct pyro_error err = {0};
    char path[PATH_MAX];
    const char *core = pyro_cli_value(args, PYRO_OPT_CORE);
    int pid = 0, status = 0;

    if (core == NULL && pyro_cli_has(args, PYRO_OPT_ROOT))
        status = pyro_cli_fail(PYRO_EXIT_USAGE, "--root is of no use without --core.");
    else if (core == NULL)
        status = find(args, &pid);
    else if (args->word_count > 0)
        status = pyro_cli_fail(PYRO_EXIT_USAGE,
                               "`pyrometer dump` takes a process or a core file, not both.");
    if (status)
        return status;
    if (make_temporary(path) != 0)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "Cannot write a file for a moment: set $TMPDIR to a "
                                               "folder that can be written into.");
    struct variables variables = {.list = PYRO_VEC(struct pyro_report_variable)};
    if (pyro_cli_has(args, PYRO_OPT_LOCALS))
        variables.arena = pyro_base_arena_new();
    struct pyro_record_options recording = {
        .output = path,
        .overwrite = true,
        .subprocesses = pyro_cli_has(args, PYRO_OPT_SUBPROCESSES),
        .tool = PYRO_TOOL,
        .variable = variables.arena != NULL ? keep : NULL,
        .variable_ctx = &variables,
    };
    int rc = record(pid, args, &recording, &err);
    if (rc == 0)
        rc = pyro_profile_load(path, &profile, &err);
    unlink(path);
    if (rc == 0)
        show(args, profile, &variables);
    pyro_profile_free(profile);
    pyro_base_vec_release(&variables.list);
    pyro_base_arena_free(variables.arena);
    if (rc != 0)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    return pyro_cli_close_stdout(PYRO_EXIT_DONE);
}
