/*
 * What of this machine decides whether a process may read another's memory.  The verdict comes
 * from trying it; the settings only explain it and name what mends it.
 */
#include "cli.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CAP_SYS_PTRACE_BIT 19

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

/* The text behind `field` in /proc/self/status. */
static bool own_status(const char *field, char *out, size_t size)
{
    char *text = NULL;
    size_t len = 0;
    bool found = false;
    if (pyro_base_read_file("/proc/self/status", 1 << 20, &text, &len, NULL) != 0)
        return false;
    for (const char *at = text; at && !found; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, field, strlen(field)) == 0) {
            at += strlen(field);
            at += strspn(at, " \t");
            snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
            found = true;
        }
    }
    free(text);
    return found;
}

static bool can_trace_any(void)
{
    char text[64];
    return own_status("CapEff:", text, sizeof text) &&
           (strtoull(text, NULL, 16) >> CAP_SYS_PTRACE_BIT & 1);
}

static bool in_container(void)
{
    struct stat st;
    return stat("/.dockerenv", &st) == 0 || stat("/run/.containerenv", &st) == 0 ||
           getenv("container") || getenv("KUBERNETES_SERVICE_HOST");
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

static void check_reading(struct checks *checks, bool *works)
{
    char scope[16] = "", seccomp[16] = "0";
    int why = read_a_child();

    first_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof scope);
    own_status("Seccomp:", seccomp, sizeof seccomp);
    *works = why == 0;
    struct pyro_check *check =
        add(checks, "read_child", "Reading a child's memory", why ? PYRO_BAD : PYRO_GOOD);
    if (why == 0) {
        snprintf(check->text, sizeof check->text, "works (tried)");
        return;
    }
    snprintf(check->text, sizeof check->text, "fails: %s", strerror(why));
    if (why == ENOSYS)
        snprintf(check->mend, sizeof check->mend,
                 "This kernel or sandbox has no process_vm_readv: run on a Linux kernel built with "
                 "CONFIG_CROSS_MEMORY_ATTACH.");
    else if (scope[0] == '3')
        snprintf(check->mend, sizeof check->mend,
                 "kernel.yama.ptrace_scope is 3, which only a restart lifts: set it to 1 in "
                 "/etc/sysctl.d/10-ptrace.conf, then restart.");
    else if (scope[0] == '2' && !can_trace_any())
        snprintf(check->mend, sizeof check->mend, "sudo sysctl kernel.yama.ptrace_scope=1");
    else if (in_container() || seccomp[0] == '2')
        snprintf(check->mend, sizeof check->mend,
                 "Start the container with --cap-add=SYS_PTRACE (docker run, podman run), or with "
                 "securityContext.capabilities.add: [SYS_PTRACE] in Kubernetes.");
    else
        snprintf(check->mend, sizeof check->mend,
                 "A security module (SELinux, AppArmor) may forbid it: `sudo dmesg | tail` after "
                 "this command names it.");
}

static void check_yama(struct checks *checks)
{
    static const char *const meanings[] = {
        "any process of the same user may be read",
        "children may be read (`run`); other processes not",
        "only with CAP_SYS_PTRACE, children too",
        "nobody may read another process, until the next restart",
    };
    char scope[16];

    if (!first_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof scope)) {
        struct pyro_check *check = add(checks, "ptrace_scope", "ptrace_scope", PYRO_GOOD);
        snprintf(check->text, sizeof check->text,
                 "no Yama in this kernel: any process of the same user may be read");
        return;
    }
    unsigned level = (unsigned)(scope[0] - '0');
    bool any = can_trace_any() && level < 3;
    enum pyro_verdict verdict = any || level == 0 ? PYRO_GOOD : level == 1 ? PYRO_INFO : PYRO_WARN;
    struct pyro_check *check = add(checks, "ptrace_scope", "ptrace_scope", verdict);
    snprintf(check->text, sizeof check->text, "%.10s: %s%s", scope,
             level < 4 ? meanings[level] : "unknown",
             any && level > 0 ? "; this process has CAP_SYS_PTRACE and may" : "");
    if (!any && level == 1)
        snprintf(check->mend, sizeof check->mend,
                 "Only to attach to running programs: sudo sysctl kernel.yama.ptrace_scope=0");
}

static void check_rights(struct checks *checks)
{
    char seccomp[16] = "0";
    own_status("Seccomp:", seccomp, sizeof seccomp);
    struct pyro_check *check = add(checks, "rights", "Rights", PYRO_INFO);
    snprintf(check->text, sizeof check->text, "user %d%s%s%s", (int)geteuid(),
             can_trace_any() ? ", CAP_SYS_PTRACE" : ", no CAP_SYS_PTRACE (`run` does not need it)",
             in_container() ? ", in a container" : "",
             seccomp[0] == '2' ? ", under a seccomp filter" : "");
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

static void check_machine(struct checks *checks)
{
    struct utsname name;
    cpu_set_t cpus;
    struct pyro_check *check = add(checks, "kernel", "Kernel", PYRO_INFO);

    if (uname(&name) == 0)
        snprintf(check->text, sizeof check->text, "%s %s, %s", name.sysname, name.release,
                 name.machine);
    check = add(checks, "libc", "C library", PYRO_INFO);
    snprintf(check->text, sizeof check->text, "glibc %s", gnu_get_libc_version());
    int usable = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 0;
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

    check_machine(&checks);
    check_clock(&checks);
    check_rights(&checks);
    check_yama(&checks);
    check_reading(&checks, works);
    for (size_t i = 0; i < checks.count; i++)
        if (checks.out[i].verdict == PYRO_BAD)
            *works = false;
    return checks.count;
}
