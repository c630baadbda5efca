/*
 * The reader: walks the chunks of a recording and tells a visitor what they say.
 *
 * The file is untrusted.  Nothing is believed before its checksum holds, and nothing after it
 * without a bound: a checksum is no proof of good will.  A stretch that cannot be read is named,
 * and reading goes on at the next whole chunk; how much is spent on looking for one is bounded.
 * Refuses a file that does not begin like a recording, newer major versions, and unknown critical
 * chunks.  The file may grow or shrink while it is read: its size is taken once.
 */
#include "format_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)1 << 20)
#define UNKNOWN_MAX 32

struct input { /* a file, seen through a window, or memory */
    const uint8_t *memory;
    int fd;
    uint64_t size;
    struct pyro_buf window;
    uint64_t window_at;
    int failed; /* errno of a read that failed */
};

struct unknown {
    char what[96];
    uint64_t bytes;
};

struct walk {
    struct pyro_reader r;
    struct input in;
    struct pyro_error *err;
    struct pyro_map process_ids, stream_ids; /* of the file -> of the visitor */
    bool head_seen, end_seen, damaged;
    struct pyro_buf raw; /* a payload, decompressed */
    ZSTD_DCtx *zstd;
    uint64_t search_left; /* bytes that may still be checked in search of a whole chunk */
    struct unknown unknowns[UNKNOWN_MAX];
    size_t unknown_count;
};

/* ---- the input */

/* `len` bytes at `offset`, valid until the next call; the caller keeps within in->size.  NULL: no
 * memory, or the read failed.  Bytes that are no longer there read as zeros. */
static const uint8_t *view(struct input *in, uint64_t offset, size_t len)
{
    if (in->memory)
        return in->memory + offset;
    if (offset >= in->window_at && offset - in->window_at <= in->window.len &&
        len <= in->window.len - (offset - in->window_at))
        return in->window.data + (offset - in->window_at);
    size_t want = len > WINDOW ? len : WINDOW;
    if (want > in->size - offset)
        want = (size_t)(in->size - offset);
    in->window.len = 0;
    if (!pyro_base_buf_room(&in->window, want))
        return NULL;
    size_t got = 0;
    while (got < want) {
        ssize_t n = pread(in->fd, in->window.data + got, want - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            in->failed = errno;
            return NULL;
        }
        if (!n)
            break;
        got += (size_t)n;
    }
    memset(in->window.data + got, 0, want - got);
    in->window.len = want;
    in->window_at = offset;
    return in->window.data;
}

static void input_failed(struct walk *w)
{
    if (w->r.stop)
        return;
    w->r.stop = w->in.failed ? PYRO_E_IO : PYRO_E_NOMEM;
    pyro_base_fail(w->err, w->r.stop, "cannot read the recording: %s",
                   w->in.failed ? strerror(w->in.failed) : "out of memory");
}

/* ---- what cannot be read */

static void tell_damage(struct walk *w, uint64_t offset, uint64_t bytes, const char *why)
{
    w->damaged = true;
    PYRO_TELL(&w->r, damage, offset, bytes, why);
}

/* Adds up what is unknown by name; told at the end, once each. */
static void note_unknown(struct walk *w, const char *what, uint64_t bytes)
{
    size_t i = 0;
    while (i < w->unknown_count && strcmp(w->unknowns[i].what, what))
        i++;
    if (i == UNKNOWN_MAX) {
        i = UNKNOWN_MAX - 1;
        strcpy(w->unknowns[i].what, "others");
    }
    if (i == w->unknown_count)
        snprintf(w->unknowns[w->unknown_count++].what, sizeof w->unknowns[i].what, "%s", what);
    w->unknowns[i].bytes += bytes;
}

static void note_unknown_kind(struct walk *w, struct pyro_str kind, uint64_t bytes)
{
    char what[96], name[64];
    size_t size = kind.size < sizeof name - 1 ? kind.size : sizeof name - 1;
    for (size_t i = 0; i < size; i++) /* it may be shown on a terminal */
        name[i] = kind.bytes[i] > ' ' && kind.bytes[i] < 0x7f ? kind.bytes[i] : '?';
    name[size] = 0;
    snprintf(what, sizeof what, "stream kind \"%s\"", name);
    note_unknown(w, what, bytes);
}

/* ---- chunks that hold one fact.  Each returns NULL, or why the chunk is damaged. */

