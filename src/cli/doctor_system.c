/*
 * What of this machine decides whether a process may read another's memory.  The verdict comes
 * from trying it; the settings only explain it and name what mends it (doctor_reading.c).
 */
#include "cli.h"
#include "target.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct checks {
    struct pyro_check *out;
    size_t count, max;
};

static struct pyro_check *add(struct checks *checks, const char *key, const char *label,
                              enum pyro_verdict verdict)
{
    static struct pyro_check spare; /* more checks than room: shown in none */
    struct pyro_check *check = checks->count < checks->max ? &checks->out[checks->count++] : &spare;
    *check = (struct pyro_check){.key = key, .label = label, .verdict = verdict};
    return check;
}

/* The first line of a small file; false if it cannot be read. */
static bool first_line(const char *path, char *out, size_t size)
{
    char *text = NULL;
    size_t len = 0;
    if (pyro_base_read_file(path, 1 << 20, &text, &len, NULL) != 0)
        return false;
    snprintf(out, size, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
    return true;
}

/* Reads a word out of a child that does nothing.  0, or errno. */
static int read_a_child(void)
{
    static const char secret[] = "a child's memory";
    char copy[sizeof secret] = "";
    struct iovec to = {copy, sizeof copy}, from = {(void *)(uintptr_t)secret, sizeof secret};
    pid_t child = fork();

    if (child < 0)
        return errno;
    if (child == 0)
        for (;;)
            pause();
    ssize_t n = process_vm_readv(child, &to, 1, &from, 1, 0);
    int why = n < 0 ? errno : n == sizeof copy && !memcmp(copy, secret, sizeof copy) ? 0 : EIO;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return why;
}

static void check_rights(struct checks *checks, const struct pyro_obstacles *o)
{
    struct pyro_check *check = add(checks, "rights", "Rights", PYRO_INFO);
    snprintf(check->text, sizeof check->text, "user %d%s%s%s", (int)o->user,
             o->may_trace ? ", CAP_SYS_PTRACE" : ", no CAP_SYS_PTRACE (`run` does not need it)",
             o->contained ? ", in a container" : "", o->filtered ? ", under a seccomp filter" : "");
}

static void check_clock(struct checks *checks)
{
    char source[64];
    struct timespec step = {0};
    clock_getres(CLOCK_MONOTONIC, &step);
    if (!first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                    sizeof source))
        snprintf(source, sizeof source, "unknown");
    bool slow = strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 ||
                strcmp(source, "jiffies") == 0;
    bool coarse = step.tv_sec > 0 || step.tv_nsec > 1000;
    struct pyro_check *check =
        add(checks, "clock", "Clock", slow || coarse ? PYRO_WARN : PYRO_GOOD);
    snprintf(check->text, sizeof check->text, "%s, in steps of %ld ns%s", source, step.tv_nsec,
             slow ? ": slow to read, so that high rates cost more" : "");
}

int pyro_cli_usable_cpus(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 0;
}

static void check_machine(struct checks *checks)
{
    struct utsname name;
    struct pyro_check *check = add(checks, "kernel", "Kernel", PYRO_INFO);

    if (uname(&name) == 0)
        snprintf(check->text, sizeof check->text, "%s %s, %s", name.sysname, name.release,
                 name.machine);
    check = add(checks, "libc", "C library", PYRO_INFO);
    snprintf(check->text, sizeof check->text, "glibc %s", gnu_get_libc_version());
    int usable = pyro_cli_usable_cpus();
    check = add(checks, "cpus", "CPUs", usable == 1 ? PYRO_WARN : PYRO_INFO);
    snprintf(check->text, sizeof check->text, "%d usable of %ld%s", usable,
             sysconf(_SC_NPROCESSORS_ONLN),
             usable == 1 ? ": the program and Pyrometer share one, and ticks will be missed" : "");
    if (access("/proc/self/maps", R_OK) != 0) {
        check = add(checks, "proc", "/proc", PYRO_BAD);
        snprintf(check->text, sizeof check->text, "not mounted or not readable");
        snprintf(check->mend, sizeof check->mend, "sudo mount -t proc proc /proc");
    }
}

size_t pyro_cli_check_system(struct pyro_check *out, size_t max, bool *works)
{
    struct checks checks = {.out = out, .max = max};
    struct pyro_obstacles obstacles = {.user = geteuid(), .scope = -1};
    int why = read_a_child();

    pyro_target_obstacles(getpid(), &obstacles);
    check_machine(&checks);
    check_clock(&checks);
    check_rights(&checks, &obstacles);
    pyro_cli_judge_yama(&obstacles, add(&checks, "", "", PYRO_INFO));
    pyro_cli_judge_reading(&obstacles, why, add(&checks, "", "", PYRO_INFO));
    *works = why == 0;
    for (size_t i = 0; i < checks.count; i++)
        if (checks.out[i].verdict == PYRO_BAD)
            *works = false;
    return checks.count;
}
