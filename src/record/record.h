/*
 * record: the recorder.  Launches a command or attaches to a process, finds the Pythons in its
 * process tree, samples them into a recording, passes signals on, and learns how a command ended.
 * The only room that owns the output file and the child.  Single-threaded but for the writer's own
 * thread.
 */
#ifndef PYRO_RECORD_H
#define PYRO_RECORD_H

#include "base.h"

struct pyro_variable; /* see sample.h */

struct pyro_record_options {
    char *const *argv;  /* NULL-terminated, argv[0] is sought on PATH; borrowed.  NULL: attach */
    int pid;            /* ... to this process */
    const char *output; /* path of the recording; borrowed */
    bool overwrite;
    double rate;          /* ticks a second; 0: as fast as it can */
    uint64_t seed;        /* of the jitter; 0: from the clock */
    uint64_t delay_ns;    /* nothing is sampled before */
    uint64_t duration_ns; /* ... and after so long; 0: to the end */
    uint64_t ticks;       /* attached: nor after so many; 0: any number.  Of a core file: so many */
    bool subprocesses;    /* sample the processes that a Python starts as well */
    bool control;         /* listen to pyro_record_ask */
    bool source;          /* embed the source lines of the functions seen */
    const char *tool;     /* "pyrometer 0.1.0"; borrowed */
    /* Called about once a second while the program runs (NULL: never). */
    void (*progress)(void *ctx, double elapsed_s, uint64_t samples);
    void *progress_ctx;
    /* Called at the end for each variable of each function that runs then (NULL: never). */
    void (*variable)(void *ctx, const struct pyro_variable *variable);
    void *variable_ctx;
};

struct pyro_record_result {
    bool started;       /* the command was executed */
    int exec_errno;     /* why it was not, if it was not */
    int wait_status;    /* as waitpid gives it */
    bool saw_python;    /* an interpreter was sampled */
    bool ended_early;   /* a Python ended before its first sample: nothing went wrong */
    uint64_t samples;   /* taken */
    char warning[1000]; /* a sentence: why there is no (whole) profile; "" if all went well */
};

/* Runs the command to its end; or attaches, until the process ends, the duration or the number of
 * ticks is over or a signal asks for it (an error return then says why there is nothing to sample).
 * The file is made before the command starts: an error return means that nothing was started
 * (PYRO_E_EXISTS, _PERMISSION, _IO, _INVALID).  What goes wrong later is in result->warning, and
 * the program is left to run undisturbed. */
int pyro_record_run(const struct pyro_record_options *options, struct pyro_record_result *result,
                    struct pyro_error *err);

/* A short recording of the process whose core file it is (root: as pyro_target_open_core's), to
 * options->output (of the options the output, overwrite, ticks, tool and variable count).  Errors
 * as pyro_target_open_core's, and those of opening a process. */
int pyro_record_core(const char *path, const char *root, const struct pyro_record_options *options,
                     struct pyro_error *err);

/* Asks the recorder of a process (or the recorder with this number) to stop sampling ("off"), to go
 * on ("on"), to write what it has ("flush"), or what it does ("status"): the answer is a sentence.
 * PYRO_E_NOT_FOUND, _PERMISSION, _IO. */
int pyro_record_ask(int pid, const char *word, char *answer, size_t size, struct pyro_error *err);

/* The words that a process was started with (struct pyro_str), which lie in *bytes; the caller
 * frees both.  0 or PYRO_E_*. */
int pyro_record_words(int pid, struct pyro_vec *words, char **bytes);

#endif
