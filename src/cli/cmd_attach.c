/*
 * pyrometer attach: the recording of a process that runs already.
 */
#include "cli.h"
#include "record.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

/* What the process is called: the file or module that its Python runs, else its own name. */
static void name_of(pid_t pid, char *out, size_t size)
{
    struct pyro_proc_stat stat;
    struct pyro_vec words = PYRO_VEC(struct pyro_str);
    char *bytes = NULL, kind;

    snprintf(out, size, "process");
    if (pyro_target_proc_stat(pid, 0, &stat) == 0)
        snprintf(out, size, "%s", stat.comm);
    pyro_record_words(pid, &words, &bytes);
    struct pyro_str program = pyro_report_program(words.data, words.len, &kind);
    if (program.size > 0 && kind != 'c') {
        program = pyro_profile_file_name(program);
        snprintf(out, size, "%.*s", (int)program.size, program.bytes);
        char *ending = strstr(out, ".py");
        if (ending && ending > out && ending[3] == 0)
            *ending = 0;
    }
    pyro_base_vec_release(&words);
    free(bytes);
}

int pyro_cli_attach(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    struct pyro_record_result result = {0};
    struct pyro_progress progress;
    struct pyro_error err = {0};
    struct pyro_output output;
    char name[64];
    int pid;

    if (args->word_count != 1 || !pyro_cli_pid(args->words[0], &pid))
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             args->word_count == 1
                                 ? "`pyrometer attach` takes the number of a process, not `%s`."
                                 : "`pyrometer attach` takes the number of one process.%s",
                             args->word_count == 1 ? args->words[0] : "");
    int status = pyro_cli_here(&pid);
    if (status)
        return status;
    name_of(pid, name, sizeof name);
    if (pyro_cli_choose_output(args, name, &output, &err) != 0)
        return pyro_cli_usage(&err);
    struct pyro_record_options options = pyro_cli_record_options(args, &output, &progress);
    options.pid = pid;
    int rc = pyro_record_run(&options, &result, &err);
    pyro_cli_progress_clear(&progress);
    if (rc != 0)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    pyro_cli_after_recording(args, &output, &result);
    return PYRO_EXIT_DONE;
}
