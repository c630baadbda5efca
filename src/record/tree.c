/*
 * tree: the processes of the command's tree, and which of them are Pythons.  A shell may start the
 * interpreter or become it, a Python may fork, execute itself again or start another; so each
 * process is looked at when it is new, when it executes another program, and now and then.
 *
 * New ones are told by the newest pid of the system, which /proc/loadavg ends with: the parents of
 * the pids up to it are looked up.  One whose parent has ended by then is known by where its memory
 * is, which a fork leaves as it was; by a session or group that the tree has made; else orphans.c
 * decides.
 */
#include "record_priv.h"
#include "target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROW_NS 4000000       /* between looks for new processes: 4 us each, ... */
#define GROW_SLOW_NS 10000000 /* ... where there was none for some time */
#define GROW_FAST_NS UINT64_C(1000000000)
#define SETTLE_NS 2000000     /* a pid is given out this long before the process can be seen */
#define PIDS_MOST 512         /* of more new ones the lists of children are read */
#define NEW_NS 1000000        /* before a new one is looked at, ... */
#define FORK_NS 5000000       /* ... or one that may be about to execute something else */
#define LOOK_NS 400000        /* between looks at what is starting, ... */
#define LOOK_MOST_NS 20000000 /* ... growing to this, ... */
#define FRESH_NS 200000000    /* ... from so long after an exec on */
#define LOADED_NS 30000000    /* after an exec, until what the program consists of is in place */
#define WHOLE_NS 1000000000   /* between whole looks at one that executes nothing, at most */
#define KEEP_NS 100000000     /* one that has ended is remembered, for what it has started */
#define CHILDREN_MOST 4096

struct kin {
    pid_t pid;
    bool sampled; /* now */
    bool refused; /* a Python that cannot be read: told once */
    bool doubted; /* looked unsupported: asked once again */
    bool ended;
    bool beginning;  /* when it was looked at there was an interpreter, not begun yet */
    uint64_t image;  /* the program it ran when it was looked at; 0: not known */
    uint64_t memory; /* where that was put; 0: not known */
    uint64_t start;  /* when the process began: its number may be another's by now; 0: not known */
    uint64_t since;  /* ... since then, or longer */
    uint64_t found, due, wait, looked;
    uint32_t pythons; /* interpreters met in it */
};

int tree_begin(struct tree *tree, pid_t root, bool follow)
{
    *tree = (struct tree){
        .kin = PYRO_VEC(struct kin), .loadavg = -1, .follow = follow, .again = UINT64_MAX};
    struct kin *kin = pyro_base_vec_push(&tree->kin);
    if (kin == NULL)
        return PYRO_E_NOMEM;
    kin->pid = root;
    kin->wait = LOOK_NS;
    tree->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    tree->last = tree->unsure = root;
    orphans_begin(&tree->orphans, tree, root);
    return 0;
}

void tree_end(struct tree *tree)
{
    if (tree->loadavg >= 0)
        close(tree->loadavg);
    orphans_end(&tree->orphans);
    pyro_base_vec_release(&tree->kin);
}

static struct kin *kin_at(const struct tree *tree, size_t i)
{
    return pyro_base_vec_at(&tree->kin, i);
}

static struct kin *find(const struct tree *tree, pid_t pid)
{
    for (size_t i = tree->kin.len; i-- > 0;)
        if (kin_at(tree, i)->pid == pid)
            return kin_at(tree, i);
    return NULL;
}

bool tree_knows(const struct tree *tree, pid_t pid)
{
    return find(tree, pid) != NULL;
}

void tree_take_orphans(struct tree *tree)
{
    struct kin *kin = tree->follow ? pyro_base_vec_push(&tree->kin) : NULL;
    if (kin == NULL)
        return;
    kin->pid = getpid();
    kin->refused = true;
}

/* All of a session descend from the process that made it.  A group that was there before us may
 * have members that the leader did not start. */
static bool has_led(const struct tree *tree, pid_t pid)
{
    const struct kin *leader = find(tree, getpgid(pid));
    return find(tree, getsid(pid)) != NULL || (leader != NULL && leader->found != 0);
}

static uint64_t memory_of(pid_t pid)
{
    struct pyro_proc_stat stat;
    return pyro_target_proc_stat(pid, 0, &stat) == 0 ? stat.memory : 0;
}

