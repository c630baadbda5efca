/*
 * pyrometer help, and what is said of a command that there is not.
 */
#include "cli.h"

#include <sys/stat.h>

int pyro_cli_unknown_command(const char *word)
{
    const char *names[PYRO_CMD_COUNT + 1];
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++)
        names[i] = pyro_cli_commands[i].name;
    names[PYRO_CMD_COUNT] = NULL;

    const char *nearest = pyro_cli_nearest(word, names);
    struct stat st;
    if (nearest)
        return pyro_cli_fail(PYRO_EXIT_USAGE, "There is no command `%s`. Did you mean `%s`?", word,
                             nearest);
    if (stat(word, &st) == 0)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "There is no command `%s`. To run it: `pyrometer run %s`.", word,
                             word);
    return pyro_cli_fail(PYRO_EXIT_USAGE,
                         "There is no command `%s`. `pyrometer help` lists those there are.", word);
}

int pyro_cli_help_command(struct pyro_cli *cli)
{
    if (cli->args.word_count > 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE, "`pyrometer help` takes one command.");
    if (cli->args.word_count == 0) {
        pyro_cli_help(stdout);
        return pyro_cli_close_stdout(0);
    }
    enum pyro_command_id id = pyro_cli_command(cli->args.words[0]);
    if (id == PYRO_CMD_COUNT)
        return pyro_cli_unknown_command(cli->args.words[0]);
    pyro_cli_command_help(stdout, id);
    return pyro_cli_close_stdout(0);
}
