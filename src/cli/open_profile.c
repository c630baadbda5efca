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

/* --state, or one of those that stand for it.  They cannot be told apart from each other later, so
 * that two of them are a usage error. */
static int choose_state(const struct pyro_args *args, enum pyro_state *out)
{
    const char *state = pyro_cli_value(args, PYRO_OPT_STATE);
    const char *mode = pyro_cli_value(args, PYRO_OPT_MODE);
    bool gil = pyro_cli_has(args, PYRO_OPT_GIL), idle = pyro_cli_has(args, PYRO_OPT_IDLE);
    *out = PYRO_STATE_ANY;
    if ((state != NULL) + (mode != NULL) + gil + idle > 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "Of --state, --mode, --gil and --idle only one can be given.");
    if (gil)
        mode = "gil";
    const char *wanted = state ? state : mode;
    for (int i = 0; wanted && i < PYRO_STATES; i++)
        if (strcmp(pyro_profile_state_names[i], wanted) == 0)
            *out = (enum pyro_state)i;
    return 0;
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
    int status = choose_state(args, &filter.state);
    if (status)
        return status;

    if (!recording) {
        if (pyro_cli_newest(path, &err) != 0)
            return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    } else if (snprintf(path, PATH_MAX, "%s", recording) >= PATH_MAX) {
        return pyro_cli_fail(PYRO_EXIT_FAILED, "The recording's name is too long.");
    }
    status = load(path, &whole);
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
        !filter.process && filter.state == PYRO_STATE_ANY) {
        *out = whole;
        return 0;
    }
    int rc = pyro_profile_filter(whole, &filter, out, &err);
    pyro_profile_free(whole);
    if (rc)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text);
    return 0;
}
