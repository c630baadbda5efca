/*
 * Why a process may not be read, and what grants it: the sentence names the setting that stands
 * in the way on this machine and the command that changes it.
 */
#include "target_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPABILITY_PTRACE = 19 };

/* The number behind `key` in a small file of /proc; -1: it cannot be read. */
static long long read_number(const char *path, const char *key, int base)
{
    long long value = -1;
    char *text, *at;
    size_t size;

    if (pyro_base_read_file(path, 65536, &text, &size, NULL))
        return -1;
    at = key ? strstr(text, key) : text;
    if (at)
        value = (long long)strtoull(at + (key ? strlen(key) : 0), NULL, base);
    free(text);
    return value;
}

static bool can_ptrace(void)
{
    long long effective = read_number("/proc/self/status", "CapEff:", 16);

    return effective >= 0 && (effective >> CAPABILITY_PTRACE & 1);
}

int target_fail_obstacle(const struct target_obstacles *o, pid_t pid, struct pyro_error *err)
{
    if (o->may_trace)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              o->filtered
                                  ? "Not permitted to read process %d: the container's seccomp "
                                    "filter forbids process_vm_readv; start the container with "
                                    "`--cap-add=SYS_PTRACE`, which lifts it."
                                  : "Not permitted to read process %d although this user may "
                                    "trace: a security module (SELinux, AppArmor) or a user "
                                    "namespace of the process stands in the way; "
                                    "`sudo dmesg | tail` names the module.",
                              (int)pid);
    if (o->user == 0)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "Not permitted to read process %d: this root user lacks the "
                              "capability CAP_SYS_PTRACE; start the container with "
                              "`--cap-add=SYS_PTRACE`.",
                              (int)pid);
    if (o->owner != o->user)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "Not permitted to read process %d: it is user %u's (or was made "
                              "undumpable) and this is user %u; run the same command with `sudo`.",
                              (int)pid, (unsigned)o->owner, (unsigned)o->user);
    if (o->scope == 3)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "Not permitted to read process %d: "
                              "/proc/sys/kernel/yama/ptrace_scope is 3, which forbids it to all "
                              "until the next start of the machine with another setting.",
                              (int)pid);
    if (o->scope == 2 || o->scope == 1)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "Not permitted to read process %d: "
                              "/proc/sys/kernel/yama/ptrace_scope is %d, which allows it %s; run "
                              "the same command with `sudo`, or allow it until the next start of "
                              "the machine with `sudo sysctl kernel.yama.ptrace_scope=0`%s.",
                              (int)pid, o->scope,
                              o->scope == 1 ? "for a process's own children only" : "for root only",
                              o->scope == 1 ? ", or start the program with `pyrometer run`" : "");
    if (o->filtered)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "Not permitted to read process %d: a seccomp filter forbids "
                              "process_vm_readv; start the container with "
                              "`--cap-add=SYS_PTRACE`.",
                              (int)pid);
    return pyro_base_fail(err, PYRO_E_PERMISSION,
                          "Not permitted to read process %d: the process or its user namespace "
                          "forbids it; run the same command with `sudo`.",
                          (int)pid);
}

int target_fail_permission(pid_t pid, struct pyro_error *err)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st))
        return target_fail_gone(pid, err);
    const struct target_obstacles o = {
        .may_trace = can_ptrace(),
        .filtered = read_number("/proc/self/status", "Seccomp:", 10) == 2,
        .user = geteuid(),
        .owner = st.st_uid,
        .scope = (int)read_number("/proc/sys/kernel/yama/ptrace_scope", NULL, 10),
    };
    return target_fail_obstacle(&o, pid, err);
}

int target_fail_gone(pid_t pid, struct pyro_error *err)
{
    if (kill(pid, 0) && errno == ESRCH)
        return pyro_base_fail(err, PYRO_E_GONE, "There is no process %d (any more).", (int)pid);
    return pyro_base_fail(err, PYRO_E_GONE, "Process %d has ended.", (int)pid);
}
