/*
 * format, inside: chunks, the payloads of facts, a batch of a samples stream, and the pieces the
 * writer and the reader share.  Encoder and decoder of each thing stand in one file, side by side.
 */
#ifndef PYRO_FORMAT_PRIV_H
#define PYRO_FORMAT_PRIV_H

#include "format.h"

#include <zstd.h>

/* ---- the file: 16 bytes, then chunks */
#define PYRO_FILE_MAGIC "PYRO\r\n\x1a\n"
#define PYRO_FILE_HEAD 16 /* magic 8, major u16, minor u16, crc32 u32 of those 12 */

#define PYRO_CHUNK_MARK 0xa75950c4u /* on disk: c4 'P' 'Y' a7 */
#define PYRO_CHUNK_HEAD 20 /* mark u32, crc32 u32, type u16, flags u16, stored u32, raw u32 */
#define PYRO_CHUNK_RAW_MAX (64u << 20)
#define PYRO_CHUNK_STORED_MAX (PYRO_CHUNK_RAW_MAX + (1u << 20))

enum pyro_chunk_type {
    PYRO_CHUNK_FILE = 1, /* the recording's head */
    PYRO_CHUNK_PROCESS = 2,
    PYRO_CHUNK_STREAM = 3,
    PYRO_CHUNK_BATCH = 4,
    PYRO_CHUNK_STATUS = 5,
    PYRO_CHUNK_SOURCE = 6,
    PYRO_CHUNK_WARNING = 7,
    PYRO_CHUNK_END = 8,
    PYRO_CHUNK_METRICS = 9, /* not written yet */
    PYRO_CHUNK_EXIT = 10,
};
enum {
    PYRO_CHUNK_CRITICAL = 1 << 0,
    PYRO_CHUNK_CODEC = 0xf0, /* bits 4 to 7 */
    PYRO_CODEC_RAW = 0 << 4,
    PYRO_CODEC_ZSTD = 1 << 4,
};
struct pyro_chunk {
    uint32_t crc;
    uint16_t type, flags;
    uint32_t stored, raw; /* bytes of the payload, as stored and as meant */
};

/* Appends one whole chunk; the payload is compressed where that makes it smaller.  zstd may be
 * NULL.  Returns PYRO_E_INVALID (too large), PYRO_E_NOMEM. */
int pyro_format_put_chunk(struct pyro_buf *out, ZSTD_CCtx *zstd, unsigned type, const void *payload,
                          size_t size);
void pyro_format_put_file_head(struct pyro_buf *out);
/* Parses PYRO_CHUNK_HEAD bytes; false: no chunk can begin like this. */
bool pyro_format_parse_chunk(const uint8_t *bytes, struct pyro_chunk *chunk);
/* Whether the checksum holds; `bytes` is the chunk from its mark on, head and payload. */
bool pyro_format_check_chunk(const uint8_t *bytes, const struct pyro_chunk *chunk);

/* ---- payloads of facts.  get_*: false when the payload is too short or makes no sense; strings
 * are borrowed from the payload, the array behind argv is kept in `argv` (struct pyro_str). */
void pyro_format_put_head(struct pyro_buf *out, const struct pyro_recording_head *fact);
void pyro_format_put_process(struct pyro_buf *out, const struct pyro_process_fact *fact);
void pyro_format_put_stream(struct pyro_buf *out, const struct pyro_stream_fact *fact);
void pyro_format_put_status(struct pyro_buf *out, const struct pyro_status_fact *fact);
void pyro_format_put_source(struct pyro_buf *out, const struct pyro_source_fact *fact);
void pyro_format_put_end(struct pyro_buf *out, const struct pyro_end_fact *fact);

struct pyro_head_texts { /* the fact's C strings point here */
    char boot_id[64], tool[128], host[256];
};
bool pyro_format_get_head(struct pyro_cursor *cur, struct pyro_recording_head *fact,
                          struct pyro_head_texts *texts, struct pyro_vec *argv, uint64_t *major);
void pyro_format_put_exit(struct pyro_buf *out, const struct pyro_exit_fact *fact);
bool pyro_format_get_exit(struct pyro_cursor *cur, struct pyro_exit_fact *fact);
bool pyro_format_get_process(struct pyro_cursor *cur, struct pyro_process_fact *fact,
                             struct pyro_vec *argv);
bool pyro_format_get_stream(struct pyro_cursor *cur, struct pyro_stream_fact *fact);
bool pyro_format_get_status(struct pyro_cursor *cur, struct pyro_status_fact *fact);
bool pyro_format_get_source(struct pyro_cursor *cur, struct pyro_source_fact *fact);
bool pyro_format_get_end(struct pyro_cursor *cur, struct pyro_end_fact *fact);
bool pyro_format_kind_is(const struct pyro_stream_fact *fact, const char *kind);