static const char *read_head(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_recording_head fact;
    struct pyro_head_texts texts;
    uint64_t major;
    if (!pyro_format_get_head(cur, &fact, &texts, &w->r.argv, &major))
        return "the recording's head makes no sense";
    if (major != PYRO_FORMAT_MAJOR) {
        w->r.stop = pyro_base_fail(w->err, PYRO_E_VERSION,
                                   "the recording's format is version %llu; this reads version %d",
                                   (unsigned long long)major, PYRO_FORMAT_MAJOR);
        return NULL;
    }
    if (!w->head_seen)
        PYRO_TELL(&w->r, head, &fact);
    w->head_seen = true;
    return NULL;
}

/* Facts are repeated; true if this one is new.  *shown: its id for the visitor. */
static bool is_new(struct walk *w, struct pyro_map *ids, uint32_t id, uint32_t *shown)
{
    *shown = pyro_base_map_get(ids, id, 0);
    if (*shown != PYRO_MAP_NONE)
        return false;
    *shown = (uint32_t)ids->len;
    if (pyro_base_map_put(ids, id, 0, *shown)) {
        w->r.stop = PYRO_E_NOMEM;
        return false;
    }
    return true;
}

static const char *read_process(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_process_fact fact;
    if (!pyro_format_get_process(cur, &fact, &w->r.argv))
        return "a process makes no sense";
    if (is_new(w, &w->process_ids, fact.id, &fact.id))
        PYRO_TELL(&w->r, process, &fact);
    return NULL;
}

static const char *read_exit(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_exit_fact fact;
    if (!pyro_format_get_exit(cur, &fact))
        return "the exit of a process makes no sense";
    fact.process = pyro_base_map_get(&w->process_ids, fact.process, 0);
    if (fact.process != PYRO_MAP_NONE)
        PYRO_TELL(&w->r, exit, &fact);
    return NULL;
}

static void free_stream(struct pyro_in_stream *s)
{
    for (size_t i = 0; i < PYRO_TABLES; i++)
        pyro_base_vec_release(&s->tables[i].spans);
    pyro_base_vec_release(&s->strings);
    pyro_base_vec_release(&s->first_lines);
    pyro_base_vec_release(&s->stacks);
    pyro_base_map_release(&s->nodes);
    pyro_base_vec_release(&s->times);
    free(s);
}

static int add_stream(struct walk *w, const struct pyro_stream_fact *fact)
{
    struct pyro_in_stream *s = calloc(1, sizeof *s), **slot;
    if (!s)
        return PYRO_E_NOMEM;
    s->fact = *fact;
    s->known = pyro_format_kind_is(fact, "samples");
    for (size_t i = 0; i < PYRO_TABLES; i++) {
        s->tables[i].spans = PYRO_VEC(struct pyro_id_span);
        s->tables[i].lost = UINT32_MAX;
    }
    s->strings = PYRO_VEC(struct pyro_str);
    s->first_lines = PYRO_VEC(uint32_t);
    s->stacks = PYRO_VEC(uint32_t);
    s->times = PYRO_VEC(uint64_t);
    s->fact.kind.bytes = pyro_base_arena_copy(w->r.arena, fact->kind.bytes, fact->kind.size);
    struct pyro_id_span *zero = pyro_base_vec_push(&s->tables[PYRO_TABLE_STRINGS].spans);
    struct pyro_str *empty = pyro_base_vec_push(&s->strings);
    slot = pyro_base_vec_push(&w->r.streams);
    if (!s->fact.kind.bytes || !zero || !empty || !slot) {
        free_stream(s);
        w->r.streams.len -= slot != NULL;
        return PYRO_E_NOMEM;
    }
    *zero = (struct pyro_id_span){.count = 1}; /* string 0 is the empty one in every stream */
    s->tables[PYRO_TABLE_STRINGS].end = s->tables[PYRO_TABLE_STRINGS].shown = 1;
    empty->bytes = "";
    *slot = s;
    return 0;
}

static const char *read_stream(struct walk *w, struct pyro_cursor *cur, uint64_t bytes)
{
    struct pyro_stream_fact fact;
    if (!pyro_format_get_stream(cur, &fact))
        return "a stream makes no sense";
    if (!is_new(w, &w->stream_ids, fact.id, &fact.id))
        return NULL;
    uint32_t process;
    if (is_new(w, &w->process_ids, fact.process, &process)) { /* its own chunk was damaged */
        struct pyro_process_fact lost = {.id = process, .python = {"", 0}};
        PYRO_TELL(&w->r, process, &lost);
    }
    fact.process = process;
    int rc = w->r.stop ? w->r.stop : add_stream(w, &fact);
    if (rc)
        w->r.stop = rc;
    if (!pyro_format_kind_is(&fact, "samples"))
        note_unknown_kind(w, fact.kind, bytes);
    PYRO_TELL(&w->r, stream, &fact);
    return NULL;
}

