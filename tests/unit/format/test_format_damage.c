/*
 * Recordings that are cut, flipped, or newer than the reader: what is whole is read, what is
 * missing is named, nothing crashes (built with sanitizers in CI).
 */
#include "small.h"

#include "format_priv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* behind the above */
#include <cmocka.h>

static char *whole;
static size_t whole_size;
static struct collected truth;
static struct pyro_vec starts; /* size_t: where each chunk begins */

static int setup(void **ctx)
{
    enum pyro_ending ending;
    whole = small_recording(&whole_size);
    int rc = collect_memory(&truth, whole, whole_size, &ending);
    starts = PYRO_VEC(size_t);
    struct pyro_chunk chunk;
    for (size_t at = PYRO_FILE_HEAD; at < whole_size; at += PYRO_CHUNK_HEAD + chunk.stored) {
        if (!pyro_format_parse_chunk((uint8_t *)whole + at, &chunk))
            return -1;
        *(size_t *)pyro_base_vec_push(&starts) = at;
    }
    return rc || ending != PYRO_ENDED_COMPLETE || truth.damages;
}

static int teardown(void **ctx)
{
    free(whole);
    pyro_base_vec_release(&starts);
    collect_release(&truth);
    return 0;
}

static bool is_start(size_t at)
{
    for (size_t i = 0; i < starts.len; i++)
        if (*(size_t *)pyro_base_vec_at(&starts, i) == at)
            return true;
    return at == whole_size;
}

static void cut_at_every_byte(void **ctx)
{
    for (size_t size = 0; size < whole_size; size++) {
        char *cut = malloc(size ? size : 1); /* so that a read past the end is seen */
        memcpy(cut, whole, size);
        struct collected c;
        enum pyro_ending ending;
        int rc = collect_memory(&c, cut, size, &ending);
        assert_int_equal(rc, size ? 0 : PYRO_E_FORMAT);
        assert_true(c.log.len <= truth.log.len);
        if (c.log.len)
            assert_memory_equal(c.log.data, truth.log.data, c.log.len);
        if (size >= PYRO_FILE_HEAD && is_start(size)) {
            assert_int_equal(ending, PYRO_ENDED_KILLED);
            assert_int_equal(c.damages, 0);
        } else if (size) {
            assert_int_equal(ending, PYRO_ENDED_TRUNCATED);
            assert_int_equal(c.damages, 1);
        }
        free(cut);
        collect_release(&c);
    }
}

static void flip_every_byte(void **ctx)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    char *copy = malloc(whole_size);
    for (size_t at = 0; at < whole_size * 3; at++) {
        size_t byte = at / 3, start = 0, end = PYRO_FILE_HEAD;
        memcpy(copy, whole, whole_size);
        copy[byte] = (char)(copy[byte] ^ flips[at % 3]);
        for (size_t i = 0; i < starts.len; i++) {
            size_t from = *(size_t *)pyro_base_vec_at(&starts, i);
            if (from <= byte) {
                start = from;
                end = i + 1 < starts.len ? *(size_t *)pyro_base_vec_at(&starts, i + 1) : whole_size;
            }
        }
        unsigned type = start ? (uint8_t)whole[start + 8] : 0;
        struct collected c;
        enum pyro_ending ending;
        assert_int_equal(collect_memory(&c, copy, whole_size, &ending), 0);
        assert_int_equal(ending, PYRO_ENDED_TRUNCATED);
        assert_true(c.damages >= 1);
        assert_int_equal(c.damaged_bytes, end - start); /* that chunk and nothing else */
        assert_int_equal(c.statuses, truth.statuses - (type == PYRO_CHUNK_STATUS));
        assert_int_equal(c.ends, truth.ends - (type == PYRO_CHUNK_END));
        assert_int_equal(c.stream_count, 1);
        assert_int_equal(c.streams[0].times.len,
                         truth.streams[0].times.len - (type == PYRO_CHUNK_BATCH ? SMALL_TICKS : 0));
        if (type != PYRO_CHUNK_BATCH) {
            assert_int_equal(c.damages, 1);
            assert_int_equal(c.streams[0].nodes, SMALL_BATCHES);
        }
        collect_release(&c);
    }
    free(copy);
}

