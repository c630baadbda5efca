/*
 * What doctor says of one process: which Python runs in it and in those it has started, and what
 * stands in the way of reading them.  It opens each as `attach` would.
 */
#include "cli.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define PROCESSES_MOST 4096

static void say_argv(pid_t pid, char *out, size_t size)
{
    char *argv = NULL;
    size_t length = 0;
    if (pyro_target_argv(pid, &argv, &length) != 0)
        return;
    for (size_t i = 0; i + 1 < length; i++)
        if (argv[i] == 0)
            argv[i] = ' ';
    size_t used = strlen(out);
    if (length > 0)
        snprintf(out + used, size - used, ": %s", argv);
    free(argv);
}

/* What stands in the way, and what grants it.  False: it has ended by now. */
static bool say_refusal(pid_t pid, struct pyro_check *out)
{
    struct pyro_obstacles obstacles;
    struct pyro_refusal refusal;
    if (!pyro_target_obstacles(pid, &obstacles))
        return false;
    pyro_target_refusal(&obstacles, pid, &refusal);
    snprintf(out->text, sizeof out->text, "%d may not be read: %s", (int)pid, refusal.obstacle);
    snprintf(out->mend, sizeof out->mend, "%s", refusal.mend);
    return true;
}

/* False: nothing is to be said of it. */
static bool check(pid_t pid, bool is_child, struct pyro_check *out)
{
    struct pyro_target *target;
    struct pyro_error err = {0};
    int rc = pyro_target_open(pid, &target, &err);
    if (is_child && (rc == PYRO_E_NOT_PYTHON || rc == PYRO_E_GONE))
        return false;
    *out = (struct pyro_check){.key = is_child ? "child" : "process", .verdict = PYRO_GOOD};
    out->label = is_child ? "Child" : "Process";
    if (rc == 0) {
        snprintf(out->text, sizeof out->text, "%d runs Python %s", (int)pid,
                 pyro_target_version(target));
        say_argv(pid, out->text, sizeof out->text);
        snprintf(out->mend, sizeof out->mend, "pyrometer attach %d", (int)pid);
        pyro_target_close(target);
    } else {
        out->verdict = rc == PYRO_E_NOT_PYTHON ? PYRO_INFO : PYRO_BAD;
        if (rc == PYRO_E_PERMISSION && say_refusal(pid, out))
            return true;
        const char *text = err.text;
        if (strncmp(text, "Process ", 8) == 0) /* which the label says already */
            text += 8;
        snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1, text);
    }
    return true;
}

size_t pyro_cli_check_process(int pid, struct pyro_check *out, size_t max, bool *works)
{
    pid_t *all = malloc(PROCESSES_MOST * sizeof *all);
    size_t count = 0;
    int known = 1;
    *works = false;
    if (all == NULL || max == 0) {
        free(all);
        return 0;
    }
    all[0] = pid;
    pid_t process = pyro_target_process_of(pid);
    if (process > 0 && process != pid) {
        out[count] = (struct pyro_check){"process", "Process", PYRO_BAD, "", ""};
        snprintf(out[count].text, sizeof out[count].text, "%d is a thread of process %d", pid,
                 (int)process);
        snprintf(out[count++].mend, sizeof out[0].mend, "pyrometer doctor %d", (int)process);
        known = 0;
    }
    for (int i = 0; i < known && count < max; i++) {
        int more = pyro_target_children(all[i], all + known, PROCESSES_MOST - known);
        known += more > 0 ? more : 0;
        if (check(all[i], i > 0, &out[count])) {
            *works |= out[count].verdict == PYRO_GOOD;
            count++;
        }
    }
    free(all);
    return count;
}
