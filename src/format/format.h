/*
 * format: the recording on disk (*.pyro): its writer, its reader, its codecs, and the layout of
 * the shared mapping through which probes inside a process publish.  docs/internals/
 * recording-format.md says what every byte means.  This room knows of chunks, streams and ids; it
 * does not know what a profile is or where facts come from.
 *
 * Thread use: a writer is used by one thread at a time (pyro_format_stream_* by the sampling
 * thread; sealed batches are compressed and written by a thread of the writer's own, so that a slow
 * disk does not make ticks late).  A reader belongs to one thread.
 */
#ifndef PYRO_FORMAT_H
#define PYRO_FORMAT_H

#include "base.h"

#define PYRO_FORMAT_MAJOR 1
#define PYRO_FORMAT_MINOR 0

struct pyro_str { /* borrowed bytes, any content, not NUL-terminated */
    const char *bytes;
    size_t size;
};
/* As memcmp of the bytes, a beginning of another before it. */
int pyro_format_compare(struct pyro_str a, struct pyro_str b);

/* ---- facts, as they are written and as they are read back */

struct pyro_recording_head { /* written first, once */
    const char *boot_id;     /* 36 characters */
    uint64_t wall_ns;        /* CLOCK_REALTIME at ... */
    uint64_t mono_ns;        /* ... this CLOCK_MONOTONIC; all times in the file are the latter */
    uint64_t tsc;
    const char *tool; /* "pyrometer 0.1.0" */
    const char *host;
    struct pyro_str cwd;
    const struct pyro_str *argv; /* the command as given */
    size_t argc;
};

struct pyro_process_fact { /* process = boot, pid, start time, exec count */
    uint32_t id;           /* dense from 0 in the file */
    int32_t pid, ppid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat */
    uint32_t exec_count;
    struct pyro_str python; /* "3.13.0" */
    const struct pyro_str *argv;
    size_t argc;
};

struct pyro_stream_fact { /* a source of facts: "samples", "calls", "lines", "allocs", "heap", */
    uint32_t id;          /* "series", "marks" ...; dense from 0 in the file */
    struct pyro_str kind;
    uint32_t process; /* pyro_process_fact.id */
    /* kind "samples" only: */
    uint64_t period_ns; /* 0: as fast as it can (--rate max) */
    uint64_t first_ns;  /* planned moment of tick i = first_ns + i*period + jitter(seed, i) */
    uint64_t seed;
    uint32_t lateness_unit_ns; /* stored lateness is in these */
};

/* Definitions of a samples stream; ids are dense from 0 per stream and kind. */
struct pyro_function_fact {
    struct pyro_str file, name, qualname, module; /* module may be empty: not known */
    uint32_t first_line, last_line;
    uint64_t table_hash; /* of the line table's bytes: bytecode itself is rewritten at run time */
};
struct pyro_frame_fact { /* where in a function */
    uint32_t function;
    int32_t instruction;         /* offset in bytes from the first instruction; -1: not begun */
    uint32_t line, end_line;     /* 0: not known */
    uint32_t column, end_column; /* from 1, in bytes of UTF-8; 0: not known */
};
#define PYRO_NO_NODE UINT32_MAX
struct pyro_node_fact { /* a calling context: the path of frames from the bottom to this one */
    uint32_t parent;    /* a node of the same stream with a lower id, or PYRO_NO_NODE */
    uint32_t frame;
};
struct pyro_thread_fact {
    int64_t tid;          /* as the kernel numbers it */
    uint64_t start_ticks; /* field 22 of /proc/PID/task/TID/stat; 0: not known */
    struct pyro_str name; /* the kernel's comm, or Python's name; may be empty */
};

/* One sample of one thread at one tick. */
enum {
    PYRO_SAMPLE_DISCARDED = 1 << 0, /* the read took too long; node is PYRO_NO_NODE */
    PYRO_SAMPLE_TOP_MOVED = 1 << 1, /* the two reads disagree on the top frame's function */
    PYRO_SAMPLE_ASSUMED = 1 << 2,   /* frames below the window were not read again this tick */
};
/* What the thread did at that moment: three facts of two bits, each unknown (0), no or yes. */
enum {
    PYRO_STATE_NO = 1,
    PYRO_STATE_YES = 2,
    PYRO_STATE_RUNNABLE = 0, /* shifts: it runs or could run; else it sleeps in the kernel */
    PYRO_STATE_GIL = 2,      /* it holds the GIL */
    PYRO_STATE_GC = 4,       /* it is in the garbage collector */
    PYRO_STATE_BITS = 6,
};
static inline unsigned pyro_state_fact(uint32_t state, int shift)
{
    return state >> shift & 3;
}
struct pyro_sample {
    uint32_t thread;
    uint32_t node;       /* PYRO_NO_NODE: no Python frame (or discarded) */
    uint32_t unverified; /* this many frames at the top were not the same in the second read */
    uint32_t flags;
    uint32_t second; /* the node that the second read showed, plus 1, where the first was not
                      * verified wholly; 0: not told */
    uint32_t state;  /* of the facts above; 0: nothing is known (or discarded) */
};