/* Without the first batch, what refers to its definitions refers to "[lost]". */
static void lost_definitions(void **ctx)
{
    struct pyro_buf copy = {0};
    struct pyro_chunk chunk;
    bool left_out = false;
    pyro_base_put(&copy, whole, PYRO_FILE_HEAD);
    for (size_t i = 0; i < starts.len; i++) {
        size_t at = *(size_t *)pyro_base_vec_at(&starts, i);
        pyro_format_parse_chunk((uint8_t *)whole + at, &chunk);
        if (chunk.type == PYRO_CHUNK_BATCH && !left_out)
            left_out = true;
        else
            pyro_base_put(&copy, whole + at, PYRO_CHUNK_HEAD + chunk.stored);
    }
    struct collected c;
    enum pyro_ending ending;
    assert_int_equal(collect_memory(&c, copy.data, copy.len, &ending), 0);
    assert_int_equal(ending, PYRO_ENDED_TRUNCATED);
    assert_non_null(strstr(c.why, "definitions before this batch are lost"));
    pyro_base_put_u8(&c.log, 0);
    /* the ids stay dense: what was there comes after what stands for the lost */
    const char *log = (char *)c.log.data;
    assert_non_null(strstr(log, "[lost]|[lost]"));
    assert_non_null(strstr(log, "thread 0.1 0 0 [lost]"));
    assert_non_null(strstr(log, "thread 0.0 101 5 function_1"));
    /* a stack is told whole: of those that stand above a lost frame only that one is lost */
    assert_int_equal(c.streams[0].nodes, 1 + SMALL_BATCHES);
    collect_release(&c);
    pyro_base_buf_release(&copy);
}

static void put_chunk(struct pyro_buf *out, unsigned type, unsigned flags, const void *payload,
                      size_t size)
{
    size_t at = out->len;
    pyro_base_put_u32(out, PYRO_CHUNK_MARK);
    pyro_base_put_u32(out, 0);
    pyro_base_put_u32(out, type | flags << 16);
    pyro_base_put_u32(out, (uint32_t)size);
    pyro_base_put_u32(out, (uint32_t)size);
    pyro_base_put(out, payload, size);
    uint32_t crc = pyro_base_crc32(out->data + at + 8, out->len - at - 8);
    memcpy(out->data + at + 4, &crc, 4);
}

/* The small recording with a chunk put in before its end. */
static int with_chunk(struct collected *c, enum pyro_ending *ending, unsigned type, unsigned flags,
                      const void *payload, size_t size)
{
    struct pyro_buf buf = {0};
    size_t end = *(size_t *)pyro_base_vec_at(&starts, starts.len - 1);
    pyro_base_put(&buf, whole, end);
    put_chunk(&buf, type, flags, payload, size);
    pyro_base_put(&buf, whole + end, whole_size - end);
    int rc = collect_memory(c, buf.data, buf.len, ending);
    pyro_base_buf_release(&buf);
    return rc;
}

static void unknown_things(void **ctx)
{
    struct collected c;
    enum pyro_ending ending;
    assert_int_equal(with_chunk(&c, &ending, 200, 0, "hello", 5), 0);
    assert_int_equal(ending, PYRO_ENDED_COMPLETE);
    assert_string_equal(c.unknown, "chunk type 200 25\n");
    assert_int_equal(c.log.len, truth.log.len);
    collect_release(&c);

    assert_int_equal(with_chunk(&c, &ending, 200, PYRO_CHUNK_CRITICAL, "hello", 5), PYRO_E_VERSION);
    collect_release(&c);

    /* a stream of a kind to come, and a batch of it */
    assert_int_equal(with_chunk(&c, &ending, PYRO_CHUNK_STREAM, 1, "\1\6he\x1b[1p\0xyz", 11), 0);
    assert_int_equal(c.stream_count, 2);
    assert_string_equal(c.unknown, "stream kind \"he?[1p\" 31\n");
    collect_release(&c);

    /* a codec to come: BATCH is critical, STATUS is not */
    assert_int_equal(with_chunk(&c, &ending, PYRO_CHUNK_BATCH, 0x21, "x", 1), PYRO_E_VERSION);
    collect_release(&c);
    assert_int_equal(with_chunk(&c, &ending, PYRO_CHUNK_STATUS, 0x20, "x", 1), 0);
    assert_string_equal(c.unknown, "chunk type 5 in an unknown compression 21\n");
    collect_release(&c);

    /* an unknown section in a batch is stepped over; a batch of no stream is damage */
    assert_int_equal(
        with_chunk(&c, &ending, PYRO_CHUNK_BATCH, 1, "\0\x7f\x7f\x7f\x7f\x7f\x63\3abc", 11), 0);
    assert_int_equal(c.damages, 1); /* a gap: ids up to 127 are missing */
    collect_release(&c);
    assert_int_equal(with_chunk(&c, &ending, PYRO_CHUNK_BATCH, 1, "\5\0\0\0\0\0", 6), 0);
    assert_non_null(strstr(c.why, "the stream of this batch is not known"));
    collect_release(&c);
}

