/*
 * pyrometer: finds the command, reads its options, calls it.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A file opened later must not become stdin, stdout or stderr, and the program that `run` starts
 * must see closed what was closed. */
static void fill_low_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* For the build: all man pages into a folder. */
static int write_manpages(const char *folder)
{
    for (int id = 0; id <= PYRO_CMD_COUNT; id++) {
        char path[PATH_MAX];
        if (id == PYRO_CMD_HELP)
            continue;
        snprintf(path, sizeof path, "%s/pyrometer%s%s.1", folder, id < PYRO_CMD_COUNT ? "-" : "",
                 id < PYRO_CMD_COUNT ? pyro_cli_commands[id].name : "");
        FILE *to = fopen(path, "we");
        if (!to)
            return pyro_cli_fail(PYRO_EXIT_FAILED, "Cannot write %s: %s.", path, strerror(errno));
        pyro_cli_manpage(to, (enum pyro_command_id)id);
        if (fclose(to) != 0)
            return pyro_cli_fail(PYRO_EXIT_FAILED, "Cannot write %s: %s.", path, strerror(errno));
    }
    return 0;
}

/* Options before the command: --help, --version, and three that are not for people. */
static int global_option(struct pyro_cli *cli, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    static const char *const names[] = {"help", "version", NULL};

    if (strcmp(word, "--default-python") == 0 && *at + 1 < argc) {
        cli->default_python = argv[*at + 1]; /* by `python -m pyrometer` */
        *at += 2;
        return -1;
    }
    if (strcmp(word, "--man") == 0 && *at + 1 < argc) /* by the build */
        return write_manpages(argv[*at + 1]);
    if (strcmp(word, "--completion") == 0) {
        pyro_cli_completion(stdout);
        return pyro_cli_close_stdout(0);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts(PYRO_TOOL);
        return pyro_cli_close_stdout(0);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        pyro_cli_help(stdout);
        return pyro_cli_close_stdout(0);
    }
    const char *nearest = pyro_cli_nearest(word + strspn(word, "-"), names);
    return pyro_cli_fail(PYRO_EXIT_USAGE,
                         "There is no option %s before the command.%s%s%s `pyrometer help` lists "
                         "the commands.",
                         word, nearest ? " Did you mean --" : "", nearest ? nearest : "",
                         nearest ? "?" : "");
}

int main(int argc, char **argv)
{
    struct pyro_cli cli = {0};
    struct pyro_error err = {0};
    int at = 1;

    fill_low_descriptors();
    while (at < argc && argv[at][0] == '-') {
        int status = global_option(&cli, argc, argv, &at);
        if (status >= 0)
            return status;
    }
    if (at == argc) {
        pyro_cli_help(stderr);
        return PYRO_EXIT_USAGE;
    }
    enum pyro_command_id id = pyro_cli_command(argv[at]);
    if (id == PYRO_CMD_COUNT)
        return pyro_cli_unknown_command(argv[at]);
    at++;
    if (pyro_cli_parse(id, argc - at, argv + at, &cli.args, &err) != 0)
        return pyro_cli_usage(&err);
    int status;
    if (pyro_cli_has(&cli.args, PYRO_OPT_HELP)) {
        pyro_cli_command_help(stdout, id);
        status = pyro_cli_close_stdout(0);
    } else {
        status = pyro_cli_commands[id].main(&cli);
    }
    pyro_cli_args_release(&cli.args);
    return status;
}
