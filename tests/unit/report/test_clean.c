/* Text made safe, measured and cut; numbers written out. */
#include "report_priv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *raw, size_t size, size_t max, const char *clean)
{
    struct pyro_buf buf = {0};
    pyro_report_clean(&buf, raw, size, max);
    pyro_base_put_u8(&buf, 0);
    assert_string_equal((const char *)buf.data, clean);
    pyro_base_buf_release(&buf);
}
#define CLEAN(raw, clean) expect(raw, sizeof(raw) - 1, 0, clean)

static void test_escapes(void **state)
{
    CLEAN("plain <lambda> ~", "plain <lambda> ~");
    CLEAN("\x1b[31mred\x1b]0;t\x07", "\\x1b[31mred\\x1b]0;t\\x07");
    CLEAN("a\nb\tc\rd\0e\x7f", "a\\nb\\tc\\rd\\x00e\\x7f");
    CLEAN("\xc2\x9b[31m", "\\x9b[31m"); /* C1: the other way to write ESC [ */
    CLEAN("\x9b[31m", "\\x9b[31m");
    CLEAN("\xe2\x80\xaetxt\xe2\x81\xa6", "\\u202etxt\\u2066"); /* bidi */
    CLEAN("a\xe2\x80\x8b"
          "b\xef\xbb\xbf",
          "a\\u200bb\\ufeff"); /* no width */
    CLEAN("\xe2\x80\xa8", "\\u2028");
    CLEAN("\xf3\xa0\x81\x81", "\\U000e0041"); /* a tag character */
    CLEAN("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x90\x8d", "grüß 日 🐍");
    CLEAN("e\xcc\x81", "e\xcc\x81"); /* an accent of its own */
}

static void test_broken(void **state)
{
    CLEAN("\xff\xfe", "\\xff\\xfe");
    CLEAN("\xc3", "\\xc3");
    CLEAN("\xe6\x97", "\\xe6\\x97");
    CLEAN("\xc0\xaf", "\\xc0\\xaf"); /* overlong */
    CLEAN("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
    CLEAN("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    CLEAN("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past the last */
    CLEAN("\xc3(", "\\xc3(");
}

static void test_cut(void **state)
{
    expect("abcdef", 6, 6, "abcdef");
    expect("abcdef", 6, 5, "abcd…");
    expect("abcdef", 6, 1, "…");
    expect("日本語", 9, 6, "日本語");
    expect("日本語", 9, 5, "日本…");
    expect("日本語", 9, 4, "日…"); /* a wide character does not fit in half */
    expect("ab\x1b", 3, 5, "ab…"); /* an escape is not cut in two */
    expect("", 0, 5, "");
    char *big = malloc(100000);
    memset(big, 'q', 100000);
    struct pyro_buf buf = {0};
    pyro_report_clean(&buf, big, 100000, 200);
    assert_int_equal(buf.len, 199 + 3);
    assert_int_equal(pyro_report_columns((char *)buf.data, buf.len), 200);
    pyro_base_buf_release(&buf);
    for (size_t i = 1; i + 1 < 100000; i += 2)
        memcpy(big + i, "\xcc\x81", 2); /* a pile of accents on one letter */
    pyro_report_clean(&buf, big, 99999, 10);
    assert_int_equal(buf.len, 1 + 4 * 2);
    pyro_base_buf_release(&buf);
    free(big);
}

/* Whatever goes in, what comes out is UTF-8 without anything that a terminal obeys. */
static void test_any_bytes(void **state)
{
    uint64_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        char raw[40];
        struct pyro_buf buf = {0}, again = {0};
        for (size_t i = 0; i < sizeof raw; i++) {
            seed = pyro_base_mix(seed + 1);
            raw[i] = (char)(seed >> (seed % 3 ? 60 : 7) | (seed % 5 ? 0x80 : 0));
        }
        size_t max = (size_t)round % 30;
        pyro_report_clean(&buf, raw, sizeof raw, max);
        for (size_t i = 0; i < buf.len; i++)
            assert_true(buf.data[i] >= 0x20 && buf.data[i] != 0x7f);
        if (max > 0)
            assert_true(pyro_report_columns((char *)buf.data, buf.len) <= max);
        pyro_report_clean(&again, (char *)buf.data, buf.len, 0); /* nothing is left to do */
        assert_int_equal(again.len, buf.len);
        if (buf.len > 0)
            assert_memory_equal(again.data, buf.data, buf.len);
        pyro_base_buf_release(&buf);
        pyro_base_buf_release(&again);
    }
}

static void test_head_and_tail(void **state)
{
    assert_int_equal(pyro_report_head("日本語", 9, 5), 6);
    assert_int_equal(pyro_report_tail("日本語", 9, 5), 6);
    assert_int_equal(pyro_report_head("abc", 3, 9), 3);
    assert_int_equal(pyro_report_tail("abc", 3, 2), 2);
}

static void test_numbers(void **state)
{
    char out[PYRO_SHORT];
    assert_string_equal(pyro_report_count(out, 0), "0");
    assert_string_equal(pyro_report_count(out, 999), "999");
    assert_string_equal(pyro_report_count(out, 1000), "1,000");
    assert_string_equal(pyro_report_count(out, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(pyro_report_time(out, 0), "0 s");
    assert_string_equal(pyro_report_time(out, 812), "812 ns");
    assert_string_equal(pyro_report_time(out, 12300), "12.3 us");
    assert_string_equal(pyro_report_time(out, 999600), "1.00 ms");
    assert_string_equal(pyro_report_time(out, 3.456e9), "3.46 s");
    assert_string_equal(pyro_report_time(out, 99.96e9), "100 s");
    assert_string_equal(pyro_report_time(out, 3600e9), "1 h 00 min");
    assert_string_equal(pyro_report_time(out, 3599.7e9), "1 h 00 min");
    assert_string_equal(pyro_report_time(out, 7260e9), "2 h 01 min");
    assert_non_null(pyro_report_time(out, 1e300));
    assert_string_equal(pyro_report_percent(out, 1, 3), "33.3 %");
    assert_string_equal(pyro_report_percent(out, 0, 0), "0.0 %");
    /* Wilson, 41 of 100: (0.41 + z2/200 +- z sqrt(0.002419 + z2/40000)) / (1 + z2/100) */
    assert_string_equal(pyro_report_interval(out, 41, 100, 100), "[31.9, 50.8]");
    assert_string_equal(pyro_report_interval(out, 0, 10, 10), "[0.0, 27.8]");
    assert_string_equal(pyro_report_interval(out, 10, 10, 10), "[72.2, 100.0]");
    assert_string_equal(pyro_report_interval(out, 0, 0, 0), "[0.0, 100.0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),       cmocka_unit_test(test_broken),
        cmocka_unit_test(test_cut),           cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_head_and_tail), cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