static void newer_versions(void **ctx)
{
    struct collected c;
    enum pyro_ending ending;
    char *copy = malloc(whole_size);
    memcpy(copy, whole, whole_size);
    copy[8] = 2; /* major */
    uint32_t crc = pyro_base_crc32(copy, 12);
    memcpy(copy + 12, &crc, 4);
    assert_int_equal(collect_memory(&c, copy, whole_size, &ending), PYRO_E_VERSION);
    assert_int_equal(c.log.len, 0);
    collect_release(&c);
    copy[8] = 1;
    copy[10] = 9; /* minor */
    crc = pyro_base_crc32(copy, 12);
    memcpy(copy + 12, &crc, 4);
    assert_int_equal(collect_memory(&c, copy, whole_size, &ending), 0);
    assert_int_equal(ending, PYRO_ENDED_COMPLETE);
    collect_release(&c);
    free(copy);
    assert_int_equal(collect_memory(&c, "#!/bin/sh\necho 1; echo 2\n", 25, &ending), PYRO_E_FORMAT);
    collect_release(&c);
}

/* Random spoiling of several bytes, chunks left out and doubled: no promise but those of the
 * visitor, which collect.c checks. */
static void spoiled(void **ctx)
{
    uint64_t state = 11;
    char *copy = malloc(whole_size);
    for (int round = 0; round < 3000; round++) {
        memcpy(copy, whole, whole_size);
        for (uint64_t n = pyro_base_mix(state++) % 30; n; n--) {
            uint64_t draw = pyro_base_mix(state++);
            copy[PYRO_FILE_HEAD + draw % (whole_size - PYRO_FILE_HEAD)] = (char)(draw >> 40);
        }
        /* right checksums: the payloads are what is to be looked at */
        for (size_t i = 0; i < starts.len; i++) {
            uint8_t *at = (uint8_t *)copy + *(size_t *)pyro_base_vec_at(&starts, i);
            memcpy(at, whole + (at - (uint8_t *)copy), 4);
            memcpy(at + 8, whole + (at + 8 - (uint8_t *)copy), 12);
            struct pyro_chunk chunk;
            pyro_format_parse_chunk(at, &chunk);
            uint32_t crc = pyro_base_crc32(at + 8, 12 + (size_t)chunk.stored);
            memcpy(at + 4, &crc, 4);
        }
        struct collected c;
        enum pyro_ending ending;
        collect_memory(&c, copy, whole_size, &ending);
        collect_release(&c);
    }
    free(copy);
}

static int stop_at_status(void *ctx, const struct pyro_status_fact *fact)
{
    return 77;
}

static void visitor_stops(void **ctx)
{
    struct pyro_visitor visitor = {.status = stop_at_status};
    enum pyro_ending ending;
    assert_int_equal(pyro_format_read_memory(whole, whole_size, &visitor, &ending, NULL), 77);
    visitor.status = NULL;
    assert_int_equal(pyro_format_read_memory(whole, whole_size, &visitor, &ending, NULL), 0);
    struct pyro_error err;
    assert_int_equal(pyro_format_read("/nonexistent", &visitor, &ending, &err), PYRO_E_NOT_FOUND);
    assert_int_equal(pyro_format_read("/tmp", &visitor, &ending, &err), PYRO_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(flip_every_byte),
        cmocka_unit_test(lost_definitions),  cmocka_unit_test(unknown_things),
        cmocka_unit_test(newer_versions),    cmocka_unit_test(spoiled),
        cmocka_unit_test(visitor_stops),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
