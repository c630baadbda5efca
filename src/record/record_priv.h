/* What the recorder's files share. */
#ifndef PYRO_RECORD_PRIV_H
#define PYRO_RECORD_PRIV_H

#include "format.h"
#include "record.h"

#include <sys/types.h>

/* ---- launch.c: the child and the signals */
struct launch {
    pid_t child;  /* 0: not started */
    pid_t canary; /* tells signals for the whole group from those for us alone */
    int canary_pipe;
};
/* Before any thread is made: notes what making one changes, for the child to put back. */
void launch_note_signals(void);
/* Installs the handlers, starts the command, waits until it has been executed.  Returns 0, or the
 * errno of the exec that failed. */
int launch_start(struct launch *launch, char *const *argv);
/* Passes on signals that were meant for the program and came to us alone.  now: on the monotonic
 * clock, ns.  Cheap: no system call if none came. */
void launch_pass_signals(struct launch *launch, uint64_t now);
bool launch_child_changed(void);         /* a SIGCHLD came since the last call */
void launch_stop(struct launch *launch); /* handlers back, canary gone */
/* Sleeps up to ns, less if a signal comes (or came since the last look). */
void launch_wait(uint64_t ns);

/* ---- tree.c: the first Python of the command's process tree */
struct pyro_target;
struct tree {
    pid_t root;
    pid_t refused[64]; /* Pythons that cannot be read: told once, not asked again */
    int refused_count;
    pid_t doubted; /* looked unsupported: asked once again */
};
/* Looks once.  0: *out is open.  PYRO_E_NOT_READY: a Python is starting: ask again soon.
 * PYRO_E_NOT_PYTHON: none there yet.  Others: one was met that cannot be read (err says why). */
int tree_find(struct tree *tree, struct pyro_target **out, struct pyro_error *err);

/* ---- sources.c: the text of the functions seen */
struct sources;
struct sources *sources_new(pid_t pid); /* keeps the process's root and working directory open */
void sources_free(struct sources *sources);
void sources_seen(void *sources, const struct pyro_function_fact *fact);
/* Writes what was seen since the last call. */
void sources_write(struct sources *sources, struct pyro_writer *writer);

#endif