static const char *read_batch(struct walk *w, struct pyro_cursor *cur, uint64_t offset,
                              uint64_t bytes)
{
    uint64_t id = pyro_base_get_varint(cur);
    uint32_t shown = id <= UINT32_MAX ? pyro_base_map_get(&w->stream_ids, id, 0) : PYRO_MAP_NONE;
    if (cur->failed || shown == PYRO_MAP_NONE)
        return "the stream of this batch is not known";
    struct pyro_in_stream *s = *(struct pyro_in_stream **)pyro_base_vec_at(&w->r.streams, shown);
    if (!s->known) {
        note_unknown_kind(w, s->fact.kind, bytes);
        return NULL;
    }
    bool gap = false;
    const char *why = pyro_format_read_samples(&w->r, s, cur, &gap);
    if (gap)
        tell_damage(w, offset, 0, "definitions before this batch are lost");
    return why;
}

static const char *read_status(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_status_fact fact;
    if (!pyro_format_get_status(cur, &fact))
        return "a status makes no sense";
    PYRO_TELL(&w->r, status, &fact);
    return NULL;
}

static const char *read_source(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_source_fact fact;
    if (!pyro_format_get_source(cur, &fact))
        return "a piece of source makes no sense";
    PYRO_TELL(&w->r, source, &fact);
    return NULL;
}

static const char *read_warning(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_str sentence;
    sentence.bytes = pyro_base_get_string(cur, &sentence.size);
    if (cur->failed)
        return "a warning makes no sense";
    PYRO_TELL(&w->r, warning, sentence);
    return NULL;
}

static const char *read_end(struct walk *w, struct pyro_cursor *cur)
{
    struct pyro_end_fact fact;
    if (!pyro_format_get_end(cur, &fact))
        return "the end makes no sense";
    w->end_seen = true;
    PYRO_TELL(&w->r, end, &fact);
    return NULL;
}

/* ---- walking */

static const char *decode(struct walk *w, const struct pyro_chunk *chunk, const uint8_t *stored,
                          struct pyro_cursor *cur)
{
    if ((chunk->flags & PYRO_CHUNK_CODEC) == PYRO_CODEC_RAW) {
        *cur = (struct pyro_cursor){.at = stored, .end = stored + chunk->stored};
        return chunk->stored == chunk->raw ? NULL : "a chunk's two lengths differ";
    }
    pyro_base_buf_clear(&w->raw);
    /* What zstd says of the size comes first: memory is given only for what the frame admits. */
    unsigned long long size = ZSTD_getFrameContentSize(stored, chunk->stored);
    if (size != chunk->raw)
        return "a compressed chunk is not as long as it says";
    uint8_t *room = pyro_base_buf_room(&w->raw, chunk->raw ? chunk->raw : 1);
    if (!room || (!w->zstd && !(w->zstd = ZSTD_createDCtx()))) {
        w->r.stop = PYRO_E_NOMEM;
        return NULL;
    }
    if (ZSTD_decompressDCtx(w->zstd, room, chunk->raw, stored, chunk->stored) != chunk->raw)
        return "a compressed chunk cannot be decompressed";
    *cur = (struct pyro_cursor){.at = room, .end = room + chunk->raw};
    return NULL;
}

static const char *read_chunk(struct walk *w, const struct pyro_chunk *chunk, uint64_t offset,
                              const uint8_t *bytes)
{
    unsigned codec = chunk->flags & PYRO_CHUNK_CODEC;
    uint64_t whole = PYRO_CHUNK_HEAD + (uint64_t)chunk->stored;
    bool known = chunk->type >= PYRO_CHUNK_FILE && chunk->type <= PYRO_CHUNK_EXIT &&
                 chunk->type != PYRO_CHUNK_METRICS;
    if (!known || codec > PYRO_CODEC_ZSTD) {
        char what[64];
        snprintf(what, sizeof what, "chunk type %u%s", chunk->type,
                 codec > PYRO_CODEC_ZSTD ? " in an unknown compression" : "");
        if (chunk->flags & PYRO_CHUNK_CRITICAL)
            w->r.stop = pyro_base_fail(w->err, PYRO_E_VERSION,
                                       "the recording holds %s, which this version cannot leave "
                                       "out: read it with a newer one",
                                       what);
        else
            note_unknown(w, what, whole);
        return NULL;
    }
    struct pyro_cursor cur = {0};
    const char *why = decode(w, chunk, bytes + PYRO_CHUNK_HEAD, &cur);
    if (why || w->r.stop)
        return why;
    switch (chunk->type) {
    case PYRO_CHUNK_FILE:
        return read_head(w, &cur);
    case PYRO_CHUNK_PROCESS:
        return read_process(w, &cur);
    case PYRO_CHUNK_STREAM:
        return read_stream(w, &cur, whole);
    case PYRO_CHUNK_BATCH:
        return read_batch(w, &cur, offset, whole);
    case PYRO_CHUNK_STATUS:
        return read_status(w, &cur);
    case PYRO_CHUNK_SOURCE:
        return read_source(w, &cur);
    case PYRO_CHUNK_WARNING:
        return read_warning(w, &cur);
    case PYRO_CHUNK_EXIT:
        return read_exit(w, &cur);
    default:
        return read_end(w, &cur);
    }
}

