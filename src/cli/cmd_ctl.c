/*
 * pyrometer ctl: asks a recorder to stop sampling, to go on, or to write what it has.
 */
#include "cli.h"
#include "record.h"

#include <string.h>

int pyro_cli_ctl(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    const char *const *requests = pyro_cli_commands[PYRO_CMD_CTL].views;
    struct pyro_error err = {0};
    char answer[1000], clean[4000];
    int pid, i = 0;

    if (args->word_count != 2)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer ctl` takes the number of a process and on, off, flush or "
                             "status.");
    if (!pyro_cli_pid(args->words[0], &pid))
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer ctl` takes the number of a process, not `%s`.",
                             args->words[0]);
    while (requests[i] && strcmp(requests[i], args->words[1]) != 0)
        i++;
    if (!requests[i])
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer ctl` knows on, off, flush and status, not `%s`.",
                             args->words[1]);
    if (pyro_record_ask(pid, requests[i], answer, sizeof answer, &err) != 0)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    printf("%s\n", pyro_cli_clean(clean, sizeof clean, answer));
    return pyro_cli_close_stdout(PYRO_EXIT_DONE);
}