/* The process's parent if we know it, else one that it is a fork of a fork of: not where the parent
 * it has looks the same, as that of one attached to does that was forked itself. */
static const struct kin *forebear(const struct tree *tree, pid_t pid, pid_t parent)
{
    const struct kin *from = find(tree, parent);
    uint64_t memory = from == NULL ? memory_of(pid) : 0;
    for (size_t i = 0; memory != 0 && i < tree->kin.len && from == NULL; i++)
        if (kin_at(tree, i)->memory == memory)
            from = kin_at(tree, i);
    return memory != 0 && from != NULL && memory_of(parent) == memory ? NULL : from;
}

static void add(struct tree *tree, pid_t pid, pid_t parent, uint64_t now)
{
    if (find(tree, pid) != NULL)
        return;
    const struct kin *from = forebear(tree, pid, parent);
    bool of_python = from == NULL || from->pythons > 0; /* by one, perhaps */
    if (of_python && !tree->follow)
        return;
    if (from == NULL && !has_led(tree, pid) && !orphans_have(tree, pid, parent))
        return;
    struct kin *kin = pyro_base_vec_push(&tree->kin);
    if (kin == NULL)
        return;
    kin->pid = pid;
    kin->wait = LOOK_NS;
    kin->found = now;
    kin->due = now + NEW_NS;
    if (kin->due < tree->due)
        tree->due = kin->due;
}

/* of: how many of the known ones have their children added; those that are new follow them. */
static void add_children(struct tree *tree, size_t of, uint64_t now)
{
    pid_t *children = malloc(CHILDREN_MOST * sizeof *children);
    for (size_t i = 0; children != NULL && i < tree->kin.len && i < of; i++) {
        pid_t parent = kin_at(tree, i)->pid;
        int count = pyro_target_children(parent, children, CHILDREN_MOST);
        for (int k = 0; k < count; k++)
            add(tree, children[k], parent, now);
    }
    free(children);
}