/* ---- batches */
enum pyro_table { /* of definitions; a batch begins with the next id of each */
                  PYRO_TABLE_STRINGS,
                  PYRO_TABLE_FUNCTIONS,
                  PYRO_TABLE_FRAMES,
                  PYRO_TABLE_STACKS,
                  PYRO_TABLE_THREADS,
                  PYRO_TABLES,
};
enum pyro_section { /* 1 to 5 are the tables, in their order */
                    PYRO_SECTION_STRINGS = 1,
                    PYRO_SECTION_FUNCTIONS = 2,
                    PYRO_SECTION_FRAMES = 3,
                    PYRO_SECTION_STACKS = 4,
                    PYRO_SECTION_THREADS = 5,
                    PYRO_SECTION_TICKS = 6,
                    PYRO_SECTION_SAMPLES = 7,
                    PYRO_SECTION_SECONDS = 8,
                    PYRO_SECTION_STATES = 9,
                    PYRO_SECTION_DELAYS = 10,
                    PYRO_SECTION_STILLS = 11,
};
struct pyro_function_row {
    uint32_t file, name, qualname, module; /* string ids */
    uint32_t first_line, last_line;
    uint64_t table_hash;
};
struct pyro_frame_row {
    uint32_t function;
    int32_t instruction;
    int64_t line_delta; /* to the function's first line */
    int64_t end_delta;  /* end_line - line */
    uint32_t column, end_column;
};
struct pyro_stack_row { /* a path of frames that a sample named first in this batch */
    uint32_t kept;      /* frames at its bottom that are those of the row before */
    uint32_t above;     /* frames above these, in the batch's stack_frames */
};
struct pyro_thread_row {
    int64_t tid;
    uint64_t start_ticks;
    uint32_t name;
};
struct pyro_entry_run { /* one thread's same sample at consecutive kept ticks */
    uint32_t thread;
    uint32_t stack;  /* its id, or PYRO_NO_NODE */
    uint32_t packed; /* unverified * 8 + flags */
    uint32_t first, count;
};
struct pyro_tick_gap { /* `missed` ticks were missed before the kept tick `index` */
    uint32_t index;
    uint64_t missed;
};
struct pyro_batch {
    uint32_t stream;
    uint32_t first[PYRO_TABLES];
    struct pyro_vec string_sizes; /* uint32_t */
    struct pyro_buf string_bytes;
    struct pyro_vec functions, frames, threads; /* pyro_*_row */
    struct pyro_vec stacks;                     /* struct pyro_stack_row */
    struct pyro_vec stack_frames;               /* uint32_t, upwards */
    uint64_t first_tick;
    struct pyro_vec lateness; /* uint64_t, one a kept tick, in units */
    struct pyro_vec gaps;     /* struct pyro_tick_gap */
    struct pyro_vec runs;     /* struct pyro_entry_run, in order of first tick */
    struct pyro_vec seconds;  /* the same, of what the second reads showed */
    struct pyro_vec states;   /* the same, of what the threads did: `stack` is the state */
    struct pyro_vec delays;   /* struct pyro_delay_fact */
    struct pyro_vec stills;   /* uint32_t: stacks */
    uint64_t taken;           /* samples not discarded */
};
struct pyro_batch *pyro_format_batch_new(uint32_t stream);
void pyro_format_batch_free(struct pyro_batch *batch);
bool pyro_format_batch_is_empty(const struct pyro_batch *batch);
size_t pyro_format_batch_bytes(const struct pyro_batch *batch); /* memory, about */
/* Appends the payload of a BATCH chunk. */
int pyro_format_put_batch(struct pyro_buf *out, const struct pyro_batch *batch);

/* ---- the symbols of stacks: see model.c */
#define PYRO_SYMBOLS_MOST (1u << 24) /* of a section */
#define PYRO_SYMBOLS_PER_BYTE 1024   /* of code, and as many for none */
#define PYRO_CONTEXT_KEPT 0
#define PYRO_CONTEXT_BOTTOM 1
#define PYRO_CONTEXT_ABOVE(frame) ((uint64_t)(frame) + 2)
#define PYRO_SYMBOL_END 0
#define PYRO_SYMBOL_FRAME(frame) ((frame) + 1)

