/*
 * orphans: a process whose parent ended before it was met, and that has executed something: nothing
 * in it tells where it comes from, but its process group.  It is of the tree if nobody else in the
 * group can have started its parent.  Who did so has waited for a child since, or has ended, or has
 * a zombie: so each process of the group that is not of the tree must be as it was at the
 * beginning, or new without having waited for any.  Its parent now, if that is in the session, may
 * have started it as well: not if it has not run since.  In doubt it is not of the tree.
 */
#include "record_priv.h"
#include "target.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct other { /* a process of the group, not of the tree */
    pid_t pid;
    uint64_t start, reaped;
    bool ended;
};

struct elder { /* an ancestor of the command in the session: such adopt orphans */
    pid_t pid;
    clockid_t clock; /* its CPU time, ... */
    uint64_t ran;    /* ... as last seen, ... */
    uint64_t since;  /* ... and since when, in clock ticks */
};

static bool has_ended(const struct pyro_proc_stat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

static pid_t next_of_group(DIR *dir, pid_t group)
{
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && getpgid(pid) == group)
            return pid;
    }
    return 0;
}

static bool is_of(const struct tree *tree, pid_t pid, const struct pyro_proc_stat *stat)
{
    return tree_knows(tree, pid) || tree_knows(tree, stat->ppid);
}

/* In the unit of a process's start. */
static uint64_t clock_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    return (uint64_t)now.tv_sec * hz + (uint64_t)now.tv_nsec * hz / 1000000000;
}

static uint64_t has_run(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return UINT64_MAX;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void learn_elders(struct orphans *orphans, pid_t root)
{
    for (pid_t pid = pyro_target_parent(root); pid > 0 && getsid(pid) == orphans->session;
         pid = pyro_target_parent(pid)) {
        struct elder elder = {.pid = pid, .since = UINT64_MAX};
        struct elder *slot = clock_getcpuclockid(pid, &elder.clock) == 0
                                 ? pyro_base_vec_push(&orphans->elders)
                                 : NULL;
        if (slot == NULL)
            return;
        *slot = elder;
    }
}

void orphans_look(struct orphans *orphans)
{
    for (size_t i = 0; i < orphans->elders.len; i++) {
        struct elder *elder = pyro_base_vec_at(&orphans->elders, i);
        uint64_t ran = has_run(elder->clock);
        if (elder->since == UINT64_MAX || ran != elder->ran) {
            elder->ran = ran;
            elder->since = clock_ticks();
        }
    }
}

/* Has an elder not run since that clock tick? */
static bool has_rested(const struct orphans *orphans, pid_t pid, uint64_t since)
{
    for (size_t i = 0; i < orphans->elders.len; i++) {
        const struct elder *elder = pyro_base_vec_at(&orphans->elders, i);
        if (elder->pid == pid)
            return elder->ran != UINT64_MAX && elder->since < since &&
                   has_run(elder->clock) == elder->ran;
    }
    return false;
}

void orphans_begin(struct orphans *orphans, const struct tree *tree, pid_t root)
{
    *orphans = (struct orphans){.group = getpgid(root),
                                .session = getsid(root),
                                .since = UINT64_MAX,
                                .others = PYRO_VEC(struct other),
                                .elders = PYRO_VEC(struct elder)};
    DIR *dir = tree->follow && orphans->group > 0 ? opendir("/proc") : NULL;
    if (dir == NULL)
        return;
    bool all = true;
    for (pid_t pid; all && (pid = next_of_group(dir, orphans->group)) > 0;) {
        struct pyro_proc_stat stat;
        if (pyro_target_proc_stat(pid, 0, &stat) != 0 || is_of(tree, pid, &stat))
            continue;
        struct other *other = pyro_base_vec_push(&orphans->others);
        if (other != NULL)
            *other = (struct other){pid, stat.start_ticks, stat.reaped, has_ended(&stat)};
        all = other != NULL;
    }
    closedir(dir);
    if (all)
        orphans->since = clock_ticks();
    learn_elders(orphans, root);
    orphans_look(orphans);
}

void orphans_end(struct orphans *orphans)
{
    pyro_base_vec_release(&orphans->others);
    pyro_base_vec_release(&orphans->elders);
}

static const struct other *find_other(const struct orphans *orphans, pid_t pid, uint64_t start)
{
    for (size_t i = 0; i < orphans->others.len; i++) {
        const struct other *other = pyro_base_vec_at(&orphans->others, i);
        if (other->pid == pid && other->start == start)
            return other;
    }
    return NULL;
}

/* Has nobody else in the group started and lost a child since the beginning?  parent: the orphan's
 * now, which waits for it and others. */
static bool others_are_as_before(const struct tree *tree, pid_t orphan, pid_t parent)
{
    const struct orphans *orphans = &tree->orphans;
    DIR *dir = opendir("/proc");
    size_t met = 0;
    bool same = dir != NULL;
    for (pid_t pid; same && (pid = next_of_group(dir, orphans->group)) > 0;) {
        struct pyro_proc_stat stat;
        if (pid == orphan)
            continue;
        same = pyro_target_proc_stat(pid, 0, &stat) == 0;
        if (!same)
            break;
        const struct other *before = find_other(orphans, pid, stat.start_ticks);
        met += before != NULL;
        if (before != NULL)
            same = (stat.reaped == before->reaped || pid == parent) &&
                   has_ended(&stat) == before->ended;
        else
            same = is_of(tree, pid, &stat) || (stat.reaped == 0 && !has_ended(&stat));
    }
    if (dir != NULL)
        closedir(dir);
    return same && met == orphans->others.len;
}

bool orphans_have(const struct tree *tree, pid_t pid, pid_t parent)
{
    const struct orphans *orphans = &tree->orphans;
    struct pyro_proc_stat stat;
    if (getsid(pid) != orphans->session || getpgid(pid) != orphans->group ||
        pyro_target_proc_stat(pid, 0, &stat) != 0 || stat.start_ticks <= orphans->since)
        return false;
    bool apart = getsid(parent) != orphans->session; /* then it has not started it */
    /* Asked again: while the group was looked over it may have waited for one that has. */
    return (apart || has_rested(orphans, parent, stat.start_ticks)) &&
           others_are_as_before(tree, pid, parent) &&
           (apart || has_rested(orphans, parent, stat.start_ticks));
}