/* The newest pid of the system; 0: it does not say. */
static pid_t newest_pid(const struct tree *tree)
{
    char text[128];
    ssize_t size = tree->loadavg < 0 ? -1 : pread(tree->loadavg, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *last = strrchr(text, ' ');
    return last == NULL ? 0 : (pid_t)strtol(last + 1, NULL, 10);
}

bool tree_adopt(struct tree *tree)
{
    size_t before = tree->kin.len;
    add_children(tree, tree->follow ? SIZE_MAX : before, 0);
    for (size_t i = 0; i < tree->kin.len; i++)
        kin_at(tree, i)->due = 0;
    pid_t newest = newest_pid(tree);
    if (newest > 0)
        tree->last = tree->unsure = newest;
    tree->due = 0;
    orphans_end(&tree->orphans);
    orphans_begin(&tree->orphans, tree, kin_at(tree, 0)->pid);
    return tree->kin.len > before;
}

/* The processes among the pids given out, of whose parents we know. */
static void add_pids(struct tree *tree, pid_t from, pid_t to, uint64_t now)
{
    if (to < from || to - from > PIDS_MOST) { /* they begin from the lowest again */
        add_children(tree, SIZE_MAX, now);
        return;
    }
    for (pid_t pid = from; pid <= to; pid++) {
        pid_t parent = pyro_target_parent(pid);
        if (parent > 0)
            add(tree, pid, parent, now);
    }
}

void tree_grow(struct tree *tree, uint64_t now)
{
    bool quiet = tree->again == UINT64_MAX && now - tree->newest_ns > GROW_FAST_NS;
    if (now - tree->grown < (quiet ? GROW_SLOW_NS : GROW_NS))
        return;
    tree->grown = now;
    pid_t newest = newest_pid(tree);
    if (newest == 0) {
        add_children(tree, SIZE_MAX, now);
    } else if (newest != tree->last) {
        if (tree->again == UINT64_MAX)
            tree->unsure = tree->last + 1;
        add_pids(tree, tree->last + 1, newest, now);
        tree->last = newest;
        tree->newest_ns = now;
        tree->again = now + SETTLE_NS;
    } else if (now >= tree->again) {
        add_pids(tree, tree->unsure, newest, now);
        tree->again = UINT64_MAX;
    }
    orphans_look(&tree->orphans);
}

static uint64_t image_of(pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return stat(path, &st) == 0 ? pyro_base_mix(st.st_ino ^ (uint64_t)st.st_dev << 40) | 1 : 0;
}

static void wait_longer(struct kin *kin, uint64_t now)
{
    kin->due = now + kin->wait;
    if (now - kin->since < FRESH_NS)
        return;
    kin->wait += kin->wait / 4;
    if (kin->wait > LOOK_MOST_NS)
        kin->wait = LOOK_MOST_NS;
}

/* When one in which there was no interpreter is looked at whole again.  What is in place, and when,
 * depends on how busy the machine is: so after it has got half as old again, too. */
static uint64_t whole_look(const struct kin *kin)
{
    if (kin->looked < kin->since + LOADED_NS)
        return 0;
    uint64_t half = (kin->looked - kin->since) / 2;
    return kin->looked + (half < WHOLE_NS ? half : WHOLE_NS);
}

/* PYRO_E_GONE: it has ended.  Else as tree_find. */
static int look_at(struct kin *kin, uint64_t now, struct pyro_target **out, struct pyro_error *err)
{
    uint64_t image = image_of(kin->pid);
    if (image != kin->image) {
        kin->image = image;
        kin->since = now;
        kin->wait = LOOK_NS;
    } else if (image != 0 && !kin->beginning && now < whole_look(kin)) {
        wait_longer(kin, now);
        return PYRO_E_NOT_PYTHON;
    }
    struct pyro_proc_stat stat;
    if (pyro_target_proc_stat(kin->pid, 0, &stat) != 0 ||
        (kin->start != 0 && stat.start_ticks != kin->start))
        return PYRO_E_GONE;
    kin->start = stat.start_ticks;
    kin->memory = stat.memory;
    if (stat.forked && now - kin->found < FORK_NS) {
        kin->due = kin->found + FORK_NS;
        return PYRO_E_NOT_READY;
    }
    kin->looked = now;
    int rc = pyro_target_open(kin->pid, out, err);
    kin->beginning = rc == PYRO_E_NOT_READY;
    if (rc == 0) {
        kin->sampled = true;
        return 0;
    }
    wait_longer(kin, now);
    if (rc == PYRO_E_UNSUPPORTED && !kin->doubted) {
        kin->doubted = true; /* while a process ends it may look like anything */
        return PYRO_E_NOT_READY;
    }
    if (rc != PYRO_E_NOT_READY && rc != PYRO_E_NOT_PYTHON && rc != PYRO_E_GONE)
        kin->refused = true;
    return rc;
}

static void remove_at(struct tree *tree, size_t i)
{
    *kin_at(tree, i) = *kin_at(tree, tree->kin.len - 1);
    tree->kin.len--;
}

int tree_find(struct tree *tree, uint64_t now, struct pyro_target **out, struct pyro_error *err)
{
    if (now < tree->due)
        return PYRO_E_NOT_PYTHON;
    tree->starting = false;
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < tree->kin.len;) {
        struct kin *kin = kin_at(tree, i);
        int rc = PYRO_E_NOT_PYTHON;
        if (!kin->sampled && !kin->refused && kin->due <= now) {
            rc = look_at(kin, now, out, err);
            if (rc == PYRO_E_GONE && kin->ended) {
                remove_at(tree, i);
                continue;
            }
            if (rc == PYRO_E_GONE) {
                kin->ended = true;
                kin->due = now + KEEP_NS;
            }
            if (rc == 0 || kin->refused)
                return rc; /* the others are still due */
        }
        tree->starting |= rc == PYRO_E_NOT_READY;
        if (!kin->sampled && !kin->refused && kin->due < due)
            due = kin->due;
        i++;
    }
    tree->due = due;
    return tree->starting ? PYRO_E_NOT_READY : PYRO_E_NOT_PYTHON;
}

uint32_t tree_count_python(struct tree *tree, pid_t pid)
{
    struct kin *kin = find(tree, pid);
    return kin == NULL ? 0 : kin->pythons++;
}

void tree_lost(struct tree *tree, pid_t pid, uint64_t now)
{
    struct kin *kin = find(tree, pid);
    if (kin == NULL)
        return;
    kin->sampled = false;
    kin->image = 0;
    kin->wait = LOOK_NS;
    kin->due = now + LOOK_NS;
    if (kin->due < tree->due)
        tree->due = kin->due;
}