/* What the kernel's scheduler says of a thread, about once a second. */
struct pyro_delay_fact {
    uint32_t thread;
    uint64_t over_ns;    /* the time between two looks, ... */
    uint64_t ran_ns;     /* ... in which it ran so long, ... */
    uint64_t delayed_ns; /* ... and was ready to run, without a CPU, so long */
};

/* Totals so far, written with every flush: what is known when the writer is killed. */
struct pyro_status_fact {
    uint64_t mono_ns, wall_ns, tsc; /* the anchor: three clocks at one moment */
    uint64_t ticks, missed, planned, discarded, taken, assumed, broken; /* broken: failed */
    uint64_t lost; /* samples that could not be written (disk full) */
    uint64_t target_cpu_ns, target_wall_ns, sampler_cpu_ns;
    uint64_t target_peak_rss; /* bytes; 0: not known */
};

struct pyro_end_fact {   /* written when the recording is complete */
    int32_t exit_status; /* 0..255, or -signal; INT32_MIN: not known */
    uint64_t mono_ns;
    uint64_t wall_ns, cpu_ns; /* of the root process: elapsed, user + system */
};

struct pyro_exit_fact { /* of a sampled process */
    uint32_t process;
    int32_t exit_status; /* 0..255, or -signal */
};

struct pyro_source_fact { /* a run of lines of a file as it was when first seen */
    struct pyro_str file;
    uint32_t first_line;
    struct pyro_str text; /* with its newlines */
};

/* ---- writing */
struct pyro_writer;
struct pyro_stream; /* a samples stream being written */

/* Creates the file with mode 0600 and writes its head, so that an error here leaves no file behind.
 * PYRO_E_EXISTS unless `overwrite`; PYRO_E_PERMISSION, _NOT_FOUND (no such folder), _FULL, _IO,
 * _NOMEM. */
int pyro_format_create(struct pyro_writer **out, const char *path, bool overwrite,
                       const struct pyro_recording_head *head, struct pyro_error *err);
/* Each queues one fact and returns 0 or the writer's sticky error (see pyro_format_flush); what is
 * too large to be written is PYRO_E_INVALID. */
int pyro_format_write_process(struct pyro_writer *w, const struct pyro_process_fact *fact);
int pyro_format_write_exit(struct pyro_writer *w, const struct pyro_exit_fact *fact);
int pyro_format_write_source(struct pyro_writer *w, const struct pyro_source_fact *fact);
int pyro_format_write_warning(struct pyro_writer *w, const char *sentence);

/* Opens a samples stream.  fact->id and ->kind are set, and ->lateness_unit_ns where it is 0 (the
 * power of two at or below period_ns / 64, at least 256).  The stream is freed with its writer, or
 * when it is closed. */
int pyro_format_stream_open(struct pyro_writer *w, struct pyro_stream_fact *fact,
                            struct pyro_stream **out);
/* Ends a stream: what it was told last goes with the next flush, then it is freed. */
void pyro_format_stream_close(struct pyro_writer *w, struct pyro_stream *s);
/* Definitions: each returns the new id.  The caller keeps them unique (strings are made unique
 * here).  UINT32_MAX when out of memory, or when an id given was never returned. */
uint32_t pyro_format_stream_function(struct pyro_stream *s, const struct pyro_function_fact *fact);
uint32_t pyro_format_stream_frame(struct pyro_stream *s, const struct pyro_frame_fact *fact);
uint32_t pyro_format_stream_node(struct pyro_stream *s, uint32_t parent, uint32_t frame);
uint32_t pyro_format_stream_thread(struct pyro_stream *s, const struct pyro_thread_fact *fact);
/* A kept tick: its number in the schedule and when it truly came.  Ticks between this number and
 * the last are missed ones; numbers ascend.  Then its samples, at most one a thread. */
void pyro_format_stream_tick(struct pyro_stream *s, uint64_t number, uint64_t mono_ns);
void pyro_format_stream_sample(struct pyro_stream *s, const struct pyro_sample *sample);
void pyro_format_stream_delay(struct pyro_stream *s, const struct pyro_delay_fact *fact);
/* A thread was seen at this node while it could not run: see docs/internals/folding.md. */
void pyro_format_stream_still(struct pyro_stream *s, uint32_t node);

/* Seals what has been said since the last flush, as one batch a stream, and hands it to the
 * writing thread.  Called at least every second.  Never blocks on the disk.  Returns the
 * first error the writing thread has met (sticky: PYRO_E_FULL, PYRO_E_IO), else 0; after such an
 * error batches are dropped and their samples counted as lost.  `status` is needed; its `lost` is
 * raised to what the writer itself has lost by then. */
