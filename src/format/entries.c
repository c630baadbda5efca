/*
 * The entries of one thread in one batch: what it was doing at each kept tick, in whichever of
 * four modes is the smallest by estimate.
 *   constant    one value for all ticks
 *   runs        values and how many ticks each lasts
 *   dictionary  the different values, then an index a tick
 *   direct      a value a tick
 * A value is a stack code and a packed word (unverified * 8 + flags).  Values are always written as
 * two columns: stack codes, each as the difference to the last that named a stack, then packed
 * words, left out where all are 0.  Decoding is bounded by the bytes there are, but for runs, which
 * are bounded by the ticks of the batch.
 */
#include "format_priv.h"

#include <math.h>
#include <stdlib.h>

enum mode { CONSTANT = 0, RUNS = 1, DICTIONARY = 2, DIRECT = 3, MODE_MASK = 7, PACKED = 8 };

#define DICTIONARY_MAX 65536

struct word { /* of the dictionary */
    uint64_t code;
    uint32_t packed, ticks, id;
};

static int by_frequency(const void *left, const void *right)
{
    const struct word *l = left, *r = right;
    if (l->ticks != r->ticks)
        return l->ticks < r->ticks ? 1 : -1;
    return l->code != r->code ? (l->code < r->code ? -1 : 1) : 0;
}

static int by_code(const void *left, const void *right)
{
    const struct word *l = left, *r = right;
    if (l->code != r->code)
        return l->code < r->code ? -1 : 1;
    return l->packed != r->packed ? (l->packed < r->packed ? -1 : 1) : 0;
}

static size_t varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

/* 0 and 1 name no stack and stay what they are; another is told by its difference to *last. */
static uint64_t code_delta(uint64_t code, uint64_t *last)
{
    if (code < 2)
        return code;
    int64_t d = (int64_t)(code - *last);
    *last = code;
    return 2 + (((uint64_t)d << 1) ^ (uint64_t)(d >> 63));
}

/* Most packed words are 0, and a column of those is next to nothing when compressed. */
static size_t packed_size(uint32_t packed)
{
    return packed ? varint_size(packed) : 0;
}

/* What the dictionary's indexes come to after entropy coding, in bytes. */
static double index_size(const struct pyro_vec *words, uint32_t ticks)
{
    double bits = 0;
    const struct word *w = words->data;
    for (size_t i = 0; i < words->len; i++)
        bits += w[i].ticks * log2((double)ticks / w[i].ticks);
    return bits / 8;
}

static void put_dictionary(struct pyro_buf *out, const struct pyro_value *values, size_t n,
                           const uint32_t *word_of, struct pyro_vec *words, uint32_t *place,
                           bool packed)
{
    struct word *w = words->data;
    /* Up to 256 words the order costs nothing in the indexes, and sorted codes have small
     * differences; above, frequent words first keeps the high bytes of the indexes at 0. */
    qsort(w, words->len, sizeof *w, words->len <= 256 ? by_code : by_frequency);
    pyro_base_put_varint(out, words->len);
    uint64_t last = 0;
    for (size_t i = 0; i < words->len; i++) {
        place[w[i].id] = (uint32_t)i;
        pyro_base_put_varint(out, code_delta(w[i].code, &last));
    }
    for (size_t i = 0; packed && i < words->len; i++)
        pyro_base_put_varint(out, w[i].packed);
    for (unsigned shift = 0; shift < (words->len > 256 ? 16 : 8); shift += 8)
        for (size_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < values[i].count; k++)
                pyro_base_put_u8(out, (uint8_t)(place[word_of[i]] >> shift));
}

static void put_values(struct pyro_buf *out, const struct pyro_value *values, size_t n, bool packed,
                       bool each_tick)
{
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < (each_tick ? values[i].count : 1); k++) {
            pyro_base_put_varint(out, code_delta(values[i].code, &last));
        }
    for (size_t i = 0; packed && i < n; i++)
        for (uint32_t k = 0; k < (each_tick ? values[i].count : 1); k++)
            pyro_base_put_varint(out, values[i].packed);
}

