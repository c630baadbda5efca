/* A small recording of a known content, for tests that need one to spoil. */
#ifndef SMALL_H
#define SMALL_H

#include "collect.h"

#define SMALL_BATCHES 6
#define SMALL_TICKS 20 /* a batch */

struct pyro_recording_head small_head(void);
/* One batch of two threads, nodes and frames of its own; `number` counts batches from 0. */
void small_batch(struct pyro_stream *s, uint64_t period_ns, unsigned number);
struct pyro_stream *small_begin(struct pyro_writer *w);
/* Writes the whole of it and reads the file's bytes; the caller frees them. */
char *small_recording(size_t *size);

#endif
