/*
 * sample: the sampling of processes: when a tick is due, the stacks of all threads of each are read
 * in as few calls as can be, twice each, and what both reads say becomes a sample of the process's
 * stream.  It never writes into a process and never stops it.  docs/internals/sampling.md tells the
 * method.  Used by one thread.
 */
#ifndef PYRO_SAMPLE_H
#define PYRO_SAMPLE_H

#include "base.h"
#include "format.h"
#include "target.h"

struct pyro_sampler;

/* When ticks are due.  One for all processes: one tick is one moment for all of them. */
struct pyro_sample_clock;
/* rate: ticks a second; 0: as fast as it can.  seed: of the jitter.  PYRO_E_NOMEM. */
int pyro_sample_clock_new(struct pyro_sample_clock **out, double rate, uint64_t seed);
void pyro_sample_clock_free(struct pyro_sample_clock *clock);
/* The time since the last tick, in which there was nothing to sample, has had none. */
void pyro_sample_clock_restart(struct pyro_sample_clock *clock);
/* Sleeps until the next tick is due.  *woke: when that was, ns.  Returns 0; 1 when a signal came
 * first. */
int pyro_sample_clock_wait(struct pyro_sample_clock *clock, uint64_t *woke);

struct pyro_variable { /* of a function that runs */
    int64_t tid;
    uint32_t frame; /* functions below it on its thread's stack */
    const char *function;
    const char *name, *value; /* NULL: all that there are have been told */
};

struct pyro_sampler_options {
    /* Called once for each function first seen (NULL: never), while the process is alive. */
    void (*seen)(void *ctx, const struct pyro_function_fact *fact);
    void *seen_ctx;
    /* Called when the sampler ends, for each variable (NULL: never), bottom up. */
    void (*variable)(void *ctx, const struct pyro_variable *variable);
    void *variable_ctx;
};

/* Begins a samples stream for the process in the writer.  target, writer and clock are borrowed.
 * PYRO_E_NOMEM, or what the first look at the threads gives (PYRO_E_GONE, _PERMISSION). */
int pyro_sample_new(struct pyro_sampler **out, struct pyro_target *target,
                    struct pyro_writer *writer, uint32_t process, struct pyro_sample_clock *clock,
                    const struct pyro_sampler_options *options, struct pyro_error *err);
/* Ends the stream: before the writer is finished. */
void pyro_sample_free(struct pyro_sampler *s);

/* Takes the tick that the clock has come to.  Returns 0, or PYRO_E_GONE when the interpreter cannot
 * be read any more. */
int pyro_sample_take(struct pyro_sampler *s);

/* Goes on after a while in which no tick was asked for: those are not missed.  A new stream. */
void pyro_sample_resume(struct pyro_sampler *s);

/* Fills the counters of ticks and samples (not clocks nor CPU times). */
void pyro_sample_status(const struct pyro_sampler *s, struct pyro_status_fact *out);

#endif
