/*
 * pyrometer run: everything around the recording of one program.  What to start, where to write,
 * the report at the end, and to end as the program ended.  Until the program has ended nothing
 * here changes what it inherits: no signal is ignored, no descriptor left open.
 */
#include "cli.h"
#include "record.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct output {
    const char *path;                        /* what the user gets */
    const struct pyro_export_format *format; /* NULL: the recording itself */
    char name[PATH_MAX];                     /* if we chose it */
    char recording[PATH_MAX];                /* what is recorded into, if that is another file */
};

static const char *recording_of(const struct output *output)
{
    return output->format ? output->recording : output->path;
}

static int choose_output(const struct pyro_args *args, const char *program, struct output *out,
                         struct pyro_error *err)
{
    *out = (struct output){.path = pyro_cli_value(args, PYRO_OPT_OUTPUT)};
    if (!out->path) {
        out->path = out->name;
        return pyro_cli_default_output(program, out->name, err);
    }
    if (strcmp(out->path, "-") == 0)
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "-o needs a file's name: stdout belongs to the program.");
    out->format = pyro_export_by_ending(out->path);
    int rc = pyro_cli_check_output(out->path, pyro_cli_has(args, PYRO_OPT_FORCE), err);
    if (rc == 0 && out->format)
        rc = pyro_cli_temporary_name(out->path, out->recording, err);
    return rc;
}

/* The way the program ended is the way we end: its status, or its signal. */
static int end_as(int wait_status)
{
    if (!WIFSIGNALED(wait_status))
        return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : PYRO_EXIT_FAILED;

    int number = WTERMSIG(wait_status);
    struct rlimit none = {0};
    sigset_t set;
    fflush(NULL);
    setrlimit(RLIMIT_CORE, &none); /* the program has left its core, ours is of no use */
    signal(number, SIG_DFL);
    raise(number);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* if it was blocked, it comes now */
    return 128 + number;                  /* the first process of a container cannot die so */
}

static int not_started(const struct output *output, const char *program, int why)
{
    unlink(recording_of(output));
    return pyro_cli_fail(why == ENOENT ? PYRO_EXIT_NOT_FOUND : PYRO_EXIT_CANNOT_EXECUTE,
                         "Cannot run %s: %s.%s", program, strerror(why),
                         why == ENOENT    ? " If the file is there, the interpreter that its first "
                                            "line names is not."
                         : why == ENOEXEC ? " It is no program, and has no first line that names "
                                            "an interpreter."
                                          : "");
}

/* Makes the export that was asked for of the recording, which is then not needed any more. */
static bool export_recording(const struct pyro_profile *profile, const struct output *output,
                             bool force)
{
    struct pyro_export_options options = {.frames = PYRO_EXPORT_FUNCTIONS};
    struct pyro_error err = {0};

    if (pyro_cli_write_export(profile, output->format, &options, output->path, force, &err) == 0) {
        unlink(output->recording);
        return true;
    }
    pyro_cli_say("%s The recording is kept as %s: `pyrometer export` makes the export of it.",
                 err.text, output->recording);
    return false;
}

static void after_the_program(const struct pyro_args *args, const struct output *output,
                              const struct pyro_record_result *result)
{
    struct pyro_error err = {0};
    struct pyro_profile *profile = NULL;
    bool quiet = pyro_cli_has(args, PYRO_OPT_QUIET);

    if (result->warning[0] && !(quiet && result->ended_early))
        pyro_cli_say("%s", result->warning);
    if (!result->saw_python && !pyro_cli_has(args, PYRO_OPT_OUTPUT)) {
        unlink(output->path); /* nobody asked for it, and it would be the newest */
        return;
    }
    if (quiet && !output->format)
        return;
    if (pyro_profile_load(recording_of(output), &profile, &err) != 0) {
        pyro_cli_say("%s", err.text);
        return;
    }
    bool exported =
        output->format && export_recording(profile, output, pyro_cli_has(args, PYRO_OPT_FORCE));
    if (!quiet && result->saw_python) {
        struct pyro_terminal terminal = pyro_cli_terminal(STDERR_FILENO);
        struct pyro_report_options options =
            pyro_cli_report_options(&terminal, args, exported ? NULL : recording_of(output));
        options.export = exported ? output->path : NULL;
        pyro_report_summary(stderr, profile, &options);
    }
    pyro_profile_free(profile);
}

int pyro_cli_run(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    bool quiet = pyro_cli_has(args, PYRO_OPT_QUIET);
    struct pyro_record_result result = {0};
    struct pyro_progress progress;
    struct pyro_launch launch;
    struct pyro_error err = {0};
    struct output output;

    int status = pyro_cli_launch(args, cli->default_python, &launch, &err);
    if (status) {
        pyro_cli_launch_release(&launch);
        return pyro_cli_fail(status, "%s", err.text);
    }
    if (choose_output(args, launch.program, &output, &err) != 0) {
        pyro_cli_launch_release(&launch);
        return pyro_cli_usage(&err);
    }
    pyro_cli_progress_init(&progress);
    struct pyro_record_options options = {
        .argv = launch.argv,
        .output = recording_of(&output),
        .overwrite = pyro_cli_has(args, PYRO_OPT_FORCE),
        .rate = pyro_cli_rate(args),
        .seed = pyro_cli_number(args, PYRO_OPT_SEED, 0),
        .subprocesses = !pyro_cli_has(args, PYRO_OPT_NO_SUBPROCESSES),
        .source = !pyro_cli_has(args, PYRO_OPT_NO_SOURCE),
        .tool = PYRO_TOOL,
        .progress = progress.on && !quiet ? pyro_cli_progress : NULL,
        .progress_ctx = &progress,
    };
    int rc = pyro_record_run(&options, &result, &err);
    pyro_cli_progress_clear(&progress);
    if (rc)
        status = pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    else if (!result.started)
        status = not_started(&output, launch.argv[0], result.exec_errno);
    pyro_cli_launch_release(&launch);
    if (status)
        return status;

    signal(SIGPIPE, SIG_IGN);
    after_the_program(args, &output, &result);
    return end_as(result.wait_status);
}
