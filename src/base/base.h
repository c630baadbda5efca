/*
 * base: what every room stands on: errors, memory, growing arrays, byte buffers,
 * maps, interned strings, clocks.  No file here knows of Python or of recordings.
 * Nothing here is shared between threads unless its comment says so.
 */
#ifndef PYRO_BASE_H
#define PYRO_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- errors: 0 or one of these negative codes; the sentence goes into the caller's struct. */
#define PYRO_ERRORS(X)                                                                             \
    X(NOMEM, 1, "out of memory")                                                                   \
    X(IO, 2, "input or output failed")                                                             \
    X(EXISTS, 3, "the file exists")                                                                \
    X(NOT_FOUND, 4, "not found")                                                                   \
    X(PERMISSION, 5, "not permitted")                                                              \
    X(FORMAT, 6, "not readable as that format")                                                    \
    X(VERSION, 7, "an unknown version")                                                            \
    X(NOT_PYTHON, 8, "not a Python process")                                                       \
    X(GONE, 9, "the process has ended")                                                            \
    X(NOT_READY, 10, "not ready yet")                                                              \
    X(INVALID, 11, "invalid argument")                                                             \
    X(FULL, 12, "the disk is full")                                                                \
    X(UNSUPPORTED, 13, "not supported")

enum pyro_result {
    PYRO_OK = 0,
#define X(name, number, text) PYRO_E_##name = -(number),
    PYRO_ERRORS(X)
#undef X
};

struct pyro_error {
    int code;        /* enum pyro_result */
    char text[1000]; /* one sentence: what happened, on what, what to do */
};

/* Fills err (may be NULL) and returns code, so that `return pyro_base_fail(...)` reads well. */
int pyro_base_fail(struct pyro_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *pyro_base_code_text(int code);

/* ---- memory: an arena hands out zeroed, 16-byte aligned memory and gives all back at once. */
struct pyro_arena;
struct pyro_arena *pyro_base_arena_new(void); /* NULL: out of memory */
void pyro_base_arena_free(struct pyro_arena *arena);
void *pyro_base_arena_alloc(struct pyro_arena *arena, size_t size); /* NULL: out of memory */
void *pyro_base_arena_copy(struct pyro_arena *arena, const void *bytes, size_t size); /* + a NUL */
size_t pyro_base_arena_used(const struct pyro_arena *arena); /* bytes handed out */

/* ---- a growing byte buffer (malloc'd).  A failed growth sets `failed` and later puts do nothing:
 * check once at the end. */
struct pyro_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};
void pyro_base_buf_release(struct pyro_buf *buf);
static inline void pyro_base_buf_clear(struct pyro_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}
uint8_t *pyro_base_buf_room(struct pyro_buf *buf, size_t more); /* room for `more`; NULL: failed */
void pyro_base_put(struct pyro_buf *buf, const void *bytes, size_t size);
void pyro_base_put_u8(struct pyro_buf *buf, uint8_t value);
void pyro_base_put_u32(struct pyro_buf *buf, uint32_t value);    /* little-endian */
void pyro_base_put_u64(struct pyro_buf *buf, uint64_t value);    /* little-endian */
void pyro_base_put_varint(struct pyro_buf *buf, uint64_t value); /* LEB128, unsigned */
void pyro_base_put_zigzag(struct pyro_buf *buf, int64_t value);  /* LEB128 of (v<<1)^(v>>63) */
/* varint size + bytes */
void pyro_base_put_string(struct pyro_buf *buf, const char *bytes, size_t size);

/* ---- reading the same, bounded.  A read past the end sets `failed` and gives 0. */
struct pyro_cursor {
    const uint8_t *at, *end; /* borrowed */
    bool failed;
};
uint8_t pyro_base_get_u8(struct pyro_cursor *cur);
uint32_t pyro_base_get_u32(struct pyro_cursor *cur);
uint64_t pyro_base_get_u64(struct pyro_cursor *cur);
uint64_t pyro_base_get_varint(struct pyro_cursor *cur);
int64_t pyro_base_get_zigzag(struct pyro_cursor *cur);
const uint8_t *pyro_base_get_bytes(struct pyro_cursor *cur, size_t size); /* NULL: failed */
/* varint length + bytes; *size is 0 and the result "" when failed. */
const char *pyro_base_get_string(struct pyro_cursor *cur, size_t *size);

