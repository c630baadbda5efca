/*
 * The entries of a thread: what goes in comes out, whatever the mode; every mode is taken where it
 * is the smallest.  Random, with a fixed seed.
 */
#include "format_priv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* behind the above */
#include <cmocka.h>

static uint64_t state = 99;
static uint32_t draw(uint32_t below)
{
    return (uint32_t)((pyro_base_mix(state++) >> 20) % below);
}

/* Writes, reads back, compares tick by tick.  Returns the mode byte. */
static unsigned roundtrip(struct pyro_vec *values, uint32_t ticks)
{
    struct pyro_buf buf = {0};
    struct pyro_vec runs = PYRO_VEC(struct pyro_value);
    assert_int_equal(pyro_format_put_entries(&buf, values->data, values->len, ticks), 0);
    struct pyro_cursor cur = {.at = buf.data, .end = buf.data + buf.len};
    assert_true(pyro_format_get_entries(&cur, ticks, &runs));
    assert_ptr_equal(cur.at, cur.end);
    size_t r = 0;
    uint32_t left = runs.len ? ((struct pyro_value *)runs.data)[0].count : 0;
    for (size_t i = 0; i < values->len; i++) {
        const struct pyro_value *want = pyro_base_vec_at(values, i);
        for (uint32_t k = 0; k < want->count; k++, left--) {
            const struct pyro_value *got = pyro_base_vec_at(&runs, r);
            if (!left) {
                assert_true(++r < runs.len);
                got = pyro_base_vec_at(&runs, r);
                left = got->count;
            }
            assert_int_equal(got->code, want->code);
            assert_int_equal(got->packed, want->packed);
        }
    }
    assert_true(r + 1 == runs.len && !left);
    /* cut anywhere, it is refused, or (between whole values) at least harmless */
    for (size_t size = 0; size < buf.len; size += 1 + size / 16) {
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, buf.data, size);
        cur = (struct pyro_cursor){.at = cut, .end = cut + size};
        assert_false(pyro_format_get_entries(&cur, ticks, &runs));
        free(cut);
    }
    unsigned mode = buf.data[0];
    pyro_base_buf_release(&buf);
    pyro_base_vec_release(&runs);
    return mode;
}

/* Neighbours differ, as they do in a batch. */
static uint32_t fill(struct pyro_vec *values, size_t n, uint32_t codes, uint32_t stay, bool packed,
                     bool growing)
{
    uint32_t ticks = 0;
    uint64_t code = 0;
    values->len = 0;
    while (values->len < n) {
        struct pyro_value v = {growing ? code += 1 + draw(20) : draw(codes),
                               packed ? draw(4) * 8 : 0, 1 + draw(stay)};
        struct pyro_value *last = values->len ? pyro_base_vec_at(values, values->len - 1) : NULL;
        if (last && last->code == v.code && last->packed == v.packed)
            continue;
        *(struct pyro_value *)pyro_base_vec_push(values) = v;
        ticks += v.count;
    }
    return ticks;
}

static void every_mode(void **ctx)
{
    static const struct {
        size_t n;
        uint32_t codes, stay;
        bool growing;
        unsigned mode;
    } cases[] = {
        {1, 5, 1, false, 0},      {1, 1u << 31, 100000, false, 0}, {20, 5, 1000, false, 1},
        {200, 50, 200, false, 1}, {1000, 60, 1, false, 2},         {60000, 3000, 1, false, 2},
        {3000, 256, 2, false, 2}, {1000, 1, 1, true, 3},           {300, 1u << 20, 1, true, 3},
    };
    struct pyro_vec values = PYRO_VEC(struct pyro_value);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int packed = 0; packed < 2; packed++) {
            uint32_t ticks =
                fill(&values, cases[i].n, cases[i].codes, cases[i].stay, packed, cases[i].growing);
            unsigned mode = roundtrip(&values, ticks);
            assert_int_equal(mode & 7, cases[i].mode);
            assert_true(packed || !(mode & 8));
        }
    pyro_base_vec_release(&values);
}

static void anything(void **ctx)
{
    struct pyro_vec values = PYRO_VEC(struct pyro_value);
    for (int round = 0; round < 2000; round++) {
        uint32_t ticks = fill(&values, 1 + draw(400), 2 + draw(1u << draw(30)),
                              1 + draw(1u << draw(8)), draw(2), draw(4) == 0);
        roundtrip(&values, ticks);
    }
    pyro_base_vec_release(&values);
}

/* The largest values that a batch can hold. */
static void extremes(void **ctx)
{
    struct pyro_value values[] = {
        {(uint64_t)UINT32_MAX + 1, UINT32_MAX, 3}, {0, 0, 1}, {1, 1, 2}, {UINT32_MAX, 8, 1}};
    struct pyro_vec vec = {.data = values, .len = 4, .cap = 4, .elem = sizeof *values};
    roundtrip(&vec, 7);
}

static void hostile(void **ctx)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\4\0", 2},                                      /* no such mode */
        {"\20\0", 2},                                     /* no such flag */
        {"\0\2", 2},                                      /* 0 is told as it is */
        {"\0\3", 2},                                      /* a stack below 0 */
        {"\1\2\1\6\1", 5},                                /* a run is missing */
        {"\1\2\1\6\1\1", 6},                              /* runs do not add up to 7 */
        {"\1\2\1\6\0\7", 6},                              /* an empty run */
        {"\1\1\1\10", 4},                                 /* too long a run */
        {"\1\377\377\377\377\377\377\377\377\377\1", 11}, /* more runs than there can be */
        {"\2\1\1\0\0\0\0\0\0\1", 10},                     /* an index outside of the dictionary */
        {"\2\0\0\0\0\0\0\0\0", 9},                        /* no dictionary */
        {"\3\1\1\1\1\1\1", 7},                            /* one too few */
        {"\0\200\200\200\200\200\1", 7},                  /* a stack of 35 bits */
    };
    struct pyro_vec runs = PYRO_VEC(struct pyro_value);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        struct pyro_cursor cur = {.at = bytes, .end = bytes + cases[i].size};
        assert_false(pyro_format_get_entries(&cur, 7, &runs));
    }
    struct pyro_cursor none = {.at = (const uint8_t *)"\0\1"};
    none.end = none.at + 2;
    assert_false(pyro_format_get_entries(&none, 0, &runs));
    pyro_base_vec_release(&runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode),
        cmocka_unit_test(anything),
        cmocka_unit_test(extremes),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
