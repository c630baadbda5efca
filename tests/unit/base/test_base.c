/* base: buffers and cursors, vectors, maps, strings, arenas, hashes, small files, errors. */
#include "base.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* behind the above */
#include <cmocka.h>

static void buffers(void **ctx)
{
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, 1ull << 62, UINT64_MAX};
    struct pyro_buf buf = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        pyro_base_put_varint(&buf, values[i]);
        pyro_base_put_zigzag(&buf, (int64_t)values[i]);
        pyro_base_put_zigzag(&buf, -(int64_t)(values[i] >> 1));
        pyro_base_put_u64(&buf, values[i]);
        pyro_base_put_u32(&buf, (uint32_t)values[i]);
        pyro_base_put_u8(&buf, (uint8_t)values[i]);
    }
    pyro_base_put_string(&buf, "a\0b", 3);
    pyro_base_put_string(&buf, NULL, 0);
    assert_false(buf.failed);
    struct pyro_cursor cur = {.at = buf.data, .end = buf.data + buf.len};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(pyro_base_get_varint(&cur), values[i]);
        assert_int_equal(pyro_base_get_zigzag(&cur), (int64_t)values[i]);
        assert_int_equal(pyro_base_get_zigzag(&cur), -(int64_t)(values[i] >> 1));
        assert_int_equal(pyro_base_get_u64(&cur), values[i]);
        assert_int_equal(pyro_base_get_u32(&cur), (uint32_t)values[i]);
        assert_int_equal(pyro_base_get_u8(&cur), (uint8_t)values[i]);
    }
    size_t size;
    assert_memory_equal(pyro_base_get_string(&cur, &size), "a\0b", 3);
    assert_int_equal(size, 3);
    pyro_base_get_string(&cur, &size);
    assert_true(!size && !cur.failed && cur.at == cur.end);
    assert_int_equal(pyro_base_get_u32(&cur), 0);
    assert_true(cur.failed);
    pyro_base_buf_release(&buf);
}

static void hostile_varints(void **ctx)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool failed;
    } cases[] = {
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, false}, /* 2^64 - 1 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, true},  /* 65 bits */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, true},
        {"\x80\x80", 2, true},
        {"\x80\x00", 2, false},
        {"", 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        struct pyro_cursor cur = {.at = bytes, .end = bytes + cases[i].size};
        pyro_base_get_varint(&cur);
        assert_int_equal(cur.failed, cases[i].failed);
    }
    /* a length far over what there is */
    const uint8_t *huge = (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                           "abc";
    struct pyro_cursor cur = {.at = huge, .end = huge + 13};
    size_t size = 7;
    assert_string_equal(pyro_base_get_string(&cur, &size), "");
    assert_true(cur.failed && !size);
    struct pyro_buf buf = {0};
    assert_null(pyro_base_buf_room(&buf, SIZE_MAX));
    pyro_base_put_u8(&buf, 1);
    assert_true(buf.failed && !buf.len);
    pyro_base_buf_release(&buf);
}

static void vectors(void **ctx)
{
    struct pyro_vec vec = PYRO_VEC(uint32_t);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t *at = pyro_base_vec_push(&vec);
        assert_int_equal(*at, 0);
        *at = i;
    }
    assert_int_equal(*(uint32_t *)pyro_base_vec_at(&vec, 999), 999);
    assert_int_equal(pyro_base_vec_resize(&vec, 10), 0);
    assert_int_equal(pyro_base_vec_resize(&vec, 20), 0);
    assert_int_equal(*(uint32_t *)pyro_base_vec_at(&vec, 19), 0);
    assert_int_equal(pyro_base_vec_resize(&vec, SIZE_MAX / 2), PYRO_E_NOMEM);
    assert_int_equal(vec.len, 20);
    pyro_base_vec_release(&vec);
    assert_int_equal(vec.elem, sizeof(uint32_t));
}

static void maps(void **ctx)
{
    struct pyro_map map = {0};
    assert_int_equal(pyro_base_map_get(&map, 1, 2), PYRO_MAP_NONE);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 10000; i++)
            assert_int_equal(pyro_base_map_put(&map, i / 100, i % 100, i + round), 0);
        assert_int_equal(map.len, 10000);
        for (uint32_t i = 0; i < 10000; i++)
            assert_int_equal(pyro_base_map_get(&map, i / 100, i % 100), i + round);
        assert_int_equal(pyro_base_map_get(&map, 100, 0), PYRO_MAP_NONE);
    }
    pyro_base_map_clear(&map);
    assert_int_equal(pyro_base_map_get(&map, 1, 2), PYRO_MAP_NONE);
    assert_int_equal(pyro_base_map_put(&map, 1, 2, 3), 0);
    assert_int_equal(pyro_base_map_get(&map, 1, 2), 3);
    pyro_base_map_release(&map);
}

static void map_of_elements(void **ctx)
{
    struct pyro_map map = {0};
    struct pyro_vec of = PYRO_VEC(uint64_t);
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 1000; i++) {
            assert_int_equal(pyro_base_map_enter(&map, &of, i / 10, i % 10), i);
            uint64_t *element = pyro_base_vec_at(&of, i);
            assert_int_equal(*element, round == 0 ? 0 : i + 1);
            *element = i + 1;
        }
    assert_int_equal(of.len, 1000);
    pyro_base_map_release(&map);
    pyro_base_vec_release(&of);
}

