/* What the recorder's files share. */
#ifndef PYRO_RECORD_PRIV_H
#define PYRO_RECORD_PRIV_H

#include "format.h"
#include "record.h"

#include <sys/resource.h>
#include <sys/types.h>

/* ---- launch.c: the child and the signals */
struct launch {
    pid_t child;  /* 0: not started, or ended */
    pid_t canary; /* tells signals for the whole group from those for us alone */
    int canary_pipe;
    bool reaper;  /* processes whose parents have ended become our children, ... */
    bool adopts;  /* ... because we have asked for it */
    bool adopted; /* one of them has ended */
};
/* Before any thread is made: notes what making one changes, for the child to put back. */
void launch_note_signals(void);
/* Must orphans be adopted to be read?  scope: Yama's, -1: none; may_trace: CAP_SYS_PTRACE. */
bool launch_adopts(int scope, bool may_trace);
/* What is to be done when the command has its number and before it is executed. */
typedef void launch_born(void *of, pid_t child);
/* Installs the handlers, starts the command, waits until it has been executed.  born: or NULL.
 * Returns 0, or the errno of the exec that failed. */
int launch_start(struct launch *launch, char *const *argv, bool adopts, launch_born *born,
                 void *of);
/* Passes on signals that were meant for the program and came to us alone.  now: on the monotonic
 * clock, ns.  Cheap: no system call if none came. */
void launch_pass_signals(struct launch *launch, uint64_t now);
/* Waits for what has ended by now.  True: the command, and how.  Cheap: no system call if nothing
 * has. */
bool launch_reap(struct launch *launch, int *status, struct rusage *usage);
void launch_stop(struct launch *launch); /* handlers back, canary gone */
/* Sleeps up to ns, less if a signal comes (or came since the last look). */
void launch_wait(uint64_t ns);

/* ---- orphans.c: those of the tree whose parents ended before they were met */
struct tree;
struct orphans {
    pid_t group, session;   /* of the command */
    uint64_t since;         /* in clock ticks: younger ones can be told */
    struct pyro_vec others; /* in the group at the beginning */
    struct pyro_vec elders; /* its ancestors in the session */
};
void orphans_begin(struct orphans *orphans, const struct tree *tree, pid_t root);
void orphans_end(struct orphans *orphans);
/* Notes who has run since the last look.  Cheap. */
void orphans_look(struct orphans *orphans);
/* Does the process descend from the tree, whatever its parent is now? */
bool orphans_have(const struct tree *tree, pid_t pid, pid_t parent);

/* ---- tree.c: the processes of the command's tree */
struct pyro_target;
struct tree {
    struct pyro_vec kin;   /* struct kin: those known */
    bool follow;           /* also the processes that a Python starts */
    bool starting;         /* an interpreter was met that is not ready yet */
    uint64_t due;          /* when one of them is to be looked at next */
    int loadavg;           /* kept open */
    pid_t last, unsure;    /* the newest pid of the system; the first of those to be sought again */
    uint64_t grown, again; /* when new ones were looked for; when they are sought again */
    uint64_t newest_ns;    /* when the system last had a new pid */
    struct orphans orphans;
};
/* PYRO_E_NOMEM. */
int tree_begin(struct tree *tree, pid_t root, bool follow);
void tree_end(struct tree *tree);
/* From now on our own children are of the tree, for its orphans are among them. */
void tree_take_orphans(struct tree *tree);
bool tree_knows(const struct tree *tree, pid_t pid);
/* Learns of new processes.  Cheap: to be called at each tick. */
void tree_grow(struct tree *tree, uint64_t now);
/* Looks at those that are due.  0: *out is open, and there may be more.  PYRO_E_NOT_READY: a Python
 * is starting: ask again soon.  PYRO_E_NOT_PYTHON: nothing to be opened now.  Others: one was met
 * that cannot be read (err says why). */
int tree_find(struct tree *tree, uint64_t now, struct pyro_target **out, struct pyro_error *err);
/* The process's interpreter is recorded.  Returns how many were before it in the same process. */
uint32_t tree_count_python(struct tree *tree, pid_t pid);
/* The interpreter found cannot be read any more: it ended, or executed another program. */
void tree_lost(struct tree *tree, pid_t pid, uint64_t now);

/* Takes in what the known ones have started already: their children, and if Pythons' are followed
 * all that descends from them.  All are due at once.  True if there are any new ones. */
bool tree_adopt(struct tree *tree);

/* ---- exits.c: how processes that are not our children ended */
int exits_open(pid_t pid); /* while it lives; -1: cannot be told */
/* The interpreter of a row is gone: its process's end is waited for.  Takes the descriptor. */
void exits_wait(struct pyro_vec *exits, pid_t pid, uint32_t process, int pidfd);
/* It was no end: the process has executed another interpreter. */
void exits_executed(struct pyro_vec *exits, pid_t pid);
/* Writes what is known by now. */
void exits_write(struct pyro_vec *exits, struct pyro_writer *writer);
void exits_release(struct pyro_vec *exits);

/* ---- attach.c: a process that was there before */
/* Begins a tree of it, in which at least one Python is: *out is open.  Else the sentence why not,
 * and there is no tree.  Waits up to a second for one that is starting. */
int attach_find(struct tree *tree, pid_t pid, bool follow, struct pyro_target **out,
                struct pyro_error *err);
/* Signals that ask us to end are noted from here on.  A pidfd, or -1: the system has none. */
int attach_begin(pid_t pid);
bool attach_is_asked(void);       /* to end, by a signal */
bool attach_has_ended(int pidfd); /* the process */
void attach_end(int pidfd);

/* ---- control.c: `pyrometer ctl` */
enum control_request {
    CONTROL_NOTHING,
    CONTROL_ON,
    CONTROL_OFF,
    CONTROL_FLUSH,
    CONTROL_STATUS,
};
struct control {
    int sockets[2]; /* by our own number, and by that of the process recorded; -1: none */
    int client;     /* that waits for its answer; -1: none */
    uint64_t accepted, looked;
};
void control_begin(struct control *control, pid_t recorded);
void control_end(struct control *control);
/* Cheap: to be called at each tick.  What was asked for is to be answered. */
enum control_request control_look(struct control *control, uint64_t now);
void control_answer(struct control *control, const char *sentence);

/* ---- sources.c: the text of the functions seen */
struct sources;
/* Keeps the process's root and working directory open. */
struct sources *sources_new(pid_t pid);
/* Does the process see the same files by the same names? */
bool sources_serve(const struct sources *sources, pid_t pid);
void sources_free(struct sources *sources);
void sources_seen(void *sources, const struct pyro_function_fact *fact);
/* Writes what was seen since the last call. */
void sources_write(struct sources *sources, struct pyro_writer *writer);

#endif