/* The whole chunk at `offset`, or NULL and why there is none. */
static const uint8_t *chunk_at(struct walk *w, uint64_t offset, struct pyro_chunk *chunk,
                               const char **why)
{
    *chunk = (struct pyro_chunk){0};
    uint64_t left = w->in.size - offset;
    *why = "the file ends within a chunk";
    if (left < PYRO_CHUNK_HEAD)
        return NULL;
    const uint8_t *bytes = view(&w->in, offset, PYRO_CHUNK_HEAD);
    if (!bytes) {
        input_failed(w);
        return NULL;
    }
    if (!pyro_format_parse_chunk(bytes, chunk)) {
        *why = "no chunk begins here";
        return NULL;
    }
    if (chunk->stored > left - PYRO_CHUNK_HEAD)
        return NULL;
    bytes = view(&w->in, offset, PYRO_CHUNK_HEAD + (size_t)chunk->stored);
    if (!bytes) {
        input_failed(w);
        return NULL;
    }
    *why = "a chunk's checksum is wrong";
    return pyro_format_check_chunk(bytes, chunk) ? bytes : NULL;
}

/* Where the next whole chunk begins, from `offset` on; the file's size if there is none. */
static uint64_t find_chunk(struct walk *w, uint64_t offset)
{
    static const uint8_t mark[4] = {0xc4, 'P', 'Y', 0xa7};
    while (offset + PYRO_CHUNK_HEAD <= w->in.size && !w->r.stop) {
        uint64_t left = w->in.size - offset;
        size_t len = left < WINDOW ? (size_t)left : WINDOW;
        const uint8_t *bytes = view(&w->in, offset, len);
        if (!bytes) {
            input_failed(w);
            break;
        }
        const uint8_t *hit = memmem(bytes, len, mark, sizeof mark);
        if (!hit) {
            offset += len - (sizeof mark - 1);
            continue;
        }
        offset += (uint64_t)(hit - bytes);
        struct pyro_chunk chunk;
        const char *why;
        if (chunk_at(w, offset, &chunk, &why))
            return offset;
        uint64_t cost = chunk.stored < w->in.size - offset ? chunk.stored : 0;
        if (cost > w->search_left)
            break;
        w->search_left -= cost;
        offset++;
    }
    return w->in.size;
}

/* The first 16 bytes, and where the chunks begin. */
static int read_file_head(struct walk *w)
{
    if (!w->in.size)
        return pyro_base_fail(w->err, PYRO_E_FORMAT, "the recording is empty");
    size_t len = w->in.size < PYRO_FILE_HEAD ? (size_t)w->in.size : PYRO_FILE_HEAD;
    const uint8_t *bytes = view(&w->in, 0, len);
    if (!bytes) {
        input_failed(w);
        return w->r.stop;
    }
    if (len < PYRO_FILE_HEAD) {
        if (memcmp(bytes, PYRO_FILE_MAGIC, len < 8 ? len : 8))
            return pyro_base_fail(w->err, PYRO_E_FORMAT, "not a Pyrometer recording");
        tell_damage(w, 0, len, "the file ends within its first bytes");
        return w->r.stop;
    }
    struct pyro_cursor cur = {.at = bytes + 8, .end = bytes + PYRO_FILE_HEAD};
    unsigned major = pyro_base_get_u32(&cur) & 0xffff;
    bool intact =
        pyro_base_get_u32(&cur) == pyro_base_crc32(bytes, 12) && !memcmp(bytes, PYRO_FILE_MAGIC, 8);
    if (intact && major != PYRO_FORMAT_MAJOR)
        return pyro_base_fail(w->err, PYRO_E_VERSION,
                              "the recording's format is version %u; this reads version %d", major,
                              PYRO_FORMAT_MAJOR);
    if (intact)
        return 0;
    /* A flipped bit in the first bytes costs nothing else: the head's chunk says it all again. */
    struct pyro_chunk chunk;
    const char *why;
    if (!chunk_at(w, PYRO_FILE_HEAD, &chunk, &why) || chunk.type != PYRO_CHUNK_FILE)
        return w->r.stop ? w->r.stop
                         : pyro_base_fail(w->err, PYRO_E_FORMAT, "not a Pyrometer recording");
    tell_damage(w, 0, PYRO_FILE_HEAD, "the file's first bytes are damaged");
    return w->r.stop;
}