int pyro_format_put_entries(struct pyro_buf *out, const struct pyro_value *values, size_t n,
                            uint32_t ticks)
{
    struct pyro_vec words = PYRO_VEC(struct word);
    struct pyro_map ids = {0};
    uint32_t *word_of = calloc(n, sizeof *word_of), *place = NULL;
    bool packed = false;
    size_t runs = 0, direct = 0, names = 0;
    uint64_t last = 0;
    int rc = word_of ? 0 : PYRO_E_NOMEM;
    for (size_t i = 0; i < n && !rc; i++) {
        const struct pyro_value *v = &values[i];
        size_t size = varint_size(code_delta(v->code, &last));
        uint32_t id = pyro_base_map_get(&ids, v->code, v->packed);
        if (id == PYRO_MAP_NONE) {
            id = (uint32_t)words.len;
            struct word *fresh = pyro_base_vec_push(&words);
            if (!fresh || pyro_base_map_put(&ids, v->code, v->packed, id)) {
                rc = PYRO_E_NOMEM;
                break;
            }
            *fresh = (struct word){v->code, v->packed, 0, id};
            names += size + packed_size(v->packed);
        }
        word_of[i] = id;
        ((struct word *)words.data)[id].ticks += v->count;
        packed |= v->packed != 0;
        runs += size + varint_size(v->count) + packed_size(v->packed);
        direct += size + v->count - 1 + packed_size(v->packed) * v->count;
    }
    if (!rc && !(place = calloc(words.len, sizeof *place)))
        rc = PYRO_E_NOMEM;
    if (rc)
        goto out;

    double dictionary = (double)names + index_size(&words, ticks);
    uint8_t flag = packed ? PACKED : 0;
    if (n == 1) {
        pyro_base_put_u8(out, CONSTANT | flag);
        put_values(out, values, 1, packed, false);
    } else if (words.len <= DICTIONARY_MAX && dictionary < (double)runs &&
               dictionary < (double)direct) {
        pyro_base_put_u8(out, DICTIONARY | flag);
        put_dictionary(out, values, n, word_of, &words, place, packed);
    } else if (runs < direct) {
        pyro_base_put_u8(out, RUNS | flag);
        pyro_base_put_varint(out, n);
        put_values(out, values, n, packed, false);
        for (size_t i = 0; i < n; i++)
            pyro_base_put_varint(out, values[i].count);
    } else {
        pyro_base_put_u8(out, DIRECT | flag);
        put_values(out, values, n, packed, true);
    }
out:
    free(word_of);
    free(place);
    pyro_base_map_release(&ids);
    pyro_base_vec_release(&words);
    return rc;
}

/* ---- reading */

static bool get_values(struct pyro_cursor *cur, uint64_t n, bool packed, struct pyro_vec *values)
{
    if (cur->failed || n > (size_t)(cur->end - cur->at) || pyro_base_vec_resize(values, n))
        return false;
    struct pyro_value *v = values->data;
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t code = pyro_base_get_varint(cur);
        if (code >= 2) {
            code -= 2;
            last += (code >> 1) ^ -(code & 1);
            if (last < 2 || last > (uint64_t)UINT32_MAX + 1)
                return false;
            code = last;
        }
        v[i] = (struct pyro_value){.code = code, .count = 1};
    }
    for (size_t i = 0; packed && i < n; i++) {
        uint64_t word = pyro_base_get_varint(cur);
        if (word > UINT32_MAX)
            return false;
        v[i].packed = (uint32_t)word;
    }
    return !cur->failed;
}

static bool append(struct pyro_vec *runs, const struct pyro_value *v, uint32_t count)
{
    if (runs->len) {
        struct pyro_value *last = pyro_base_vec_at(runs, runs->len - 1);
        if (last->code == v->code && last->packed == v->packed) {
            last->count += count;
            return true;
        }
    }
    struct pyro_value *to = pyro_base_vec_push(runs);
    if (!to)
        return false;
    *to = (struct pyro_value){v->code, v->packed, count};
    return true;
}

static bool get_runs(struct pyro_cursor *cur, uint32_t ticks, struct pyro_vec *runs)
{
    struct pyro_value *v = runs->data;
    uint64_t sum = 0;
    for (size_t i = 0; i < runs->len; i++) {
        uint64_t count = pyro_base_get_varint(cur);
        if (!count || count > ticks - sum)
            return false;
        v[i].count = (uint32_t)count;
        sum += count;
    }
    return !cur->failed && sum == ticks;
}

static bool get_dictionary(struct pyro_cursor *cur, uint32_t ticks, const struct pyro_vec *words,
                           struct pyro_vec *runs)
{
    const uint8_t *low = pyro_base_get_bytes(cur, ticks), *high = NULL;
    if (words->len > 256)
        high = pyro_base_get_bytes(cur, ticks);
    if (cur->failed)
        return false;
    runs->len = 0;
    for (uint32_t i = 0; i < ticks; i++) {
        size_t index = low[i] | (high ? (size_t)high[i] << 8 : 0);
        if (index >= words->len || !append(runs, pyro_base_vec_at(words, index), 1))
            return false;
    }
    return true;
}

bool pyro_format_get_entries(struct pyro_cursor *cur, uint32_t ticks, struct pyro_vec *runs)
{
    uint8_t mode = pyro_base_get_u8(cur);
    bool packed = mode & PACKED;
    if (cur->failed || mode > (PACKED | DIRECT) || !ticks)
        return false;
    switch (mode & MODE_MASK) {
    case CONSTANT:
        if (!get_values(cur, 1, packed, runs))
            return false;
        ((struct pyro_value *)runs->data)->count = ticks;
        return true;
    case RUNS:
        return get_values(cur, pyro_base_get_varint(cur), packed, runs) &&
               get_runs(cur, ticks, runs);
    case DICTIONARY: {
        struct pyro_vec words = PYRO_VEC(struct pyro_value);
        uint64_t n = pyro_base_get_varint(cur);
        bool ok = n <= DICTIONARY_MAX && get_values(cur, n, packed, &words) &&
                  get_dictionary(cur, ticks, &words, runs);
        pyro_base_vec_release(&words);
        return ok;
    }
    case DIRECT:
        return get_values(cur, ticks, packed, runs);
    }
    return false;
}
