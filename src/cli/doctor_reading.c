/*
 * What doctor concludes from what it found of the right to read other processes.  Pure: obstacles
 * in, verdict and sentences out.
 */
#include "cli.h"
#include "target.h"

#include <errno.h>
#include <string.h>

#define ALLOW_CHILDREN "sudo sysctl kernel.yama.ptrace_scope=1"
#define ALLOW_ALL "sudo sysctl kernel.yama.ptrace_scope=0"

static const char *mend_of_reading(const struct pyro_obstacles *o, int why)
{
    if (why == ENOSYS)
        return "This kernel or sandbox has no process_vm_readv: run on a Linux kernel built with "
               "CONFIG_CROSS_MEMORY_ATTACH.";
    if (o->scope == 3)
        return PYRO_MEND_YAMA_3;
    if (o->scope == 2 && !o->may_trace)
        return o->contained ? "On the host: " ALLOW_CHILDREN "\n"
                              "Or only for root in this container:\n" PYRO_MEND_CONTAINER
                            : ALLOW_CHILDREN;
    if (o->contained || o->filtered)
        return PYRO_MEND_CONTAINER;
    return "A security module (SELinux, AppArmor) may forbid it: `sudo dmesg | tail` after this "
           "command names it.";
}

void pyro_cli_judge_reading(const struct pyro_obstacles *o, int why, struct pyro_check *out)
{
    *out = (struct pyro_check){.key = "read_child",
                               .label = "Reading a child's memory",
                               .verdict = why ? PYRO_BAD : PYRO_GOOD,
                               .text = "works (tried)"};
    if (why == 0)
        return;
    snprintf(out->text, sizeof out->text, "fails: %s", strerror(why));
    snprintf(out->mend, sizeof out->mend, "%s", mend_of_reading(o, why));
}

static const char *mend_of_yama(const struct pyro_obstacles *o)
{
    if (o->scope == 1)
        return o->contained ? "Only to attach to running programs, on the host: " ALLOW_ALL
                            : "Only to attach to running programs: " ALLOW_ALL;
    if (o->scope == 2)
        return o->contained ? "On the host: " ALLOW_CHILDREN : ALLOW_CHILDREN;
    return o->scope == 3 ? PYRO_MEND_YAMA_3 : "";
}

void pyro_cli_judge_yama(const struct pyro_obstacles *o, struct pyro_check *out)
{
    static const char *const meanings[] = {
        "any process of the same user may be read",
        "children may be read (`run`); other processes not",
        "only with CAP_SYS_PTRACE, children too",
        "nobody may read another process, until the next restart",
    };
    bool any = o->may_trace && o->scope < 3;

    *out = (struct pyro_check){.key = "ptrace_scope",
                               .label = "ptrace_scope",
                               .text = "no Yama in this kernel: any process of the same user may "
                                       "be read"};
    if (o->scope < 0)
        return;
    out->verdict = any || o->scope == 0 ? PYRO_GOOD : o->scope == 1 ? PYRO_INFO : PYRO_WARN;
    snprintf(out->text, sizeof out->text, "%d: %s%s", o->scope,
             o->scope < 4 ? meanings[o->scope] : "unknown",
             any && o->scope > 0 ? "; this process has CAP_SYS_PTRACE and may" : "");
    snprintf(out->mend, sizeof out->mend, "%s", any ? "" : mend_of_yama(o));
}
