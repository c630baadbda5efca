/*
 * What /proc says of a process, its threads and its children.
 */
#include "target_priv.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    PF_FORKNOEXEC = 0x40, /* a flag of field 9 of a process's stat */
    STAT_MAX = 4096,
    STATUS_MAX = 1 << 20, /* of many groups */
    CHILDREN_MAX = 1 << 20,
    ARGV_MAX = 8 << 20, /* the kernel allows 6 MiB */
};

/* Field `n` (as proc(5) numbers them, from 4 on) of what follows the state letter. */
static uint64_t field(const char *after_state, int n)
{
    const char *at = after_state;

    for (int i = 4; at && i < n; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

/* The kernel chooses by chance where the code and the stack of a program that is executed go. */
static uint64_t memory_of(const char *after_state)
{
    uint64_t code = field(after_state, 26), stack = field(after_state, 28);

    return stack ? pyro_base_mix(code ^ pyro_base_mix(stack)) : 0;
}

/* ns on the CPU: of a whole process from its clock, of a thread from the scheduler; else from the
 * fields in clock ticks. */
static uint64_t cpu_ns(pid_t pid, pid_t tid, const char *after_state)
{
    uint64_t ticks = field(after_state, 14) + field(after_state, 15);
    long hz = sysconf(_SC_CLK_TCK);
    struct timespec time;
    clockid_t clock;
    char path[96], *text;
    size_t size;

    if (tid) {
        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)tid);
        if (pyro_base_read_file(path, STAT_MAX, &text, &size, NULL) == 0) {
            uint64_t ns = strtoull(text, NULL, 10);

            free(text);
            if (ns)
                return ns;
        }
    } else if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
        return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    }
    return hz > 0 ? ticks * (1000000000u / (uint64_t)hz) : 0;
}

int pyro_target_proc_stat(pid_t pid, pid_t tid, struct pyro_proc_stat *out)
{
    char path[96], *text, *open, *close;
    size_t size;
    int rc;

    *out = (struct pyro_proc_stat){0};
    if (tid)
        snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    else
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    rc = pyro_base_read_file(path, STAT_MAX, &text, &size, NULL);
    if (rc)
        return rc == PYRO_E_NOT_FOUND || rc == PYRO_E_IO ? PYRO_E_GONE : rc;
    open = strchr(text, '(');
    close = strrchr(text, ')'); /* the name may hold brackets itself */
    if (!open || !close || close < open || strlen(close) < 6) {
        free(text);
        return PYRO_E_GONE;
    }
    snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(close - open - 1), open + 1);
    out->state = close[2];
    out->ppid = (int)field(close + 4, 4);
    out->start_ticks = field(close + 4, 22);
    out->cpu_ns = cpu_ns(pid, tid, close + 4);
    out->memory = memory_of(close + 4);
    out->forked = field(close + 4, 9) & PF_FORKNOEXEC;
    out->reaped = field(close + 4, 11) + field(close + 4, 13);
    free(text);
    return 0;
}

static long status_field(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static char *read_status(pid_t pid)
{
    char path[64], *text;
    size_t size;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    return pyro_base_read_file(path, STATUS_MAX, &text, &size, NULL) ? NULL : text;
}

pid_t pyro_target_process_of(pid_t id)
{
    char *text = read_status(id);
    long group = text ? status_field(text, "\nTgid:") : 0;

    free(text);
    return (pid_t)group;
}

pid_t pyro_target_parent(pid_t pid)
{
    char *text = read_status(pid);
    bool is_process = text && status_field(text, "\nTgid:") == pid;
    long parent = is_process ? status_field(text, "\nPPid:") : 0;

    free(text);
    return (pid_t)parent;
}

/* The last number of "NSpid:", which the innermost namespace gives it; 0: not known. */
static long innermost(const char *status)
{
    const char *at = strstr(status, "\nNSpid:");
    long number = 0;
    char *end;

    if (!at)
        return 0;
    for (at += strlen("\nNSpid:"); *at == '\t' || *at == ' '; at = end) {
        number = strtol(at, &end, 10);
        if (end == at)
            break;
    }
    return number;
}

bool pyro_target_is_apart(pid_t pid)
{
    char *text = read_status(pid);
    long inner = text ? innermost(text) : 0;

    free(text);
    return inner != 0 && inner != pid;
}

int pyro_target_find_apart(pid_t inner, pid_t *out, int max)
{
    const struct dirent *entry;
    int count = 0;
    DIR *dir = opendir("/proc");

    while (dir && (entry = readdir(dir))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        char *text = pid > 0 && pid != inner ? read_status(pid) : NULL;

        if (text && innermost(text) == inner) {
            if (count < max)
                out[count] = pid;
            count++;
        }
        free(text);
    }
    if (dir)
        closedir(dir);
    return count;
}

int pyro_target_tasks(pid_t pid, struct pyro_map *out)
{
    const struct dirent *entry;
    char path[64];
    DIR *dir;
    int rc = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return PYRO_E_GONE;
    while (!rc && (entry = readdir(dir))) {
        pid_t task = (pid_t)strtol(entry->d_name, NULL, 10);
        char *text = task > 0 ? read_status(task) : NULL;
        long inner = text ? innermost(text) : 0;

        if (inner > 0)
            rc = pyro_base_map_put(out, (uint64_t)inner, 0, (uint32_t)task);
        free(text);
    }
    closedir(dir);
    return rc;
}

/* Appends the pids in a task's list; false: the kernel has no such lists. */
static bool children_of_task(pid_t pid, const char *tid, pid_t *out, int max, int *count)
{
    char path[96], *text;
    size_t size;

    snprintf(path, sizeof(path), "/proc/%d/task/%.12s/children", (int)pid, tid);
    if (pyro_base_read_file(path, CHILDREN_MAX, &text, &size, NULL))
        return false;
    for (char *at = text, *end; *count < max; at = end) {
        long child = strtol(at, &end, 10);

        if (end == at)
            break;
        out[(*count)++] = (pid_t)child;
    }
    free(text);
    return true;
}

/* Without such lists: every process whose parent it is. */
static int children_by_parent(pid_t pid, pid_t *out, int max)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    int count = 0;

    if (!dir)
        return PYRO_E_IO;
    while (count < max && (entry = readdir(dir))) {
        struct pyro_proc_stat stat;
        pid_t child = (pid_t)strtol(entry->d_name, NULL, 10);

        if (child > 0 && pyro_target_proc_stat(child, 0, &stat) == 0 && stat.ppid == pid)
            out[count++] = child;
    }
    closedir(dir);
    return count;
}

int pyro_target_children(pid_t pid, pid_t *out, int max)
{
    const struct dirent *entry;
    bool has_lists = false;
    int count = 0;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return PYRO_E_GONE;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            has_lists |= children_of_task(pid, entry->d_name, out, max, &count);
    closedir(dir);
    return has_lists ? count : children_by_parent(pid, out, max);
}

int pyro_target_argv(pid_t pid, char **out, size_t *size)
{
    char path[64];
    int rc;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    rc = pyro_base_read_file(path, ARGV_MAX, out, size, NULL);
    return rc == PYRO_E_NOT_FOUND ? PYRO_E_GONE : rc;
}
