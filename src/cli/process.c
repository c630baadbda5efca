/*
 * The process that a command line names: by our number for it, or, where no process here has that
 * number, by the one that it has in a container.
 */
#include "cli.h"
#include "target.h"

int pyro_cli_here(int *pid)
{
    struct pyro_proc_stat stat;
    pid_t here[2];
    if (pyro_target_proc_stat(*pid, 0, &stat) == 0)
        return 0;
    int count = pyro_target_find_apart(*pid, here, 2);
    if (count > 1)
        return pyro_cli_fail(PYRO_EXIT_FAILED,
                             "%d processes in containers have the number %d, such as %d and %d "
                             "here: name one by its number here.",
                             count, *pid, (int)here[0], (int)here[1]);
    if (count == 1) {
        pyro_cli_say("Process %d of a container is %d here.", *pid, (int)here[0]);
        *pid = (int)here[0];
    }
    return 0; /* if there is none, whoever looks for it says so */
}