static void strings(void **ctx)
{
    struct pyro_strings *s = pyro_base_strings_new();
    bool fresh;
    size_t size;
    char text[32];
    assert_int_equal(pyro_base_strings_add(s, NULL, 0, &fresh), 0);
    assert_false(fresh);
    assert_int_equal(pyro_base_strings_add(s, "a\0b", 3, &fresh), 1);
    assert_true(fresh);
    assert_int_equal(pyro_base_strings_add(s, "a", 1, &fresh), 2);
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "string %u", i % 2500);
        assert_int_equal(pyro_base_strings_add(s, text, strlen(text), &fresh), 3 + i % 2500);
        assert_int_equal(fresh, i < 2500);
    }
    assert_int_equal(pyro_base_strings_count(s), 2503);
    assert_memory_equal(pyro_base_strings_get(s, 1, &size), "a\0b", 4);
    assert_int_equal(size, 3);
    assert_string_equal(pyro_base_strings_get(s, 99999, &size), "");
    pyro_base_strings_free(s);
    pyro_base_strings_free(NULL);
}

static void arenas(void **ctx)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    char *all[2000];
    for (size_t i = 0; i < 2000; i++) {
        size_t size = i % 97 == 0 ? 200000 : i % 300;
        all[i] = pyro_base_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i & 127), size);
    }
    for (size_t i = 0; i < 2000; i++)
        for (size_t k = 0, size = i % 97 == 0 ? 200000 : i % 300; k < size; k += 50)
            assert_int_equal(all[i][k], i & 127);
    assert_null(pyro_base_arena_alloc(arena, SIZE_MAX));
    assert_string_equal(pyro_base_arena_copy(arena, "abc", 3), "abc");
    assert_true(pyro_base_arena_used(arena) > 4000000);
    pyro_base_arena_free(arena);
    pyro_base_arena_free(NULL);
}

static void numbers(void **ctx)
{
    /* known values of CRC-32, XXH3 and splitmix64 (seeded with 0, the first number) */
    assert_int_equal(pyro_base_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(pyro_base_crc32("", 0), 0);
    assert_int_equal(pyro_base_hash("", 0), 0x2d06800538d394c2);
    assert_int_equal(pyro_base_mix(0), 0xe220a8397b1dcdaf);
    uint64_t a = pyro_base_monotonic_ns(), b = pyro_base_monotonic_ns();
    assert_true(b >= a && a);
    assert_true(pyro_base_wall_ns() > 1600000000000000000);
    char boot[37];
    pyro_base_boot_id(boot);
    assert_true(strlen(boot) == 36 || !strlen(boot));
}

/* Lists of `before` elements that lead into a circle of `length`, and one that ends. */
static void rounds(void **ctx)
{
    for (uint64_t before = 0; before < 40; before++)
        for (uint64_t length = 1; length < 40; length++) {
            struct pyro_round round = {0};
            uint64_t at = 0, steps = 0;
            while (!pyro_base_goes_round(&round, at)) {
                at = at + 1 < before + length ? at + 1 : before;
                assert_true(++steps <= 3 * (before + length));
            }
            assert_true(steps >= before + length); /* nothing is told too early */
        }
    struct pyro_round round = {0};
    for (uint64_t at = 0; at < 100000; at++)
        assert_false(pyro_base_goes_round(&round, at));
}

static void files(void **ctx)
{
    struct pyro_error err;
    char path[] = "/tmp/pyro-base-XXXXXX", *text;
    size_t size;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "a\0b", 3), 3);
    close(fd);
    assert_int_equal(pyro_base_read_file(path, 3, &text, &size, &err), 0);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(size, 3);
    free(text);
    assert_int_equal(pyro_base_read_file(path, 2, &text, &size, &err), PYRO_E_IO);
    assert_null(text);
    unlink(path);
    assert_int_equal(pyro_base_read_file(path, 3, &text, &size, &err), PYRO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(pyro_base_read_file("/tmp", 3, &text, &size, NULL), PYRO_E_IO);
    assert_int_equal(pyro_base_read_file("/proc/self/maps", 1 << 20, &text, &size, NULL), 0);
    assert_true(size > 100 && strlen(text) == size);
    free(text);
}

static void errors(void **ctx)
{
    struct pyro_error err;
    assert_int_equal(pyro_base_fail(&err, PYRO_E_FULL, "%s %d", "disk", 7), PYRO_E_FULL);
    assert_string_equal(err.text, "disk 7");
    assert_int_equal(err.code, PYRO_E_FULL);
    assert_int_equal(pyro_base_fail(NULL, PYRO_E_IO, "x"), PYRO_E_IO);
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    pyro_base_fail(&err, PYRO_E_IO, "%s", long_text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_string_equal(pyro_base_code_text(PYRO_E_FULL), "the disk is full");
    assert_string_equal(pyro_base_code_text(-999), "an unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers), cmocka_unit_test(hostile_varints), cmocka_unit_test(vectors),
        cmocka_unit_test(maps),    cmocka_unit_test(map_of_elements), cmocka_unit_test(strings),
        cmocka_unit_test(arenas),  cmocka_unit_test(numbers),         cmocka_unit_test(files),
        cmocka_unit_test(errors),  cmocka_unit_test(rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
