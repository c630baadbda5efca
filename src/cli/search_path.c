/*
 * Where a command is, as a shell finds it.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int pyro_cli_on_path(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    int status = PYRO_EXIT_NOT_FOUND;
    struct stat st;

    if (!*name)
        return PYRO_EXIT_NOT_FOUND;
    for (const char *at = path ? path : "/bin:/usr/bin"; at;) {
        const char *end = strchrnul(at, ':');
        int n = snprintf(out, PATH_MAX, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "", name);
        at = *end ? end + 1 : NULL;
        if (n <= 0 || n >= PATH_MAX || stat(out, &st) != 0 || S_ISDIR(st.st_mode))
            continue;
        if (access(out, X_OK) == 0)
            return 0;
        status = PYRO_EXIT_CANNOT_EXECUTE;
    }
    out[0] = 0;
    return status;
}