struct pyro_model {
    struct pyro_map ids; /* context -> index */
    struct pyro_vec contexts;
    uint32_t range;
    uint32_t code;    /* reading */
    uint64_t low;     /* writing: the range's lower end, with a carry in bit 32 */
    uint64_t waiting; /* bytes of 255 behind `held` that a carry would change */
    uint8_t held;
    bool begun; /* there is a byte held */
};
void pyro_format_model_init(struct pyro_model *m);
void pyro_format_model_release(struct pyro_model *m);
/* Codes one symbol; returns 0 or PYRO_E_NOMEM.  _end writes what is left. */
int pyro_format_model_put(struct pyro_model *m, uint64_t context, uint32_t symbol,
                          struct pyro_buf *code, struct pyro_buf *literals);
void pyro_format_model_end(struct pyro_model *m, struct pyro_buf *code);
/* The other way, after _begin.  PYRO_E_FORMAT: no such literal. */
void pyro_format_model_begin(struct pyro_model *m, struct pyro_cursor *code);
int pyro_format_model_get(struct pyro_model *m, uint64_t context, struct pyro_cursor *code,
                          struct pyro_cursor *literals, uint32_t *symbol);

/* ---- the entries of one thread: see entries.c for the modes */
struct pyro_value {
    uint64_t code; /* 0: no entry at this tick, 1: no stack, n + 2: stack n */
    uint32_t packed;
    uint32_t count; /* ticks */
};
/* values: consecutive runs that differ from their neighbours. */
int pyro_format_put_entries(struct pyro_buf *out, const struct pyro_value *values, size_t n,
                            uint32_t ticks);
/* Decodes the entries of `ticks` ticks into runs (struct pyro_value). */
bool pyro_format_get_entries(struct pyro_cursor *cur, uint32_t ticks, struct pyro_vec *runs);

/* ---- a stream being written (stream.c) */
int pyro_format_stream_new(const struct pyro_stream_fact *fact, struct pyro_stream **out);
void pyro_format_stream_free(struct pyro_stream *s);
void pyro_format_stream_end(struct pyro_stream *s);
/* It was ended, and all that it was told is sealed. */
bool pyro_format_stream_is_over(const struct pyro_stream *s);
/* Takes what was said since the last seal; NULL: nothing was, or out of memory. */
struct pyro_batch *pyro_format_stream_seal(struct pyro_stream *s);
/* Forgets ticks and samples (not definitions) if they use more than `max` bytes; how many taken
 * samples that lost. */
uint64_t pyro_format_stream_shed(struct pyro_stream *s, size_t max);

/* ---- the reader's state, shared by reader.c and read_batch.c */
struct pyro_id_span { /* file ids first.. are the visitor's ids shown.. */
    uint32_t first, shown, count;
};
struct pyro_id_table {
    struct pyro_vec spans; /* struct pyro_id_span, ascending; between them, ids lost to damage */
    uint32_t end;          /* the next id in the file */
    uint32_t shown;        /* the next id for the visitor */
    uint32_t lost;         /* the visitor's id that stands for all lost ones, or UINT32_MAX */
};
struct pyro_in_stream {
    struct pyro_stream_fact fact; /* as shown to the visitor */
    bool known;                   /* its kind is one we read */
    struct pyro_id_table tables[PYRO_TABLES];
    struct pyro_vec strings;     /* struct pyro_str, by shown id */
    struct pyro_vec first_lines; /* uint32_t, by shown function id */
    struct pyro_vec times;       /* uint64_t, of the batch at hand */
    struct pyro_vec stacks;      /* uint32_t: the node at which each ends, by shown id */
    struct pyro_map nodes;       /* the node above (node, frame), by shown ids */
    uint32_t node_count;
};
struct pyro_step { /* a frame of a stack: its id in the file, its node as shown */
    uint32_t frame, node;
};
struct pyro_reader {
    const struct pyro_visitor *visitor;
    int stop; /* non-zero: stop reading, with this result */
    struct pyro_arena *arena;
    struct pyro_vec streams; /* struct pyro_in_stream * */
    struct pyro_vec runs, argv;
    struct pyro_vec path; /* struct pyro_step: the last stack read */
};
/* Calls a visitor's member unless reading has been stopped. */
#define PYRO_TELL(r, member, ...)                                                                  \
    do {                                                                                           \
        if (!(r)->stop && (r)->visitor->member)                                                    \
            (r)->stop = (r)->visitor->member((r)->visitor->ctx, __VA_ARGS__);                      \
    } while (0)
/* Reads a BATCH of a samples stream, behind the stream's id.  NULL, or why it is damaged.  *gap is
 * set where definitions that came before are lost. */
const char *pyro_format_read_samples(struct pyro_reader *r, struct pyro_in_stream *s,
                                     struct pyro_cursor *cur, bool *gap);

#endif