static void walk_chunks(struct walk *w)
{
    uint64_t offset = PYRO_FILE_HEAD;
    while (offset < w->in.size && !w->r.stop) {
        struct pyro_chunk chunk;
        const char *why;
        const uint8_t *bytes = chunk_at(w, offset, &chunk, &why);
        uint64_t next;
        if (bytes) {
            next = offset + PYRO_CHUNK_HEAD + chunk.stored;
            why = read_chunk(w, &chunk, offset, bytes);
        } else {
            next = find_chunk(w, offset + 1);
        }
        if (why)
            tell_damage(w, offset, next - offset, why);
        offset = next;
    }
    for (size_t i = 0; i < w->unknown_count; i++)
        PYRO_TELL(&w->r, unknown, w->unknowns[i].what, w->unknowns[i].bytes);
}

static int read_input(struct walk *w, const struct pyro_visitor *visitor, enum pyro_ending *ending)
{
    w->r.visitor = visitor;
    w->r.streams = PYRO_VEC(struct pyro_in_stream *);
    w->r.runs = PYRO_VEC(struct pyro_value);
    w->r.argv = PYRO_VEC(struct pyro_str);
    w->r.path = PYRO_VEC(struct pyro_step);
    w->r.arena = pyro_base_arena_new();
    w->search_left = 8 * w->in.size + WINDOW;
    int rc = w->r.arena ? read_file_head(w) : PYRO_E_NOMEM;
    if (!rc) {
        walk_chunks(w);
        rc = w->r.stop;
    }
    if (rc == PYRO_E_NOMEM)
        pyro_base_fail(w->err, rc, "out of memory reading the recording");
    *ending = w->damaged    ? PYRO_ENDED_TRUNCATED
              : w->end_seen ? PYRO_ENDED_COMPLETE
                            : PYRO_ENDED_KILLED;
    for (size_t i = 0; i < w->r.streams.len; i++)
        free_stream(*(struct pyro_in_stream **)pyro_base_vec_at(&w->r.streams, i));
    pyro_base_vec_release(&w->r.streams);
    pyro_base_vec_release(&w->r.runs);
    pyro_base_vec_release(&w->r.argv);
    pyro_base_vec_release(&w->r.path);
    pyro_base_map_release(&w->process_ids);
    pyro_base_map_release(&w->stream_ids);
    pyro_base_buf_release(&w->raw);
    pyro_base_buf_release(&w->in.window);
    pyro_base_arena_free(w->r.arena);
    ZSTD_freeDCtx(w->zstd);
    return rc;
}

int pyro_format_read(const char *path, const struct pyro_visitor *visitor, enum pyro_ending *ending,
                     struct pyro_error *err)
{
    *ending = PYRO_ENDED_TRUNCATED;
    struct stat st;
    struct walk w = {.err = err};
    w.in.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (w.in.fd < 0)
        return pyro_base_fail(err,
                              errno == ENOENT || errno == ENOTDIR ? PYRO_E_NOT_FOUND
                              : errno == EACCES || errno == EPERM ? PYRO_E_PERMISSION
                                                                  : PYRO_E_IO,
                              "cannot open %s: %s", path, strerror(errno));
    int rc;
    if (fstat(w.in.fd, &st)) {
        rc = pyro_base_fail(err, PYRO_E_IO, "cannot read %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        rc = pyro_base_fail(err, PYRO_E_FORMAT, "%s is not a file", path);
    } else {
        w.in.size = (uint64_t)st.st_size;
        /* asked first: what is written after that is not missed without a word */
        bool written = flock(w.in.fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        rc = read_input(&w, visitor, ending);
        if (written && !w.end_seen)
            *ending = PYRO_ENDED_NOT_YET;
    }
    close(w.in.fd);
    return rc;
}

int pyro_format_read_memory(const void *bytes, size_t size, const struct pyro_visitor *visitor,
                            enum pyro_ending *ending, struct pyro_error *err)
{
    struct walk w = {.err = err, .in = {.memory = size ? bytes : "", .fd = -1, .size = size}};
    *ending = PYRO_ENDED_TRUNCATED;
    return read_input(&w, visitor, ending);
}
