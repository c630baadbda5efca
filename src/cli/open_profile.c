/*
 * What report and export begin with: find the recording, load it, keep what was asked for.
 */
#include "cli.h"

#include <string.h>
#include <unistd.h>

static int load(const char *path, struct pyro_profile **out)
{
    struct pyro_error err = {0};
    int rc = pyro_profile_load(path, out, &err);
    if (rc == 0)
        return 0;
    const char *why = err.text[0] ? err.text : pyro_base_code_text(rc);
    if (strstr(why, path))
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", why);
    return pyro_cli_fail(PYRO_EXIT_FAILED, "Cannot read %s: %s", path, why);
}

int pyro_cli_open(const struct pyro_args *args, const char *recording, char path[PATH_MAX],
                  struct pyro_profile **out)
{
    struct pyro_error err = {0};
    struct pyro_profile *whole = NULL;
    char mine[PATH_MAX];
    uint64_t pid = pyro_cli_number(args, PYRO_OPT_PROCESS, 0);
    if (pid > INT32_MAX)
        pid = INT32_MAX; /* no process has it */
    struct pyro_filter filter = {
        .only = args->given[PYRO_OPT_ONLY].values,
        .only_count = args->given[PYRO_OPT_ONLY].count,
        .exclude = args->given[PYRO_OPT_EXCLUDE].values,
        .exclude_count = args->given[PYRO_OPT_EXCLUDE].count,
        .thread = pyro_cli_value(args, PYRO_OPT_THREAD),
        .process = (int32_t)pid,
    };

    if (!recording) {
        if (pyro_cli_newest(path, &err) != 0)
            return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    } else if (snprintf(path, PATH_MAX, "%s", recording) >= PATH_MAX) {
        return pyro_cli_fail(PYRO_EXIT_FAILED, "The recording's name is too long.");
    }
    int status = load(path, &whole);
    if (status)
        return status;
    if (pyro_cli_has(args, PYRO_OPT_MINE)) {
        /* The program's working directory, so that it does not matter from where one looks. */
        if (whole->cwd.size > 0 && whole->cwd.size < sizeof mine)
            snprintf(mine, sizeof mine, "%.*s", (int)whole->cwd.size, whole->cwd.bytes);
        else if (!getcwd(mine, sizeof mine))
            strcpy(mine, "/");
        filter.mine = mine;
    }
    if (!filter.only_count && !filter.exclude_count && !filter.thread && !filter.mine &&
        !filter.process) {
        *out = whole;
        return 0;
    }
    int rc = pyro_profile_filter(whole, &filter, out, &err);
    pyro_profile_free(whole);
    if (rc)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    return 0;
}
