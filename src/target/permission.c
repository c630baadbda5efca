/*
 * Why a process may not be read, and what grants it: the sentence names the setting that stands
 * in the way on this machine and the command that changes it.  The same in parts is for `doctor`,
 * which shows the commands in lines of their own.
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

/* Is CAP_SYS_PTRACE in that set of this process? */
static bool has_ptrace(const char *set)
{
    long long bits = read_number("/proc/self/status", set, 16);

    return bits >= 0 && (bits >> CAPABILITY_PTRACE & 1);
}

int pyro_target_trace_scope(void)
{
    return (int)read_number("/proc/sys/kernel/yama/ptrace_scope", NULL, 10);
}

bool pyro_target_may_trace(void)
{
    return has_ptrace("CapEff:");
}

static bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
           getenv("container") || getenv("KUBERNETES_SERVICE_HOST");
}

bool pyro_target_obstacles(pid_t pid, struct pyro_obstacles *out)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st))
        return false;
    *out = (struct pyro_obstacles){
        .may_trace = pyro_target_may_trace(),
        .withheld = !has_ptrace("CapBnd:"),
        .filtered = read_number("/proc/self/status", "Seccomp:", 10) == 2,
        .contained = in_container(),
        .user = geteuid(),
        .owner = st.st_uid,
        .scope = pyro_target_trace_scope(),
    };
    return true;
}

#define BY_CONTAINER "start the container with `--cap-add=SYS_PTRACE`"

/* What root might read, or another setting of Yama allow. */
static void refuse_for_user(const struct pyro_obstacles *o, pid_t pid, struct pyro_refusal *out)
{
    char sudo[64];
    const char *advice = o->withheld ? BY_CONTAINER " and run the same command as root in it"
                                     : "run the same command with `sudo`";
    const char *mend =
        o->withheld ? PYRO_MEND_CONTAINER "\nThen, as root in it: pyrometer attach PID" : sudo;
    bool is_yama = o->owner == o->user && (o->scope == 1 || o->scope == 2);

    snprintf(sudo, sizeof(sudo), "sudo pyrometer attach %d", (int)pid);
    if (is_yama) {
        snprintf(out->obstacle, sizeof(out->obstacle),
                 "/proc/sys/kernel/yama/ptrace_scope is %d, which allows it %s", o->scope,
                 o->scope == 1 ? "for a process's own children only" : "for root only");
        snprintf(out->advice, sizeof(out->advice),
                 "%s, or allow it until the next start of the machine with "
                 "`sudo sysctl kernel.yama.ptrace_scope=0`%s%s",
                 advice, o->contained ? " on the host" : "",
                 o->scope == 1 ? ", or start the program with `pyrometer run`" : "");
        snprintf(out->mend, sizeof(out->mend),
                 "%s\nFor all programs%s: sudo sysctl kernel.yama.ptrace_scope=0", mend,
                 o->contained ? ", on the host" : "");
        return;
    }
    if (o->owner != o->user)
        snprintf(out->obstacle, sizeof(out->obstacle),
                 "it is user %u's (or was made undumpable) and this is user %u", (unsigned)o->owner,
                 (unsigned)o->user);
    else
        snprintf(out->obstacle, sizeof(out->obstacle),
                 "the process or its user namespace forbids it");
    snprintf(out->advice, sizeof(out->advice), "%s", advice);
    snprintf(out->mend, sizeof(out->mend), "%s", mend);
}

void pyro_target_refusal(const struct pyro_obstacles *o, pid_t pid, struct pyro_refusal *out)
{
    if (o->scope == 3)
        *out = (struct pyro_refusal){
            "/proc/sys/kernel/yama/ptrace_scope is 3, which forbids it to all until the next start "
            "of the machine with another setting",
            "set it to 1 in /etc/sysctl.d/10-ptrace.conf and restart the machine",
            PYRO_MEND_YAMA_3,
        };
    else if (o->may_trace && o->filtered)
        *out = (struct pyro_refusal){
            "the container's seccomp filter forbids process_vm_readv",
            BY_CONTAINER ", which lifts it",
            PYRO_MEND_CONTAINER,
        };
    else if (o->may_trace)
        *out = (struct pyro_refusal){
            "this user may trace, but a security module (SELinux, AppArmor) or a user namespace of "
            "the process stands in the way",
            "`sudo dmesg | tail` names the module",
            "sudo dmesg | tail",
        };
    else if (o->user == 0)
        *out = (struct pyro_refusal){
            "this root user lacks the capability CAP_SYS_PTRACE",
            BY_CONTAINER,
            PYRO_MEND_CONTAINER,
        };
    else if (o->filtered && o->owner == o->user && o->scope <= 0)
        *out = (struct pyro_refusal){
            "a seccomp filter forbids process_vm_readv",
            BY_CONTAINER,
            PYRO_MEND_CONTAINER,
        };
    else
        refuse_for_user(o, pid, out);
}

int target_fail_obstacle(const struct pyro_obstacles *o, pid_t pid, struct pyro_error *err)
{
    struct pyro_refusal refusal;

    pyro_target_refusal(o, pid, &refusal);
    return pyro_base_fail(err, PYRO_E_PERMISSION, "Not permitted to read process %d: %s; %s.",
                          (int)pid, refusal.obstacle, refusal.advice);
}

int target_fail_permission(pid_t pid, struct pyro_error *err)
{
    struct pyro_obstacles obstacles;

    if (!pyro_target_obstacles(pid, &obstacles))
        return target_fail_gone(pid, err);
    return target_fail_obstacle(&obstacles, pid, err);
}

int target_fail_gone(pid_t pid, struct pyro_error *err)
{
    if (kill(pid, 0) && errno == ESRCH)
        return pyro_base_fail(err, PYRO_E_GONE, "There is no process %d (any more).", (int)pid);
    return pyro_base_fail(err, PYRO_E_GONE, "Process %d has ended.", (int)pid);
}
