/*
 * sample: the sampling loop of one process: when a tick is due, all threads' stacks are read in as
 * few calls as can be, twice each, and what both reads say becomes a sample of the stream.  It
 * never writes into the process and never stops it.  docs/internals/sampling.md tells the method.
 * Used by one thread.
 */
#ifndef PYRO_SAMPLE_H
#define PYRO_SAMPLE_H

#include "base.h"
#include "format.h"
#include "target.h"

struct pyro_sampler;

struct pyro_sampler_options {
    double rate;   /* ticks a second; 0: as fast as it can */
    uint64_t seed; /* of the jitter */
    /* Called once for each function first seen (NULL: never), while the process is alive. */
    void (*seen)(void *ctx, const struct pyro_function_fact *fact);
    void *seen_ctx;
};

/* Begins a samples stream for the process in the writer.  target and writer are borrowed.
 * PYRO_E_NOMEM, or what the first look at the threads gives (PYRO_E_GONE, _PERMISSION). */
int pyro_sample_new(struct pyro_sampler **out, struct pyro_target *target,
                    struct pyro_writer *writer, uint32_t process,
                    const struct pyro_sampler_options *options, struct pyro_error *err);
void pyro_sample_free(struct pyro_sampler *s);

/* Sleeps until the next tick is due and takes it.  *woke: when that was, ns.  Returns 0; 1 when a
 * signal came first and no tick was taken; PYRO_E_GONE when the interpreter cannot be read any
 * more. */
int pyro_sample_step(struct pyro_sampler *s, uint64_t *woke);

/* Fills the counters of ticks and samples (not clocks nor CPU times). */
void pyro_sample_status(const struct pyro_sampler *s, struct pyro_status_fact *out);

#endif
