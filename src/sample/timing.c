/*
 * timing: how long reads take, by shape.  A call that took over twice the median of calls of its
 * shape was interrupted half way: what it copied is not of one moment.  The judgement uses the
 * call's duration only, never what it holds.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>

enum { RING = 64, WARM = 16, SHAPES_MOST = 1024 };

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct shape *find(struct pyro_sampler *s, uint32_t iovecs, uint32_t log_bytes)
{
    uint64_t key = (uint64_t)log_bytes << 32 | iovecs;
    for (int i = 0; i < s->shape_count; i++)
        if (s->shape_keys[i] == key)
            return &s->shapes[i];
    if (s->shape_count == SHAPES_MOST)
        s->shape_count = 0; /* they are learned again */
    if (s->shape_count == s->shape_cap) {
        int cap = s->shape_cap ? s->shape_cap * 2 : 8;
        struct shape *more = realloc(s->shapes, (size_t)cap * sizeof *more);
        if (more != NULL)
            s->shapes = more;
        uint64_t *keys = realloc(s->shape_keys, (size_t)cap * sizeof *keys);
        if (keys != NULL)
            s->shape_keys = keys;
        if (more == NULL || keys == NULL)
            return NULL;
        s->shape_cap = cap;
    }
    s->shape_keys[s->shape_count] = key;
    struct shape *shape = &s->shapes[s->shape_count++];
    memset(shape, 0, sizeof *shape);
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
    uint64_t limit = shape->seen >= WARM ? 2 * (uint64_t)shape->median : UINT64_MAX;
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
