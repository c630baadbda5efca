/*
 * pyrometer export: a recording in a format of another tool.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* By --format, else by the output's ending; NULL after saying what is missing. */
static const struct pyro_export_format *chosen_format(const struct pyro_args *args,
                                                      const char *output)
{
    const char *name = pyro_cli_value(args, PYRO_OPT_FORMAT);
    const struct pyro_export_format *format = name     ? pyro_export_by_name(name)
                                              : output ? pyro_export_by_ending(output)
                                                       : NULL;
    if (!format)
        pyro_cli_say("Which format? Say --format collapsed or --format speedscope, or let the "
                     "output's name end in .collapsed or .speedscope.json.");
    return format;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int pyro_cli_export(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    const char *output = pyro_cli_value(args, PYRO_OPT_OUTPUT);
    const char *recording = args->word_count ? args->words[0] : NULL;
    bool to_stdout = !output || strcmp(output, "-") == 0;
    bool force = pyro_cli_has(args, PYRO_OPT_FORCE);
    struct pyro_error err = {0};
    struct pyro_profile *profile = NULL;
    char path[PATH_MAX];

    if (args->word_count > 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer export` takes one recording, and `%s` is a second.",
                             args->words[1]);
    const struct pyro_export_format *format = chosen_format(args, output);
    struct pyro_export_options options;
    if (!format || pyro_cli_export_options(args, &options) != 0)
        return PYRO_EXIT_USAGE;
    if (!to_stdout && pyro_cli_check_output(output, force, &err) != 0)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);

    int status = pyro_cli_open(args, recording, path, &profile);
    if (status)
        return status;
    if (!to_stdout && is_same_file(path, output)) {
        pyro_profile_free(profile);
        return pyro_cli_fail(PYRO_EXIT_FAILED,
                             "%s is the recording itself. Give another name with -o.", output);
    }
    signal(SIGPIPE, SIG_IGN);
    int rc = pyro_cli_write_export(profile, format, &options, output, force, &err);
    if (rc && !(to_stdout && ferror(stdout)))
        status = pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    if (profile->filtered && profile->samples == profile->outside)
        pyro_cli_say("No function with samples matches the filters given: the export is empty.");
    if (profile->ending == PYRO_ENDED_TRUNCATED)
        pyro_cli_say("%s is damaged or cut: what could be read was exported.", path);
    pyro_profile_free(profile);
    return to_stdout ? pyro_cli_close_stdout(status) : status;
}
