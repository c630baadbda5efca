/*
 * timing: how long reads take, by shape.  A call that took over twice the median of calls of its
 * shape was interrupted half way: what it copied is not of one moment.  Of a shape that is new it
 * is only known what a slow machine would need.  The judgement uses the call's duration only, never
 * what it holds.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>

enum { RING = 64, WARM = 16, PROBES = 8 };
enum { NEW_NS = 50000, NEW_IOVEC_NS = 1000, NEW_BYTE_NS = 1 };

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* A shape's place is found by its key; where all the places for it are taken, it takes the first.
 */
static struct shape *find(struct pyro_sampler *s, uint32_t iovecs, uint32_t log_bytes)
{
    uint64_t key = (uint64_t)log_bytes << 32 | iovecs;
    uint64_t hash = pyro_base_mix(key);
    if (s->shapes == NULL && (s->shapes = calloc(SHAPES, sizeof *s->shapes)) == NULL)
        return NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct shape *shape = &s->shapes[(hash + i) % SHAPES];
        if (shape->key == key)
            return shape;
        if (shape->key == 0) {
            shape->key = key;
            return shape;
        }
    }
    struct shape *shape = &s->shapes[hash % SHAPES];
    *shape = (struct shape){.key = key};
    return shape;
}

uint64_t timing_limit(struct pyro_sampler *s, uint32_t iovecs, size_t bytes, uint64_t ns)
{
    uint32_t log_bytes = 0;
    while (((size_t)1 << log_bytes) < bytes)
        log_bytes++;
    struct shape *shape = find(s, iovecs, log_bytes);
    if (shape == NULL)
        return UINT64_MAX;
    uint32_t took = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
    uint64_t limit = shape->seen >= WARM
                         ? 2 * (uint64_t)shape->median
                         : NEW_NS + iovecs * (uint64_t)NEW_IOVEC_NS + bytes * NEW_BYTE_NS;
    shape->ring[shape->seen++ % RING] = took;
    if (shape->seen == WARM || shape->seen % RING == 0) {
        uint32_t sorted[RING];
        uint32_t n = shape->seen < RING ? shape->seen : RING;
        memcpy(sorted, shape->ring, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_u32);
        shape->median = sorted[n / 2];
    }
    return limit;
}
