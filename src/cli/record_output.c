/*
 * What run and attach share: where the recording goes, and the report and the export made of it at
 * the end.
 */
#include "cli.h"
#include "record.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *pyro_cli_recording_of(const struct pyro_output *output)
{
    return output->format ? output->recording : output->path;
}

int pyro_cli_choose_output(const struct pyro_args *args, const char *program,
                           struct pyro_output *out, struct pyro_error *err)
{
    struct stat st;
    *out = (struct pyro_output){.path = pyro_cli_value(args, PYRO_OPT_OUTPUT)};
    if (!out->path) {
        out->path = out->name;
        return pyro_cli_default_output(program, out->name, err);
    }
    if (strcmp(out->path, "-") == 0)
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "-o needs a file's name: stdout belongs to the program.");
    out->format = pyro_export_by_ending(out->path);
    int rc = pyro_cli_check_output(out->path, pyro_cli_has(args, PYRO_OPT_FORCE), err);
    if (rc == 0 && !out->format && stat(out->path, &st) == 0 && S_ISFIFO(st.st_mode))
        return pyro_base_fail(err, PYRO_E_EXISTS, "%.800s is a pipe. Give a file's name with -o.",
                              out->path);
    if (rc == 0 && out->format)
        rc = pyro_cli_temporary_name(out->path, out->recording, err);
    return rc;
}

struct pyro_record_options pyro_cli_record_options(const struct pyro_args *args,
                                                   const struct pyro_output *output,
                                                   struct pyro_progress *progress)
{
    pyro_cli_progress_init(progress);
    return (struct pyro_record_options){
        .control = true,
        .output = pyro_cli_recording_of(output),
        .overwrite = pyro_cli_has(args, PYRO_OPT_FORCE),
        .rate = pyro_cli_rate(args),
        .seed = pyro_cli_number(args, PYRO_OPT_SEED, 0),
        .delay_ns = pyro_cli_time(args, PYRO_OPT_DELAY),
        .duration_ns = pyro_cli_time(args, PYRO_OPT_DURATION),
        .subprocesses = !pyro_cli_has(args, PYRO_OPT_NO_SUBPROCESSES),
        .source = !pyro_cli_has(args, PYRO_OPT_NO_SOURCE),
        .tool = PYRO_TOOL,
        .progress = progress->on && !pyro_cli_has(args, PYRO_OPT_QUIET) ? pyro_cli_progress : NULL,
        .progress_ctx = progress,
    };
}

/* Makes the export that was asked for of the recording, which is then not needed any more. */
static bool export_recording(const struct pyro_profile *profile, const struct pyro_output *output,
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

void pyro_cli_after_recording(const struct pyro_args *args, const struct pyro_output *output,
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
    if (pyro_profile_load(pyro_cli_recording_of(output), &profile, &err) != 0) {
        pyro_cli_say("%s", err.text);
        return;
    }
    bool exported =
        output->format && export_recording(profile, output, pyro_cli_has(args, PYRO_OPT_FORCE));
    if (!quiet && result->saw_python) {
        struct pyro_terminal terminal = pyro_cli_terminal(STDERR_FILENO);
        struct pyro_report_options options = pyro_cli_report_options(
            &terminal, args, exported ? NULL : pyro_cli_recording_of(output));
        options.export = exported ? output->path : NULL;
        pyro_report_summary(stderr, profile, &options);
    }
    pyro_profile_free(profile);
}