int pyro_format_flush(struct pyro_writer *w, const struct pyro_status_fact *status);
/* Is all that was handed to the writing thread in the file, or given up? */
bool pyro_format_is_written(struct pyro_writer *w);
uint64_t pyro_format_lost(const struct pyro_writer *w);  /* samples dropped so far */
uint64_t pyro_format_bytes(const struct pyro_writer *w); /* bytes in the file so far */
/* Flushes, writes the status and the end (either may be NULL), waits for the writing thread,
 * closes.  Frees w in any case.  Returns the first error there was, with a sentence that says how
 * many samples were lost; the status and the end are tried even so. */
int pyro_format_finish(struct pyro_writer *w, const struct pyro_status_fact *status,
                       const struct pyro_end_fact *end, struct pyro_error *err);

/* The planned moment of tick `number`: stateless, so that a reader can recompute it. */
uint64_t pyro_format_tick_time(const struct pyro_stream_fact *stream, uint64_t number);

/* ---- reading: a visitor is called for each fact in file order.  Any member may be NULL.
 * A non-zero return stops the reading and is returned by pyro_format_read.
 *
 * Ids are dense from 0 and defined before use whatever the file holds (a stream's and a process's
 * too): where damage took definitions away, what refers to them refers to a function, frame, node
 * or thread named "[lost]".  Streams of kinds that this reader does not know are told by `stream`,
 * with nothing but their kind and process, and by `unknown`, which comes at the end, once a name.
 * What is borrowed lives until the callback returns. */
struct pyro_visitor {
    void *ctx;
    int (*head)(void *ctx, const struct pyro_recording_head *fact);
    int (*process)(void *ctx, const struct pyro_process_fact *fact);
    int (*stream)(void *ctx, const struct pyro_stream_fact *fact);
    int (*function)(void *ctx, uint32_t stream, uint32_t id, const struct pyro_function_fact *fact);
    int (*frame)(void *ctx, uint32_t stream, uint32_t id, const struct pyro_frame_fact *fact);
    int (*node)(void *ctx, uint32_t stream, uint32_t id, const struct pyro_node_fact *fact);
    int (*thread)(void *ctx, uint32_t stream, uint32_t id, const struct pyro_thread_fact *fact);
    /* times[i]: CLOCK_MONOTONIC ns of the i-th kept tick of this batch (+- lateness_unit_ns / 2) */
    int (*ticks)(void *ctx, uint32_t stream, const uint64_t *times, size_t count);
    /* run-length: this sample stands for `count` ticks of the batch from tick index `first` on */
    int (*samples)(void *ctx, uint32_t stream, const struct pyro_sample *sample, size_t first,
                   size_t count);
    /* what the second reads of those samples showed; follows the batch's samples */
    int (*seconds)(void *ctx, uint32_t stream, uint32_t thread, uint32_t node, size_t first,
                   size_t count);
    /* what their threads did then (pyro_sample.state, which `samples` does not tell); follows both
     */
    int (*states)(void *ctx, uint32_t stream, uint32_t thread, uint32_t state, size_t first,
                  size_t count);
    int (*delay)(void *ctx, uint32_t stream, const struct pyro_delay_fact *fact);
    /* a thread stood at this node when it could not run */
    int (*still)(void *ctx, uint32_t stream, uint32_t node);
    int (*exit)(void *ctx, const struct pyro_exit_fact *fact);
    int (*source)(void *ctx, const struct pyro_source_fact *fact);
    int (*warning)(void *ctx, struct pyro_str sentence);
    int (*status)(void *ctx, const struct pyro_status_fact *fact);
    int (*end)(void *ctx, const struct pyro_end_fact *fact);
    /* a chunk or a stream kind that this reader does not know: named and skipped */
    int (*unknown)(void *ctx, const char *what, uint64_t bytes);
    /* a stretch that cannot be read: where, how long, why; reading goes on behind it if it can */
    int (*damage)(void *ctx, uint64_t offset, uint64_t bytes, const char *why);
};

enum pyro_ending {
    PYRO_ENDED_COMPLETE,
    PYRO_ENDED_TRUNCATED,
    PYRO_ENDED_KILLED,
    PYRO_ENDED_NOT_YET,
};

/* Reads all there is.  *ending: complete (an end was read), truncated (cut within a chunk, or
 * damaged), killed (whole chunks but no end), not yet (its writer holds it).  PYRO_E_FORMAT: not a
 * recording at all; PYRO_E_VERSION: a newer major version or an unknown critical chunk;
 * PYRO_E_NOT_FOUND, _IO. The memory variant reads a copy in memory (used by the fuzzer). */
int pyro_format_read(const char *path, const struct pyro_visitor *visitor, enum pyro_ending *ending,
                     struct pyro_error *err);
int pyro_format_read_memory(const void *bytes, size_t size, const struct pyro_visitor *visitor,
                            enum pyro_ending *ending, struct pyro_error *err);

#endif
