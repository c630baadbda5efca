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

static int not_started(const struct pyro_output *output, const char *program, int why)
{
    unlink(pyro_cli_recording_of(output));
    return pyro_cli_fail(why == ENOENT ? PYRO_EXIT_NOT_FOUND : PYRO_EXIT_CANNOT_EXECUTE,
                         "Cannot run %s: %s.%s", program, strerror(why),
                         why == ENOENT    ? " If the file is there, the interpreter that its first "
                                            "line names is not."
                         : why == ENOEXEC ? " It is no program, and has no first line that names "
                                            "an interpreter."
                                          : "");
}

int pyro_cli_run(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    struct pyro_record_result result = {0};
    struct pyro_progress progress;
    struct pyro_launch launch;
    struct pyro_error err = {0};
    struct pyro_output output;

    int status = pyro_cli_launch(args, cli->default_python, &launch, &err);
    if (status) {
        pyro_cli_launch_release(&launch);
        return pyro_cli_fail(status, "%s", err.text);
    }
    if (pyro_cli_choose_output(args, launch.program, &output, &err) != 0) {
        pyro_cli_launch_release(&launch);
        return pyro_cli_usage(&err);
    }
    struct pyro_record_options options = pyro_cli_record_options(args, &output, &progress);
    options.argv = launch.argv;
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
    pyro_cli_after_recording(args, &output, &result);
    return end_as(result.wait_status);
}