/* ---- a growing array of fixed-size elements (malloc'd). */
struct pyro_vec {
    void *data;
    size_t len, cap, elem; /* elem: bytes of one element; set by PYRO_VEC */
};
#define PYRO_VEC(type) ((struct pyro_vec){.elem = sizeof(type)})
void *pyro_base_vec_push(struct pyro_vec *vec); /* one zeroed element; NULL: no memory */
int pyro_base_vec_resize(struct pyro_vec *vec, size_t len); /* new ones zeroed */
static inline void *pyro_base_vec_at(const struct pyro_vec *vec, size_t i)
{
    return (char *)vec->data + i * vec->elem;
}
void pyro_base_vec_release(struct pyro_vec *vec);

/* ---- a map from two 64-bit words to a 32-bit value (open addressing, malloc'd). */
struct pyro_map_slot {
    uint64_t a, b;
    uint32_t value;
    uint32_t used;
};
struct pyro_map {
    struct pyro_map_slot *slots;
    size_t len, cap;
};
#define PYRO_MAP_NONE UINT32_MAX
uint32_t pyro_base_map_get(const struct pyro_map *map, uint64_t a, uint64_t b); /* or MAP_NONE */
int pyro_base_map_put(struct pyro_map *map, uint64_t a, uint64_t b, uint32_t value); /* replaces */
/* The index of the element of `of` that belongs to the key, by a map of indexes; one that is not
 * there yet is pushed, all zero: the index is then the length before.  PYRO_MAP_NONE: no memory. */
uint32_t pyro_base_map_enter(struct pyro_map *map, struct pyro_vec *of, uint64_t a, uint64_t b);
void pyro_base_map_clear(struct pyro_map *map);
void pyro_base_map_release(struct pyro_map *map);

/* ---- interned strings: any bytes <-> dense ids from 0.  Id 0 is always the empty string. */
struct pyro_strings;
struct pyro_strings *pyro_base_strings_new(void);
void pyro_base_strings_free(struct pyro_strings *strings);
/* The id, or PYRO_MAP_NONE when out of memory. *fresh (may be NULL): it was not there before. */
uint32_t pyro_base_strings_add(struct pyro_strings *strings, const char *bytes, size_t size,
                               bool *fresh);
const char *pyro_base_strings_get(const struct pyro_strings *strings, uint32_t id, size_t *size);
size_t pyro_base_strings_count(const struct pyro_strings *strings);

/* ---- numbers and clocks */
uint64_t pyro_base_hash(const void *bytes, size_t size);  /* XXH3 */
uint64_t pyro_base_mix(uint64_t x);                       /* splitmix64's output function */
uint32_t pyro_base_crc32(const void *bytes, size_t size); /* zlib's */
uint64_t pyro_base_monotonic_ns(void);                    /* CLOCK_MONOTONIC */
uint64_t pyro_base_wall_ns(void);                         /* CLOCK_REALTIME since 1970 */
uint64_t pyro_base_tsc(void); /* the CPU's time-stamp counter (x86-64, aarch64), else 0 */
/* The boot's id as 36 characters and a NUL; "" where it cannot be read. */
void pyro_base_boot_id(char out[37]);

/* ---- a walk along a list that somebody else changes, and which may lead round: what it comes to
 * is compared with where it was at the last power of two (Brent's algorithm). */
struct pyro_round {
    uint64_t steps, at; /* all zero: a walk begins */
};
static inline bool pyro_base_goes_round(struct pyro_round *round, uint64_t at)
{
    if (round->steps > 0 && at == round->at)
        return true;
    if ((round->steps & (round->steps + 1)) == 0)
        round->at = at;
    round->steps++;
    return false;
}

/* ---- small files (such as those of /proc).  Reads the whole file, adds a NUL; the caller frees.
 * PYRO_E_NOT_FOUND, PYRO_E_PERMISSION, PYRO_E_IO, PYRO_E_NOMEM; err may be NULL. */
int pyro_base_read_file(const char *path, size_t max, char **out, size_t *size,
                        struct pyro_error *err);

#endif
