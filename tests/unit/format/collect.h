/*
 * What the tests of the format read a recording into: a log of all facts in order, one line each,
 * and the samples laid out by thread and tick, so that how they were run-length encoded is gone.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "format.h"

struct cell { /* one thread at one tick */
    uint32_t node, unverified, flags, second;
    uint32_t present, state;
};
struct collected_stream {
    struct pyro_stream_fact fact;
    struct pyro_vec times;                    /* uint64_t */
    struct pyro_vec threads;                  /* struct pyro_vec of struct cell */
    struct pyro_vec tree;                     /* struct pyro_node_fact, by node */
    size_t batch;                             /* the first tick of the batch at hand */
    uint32_t functions, frames, nodes, named; /* definitions seen; `named`: threads */
};
struct collected {
    struct pyro_buf log;
    struct collected_stream streams[8];
    size_t stream_count;
    size_t damages, unknowns;
    uint64_t damaged_bytes;
    char unknown[1024], why[1024];
    struct pyro_status_fact status;
    size_t statuses, ends;
    struct pyro_end_fact end;
};
struct pyro_visitor collect_visitor(struct collected *c);
void collect_release(struct collected *c);
void collect_line(struct pyro_buf *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Reads from memory and releases nothing; *c is cleared first. */
int collect_memory(struct collected *c, const void *bytes, size_t size, enum pyro_ending *ending);
struct cell *collect_cell(struct collected_stream *s, uint32_t thread, size_t tick);

/* The facts' lines, as the visitor logs them: the model writes the same. */
void log_function(struct pyro_buf *log, uint32_t s, uint32_t id,
                  const struct pyro_function_fact *f);
void log_frame(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_frame_fact *f);
void log_node(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_node_fact *f);
void log_thread(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_thread_fact *f);

#endif
