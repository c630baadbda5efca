/*
 * The golden recordings, written by an independent script (tests/golden/make_golden.py), are read
 * as their JSON files say.  Arguments: the folder that holds them.
 */
#include "collect.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* behind the above */
#include <cmocka.h>

static struct collected got;
static json_t *want;
static enum pyro_ending ending;
static const char *folder;

static uint64_t number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_non_null(value);
    return (uint64_t)json_integer_value(value);
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static struct pyro_str str(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return (struct pyro_str){json_string_value(value), json_string_length(value)};
}

static uint32_t node_or_none(const json_t *value)
{
    return json_is_null(value) ? PYRO_NO_NODE : (uint32_t)json_integer_value(value);
}

static bool has_line(const char *line)
{
    return strstr((char *)got.log.data, line) != NULL;
}

static void facts(void **ctx)
{
    static const char *const endings[] = {"complete", "truncated", "killed"};
    assert_string_equal(endings[ending], text(want, "ending"));
    assert_int_equal(got.damages, 0);
    json_t *head = json_object_get(want, "head"), *argv = json_object_get(head, "argv");
    struct pyro_buf line = {0};
    collect_line(&line, "head %s %s %s %llu %llu %llu %s argc=%zu", text(head, "boot_id"),
                 text(head, "tool"), text(head, "host"),
                 (unsigned long long)number(head, "wall_ns"),
                 (unsigned long long)number(head, "mono_ns"),
                 (unsigned long long)number(head, "tsc"), text(head, "cwd"), json_array_size(argv));
    for (size_t i = 0; i < json_array_size(argv); i++)
        collect_line(&line, "  arg %s", json_string_value(json_array_get(argv, i)));
    json_t *processes = json_object_get(want, "processes"), *value;
    size_t i;
    pyro_base_put_u8(&line, 0);
    assert_true(has_line((char *)line.data));
    json_array_foreach(processes, i, value)
    {
        pyro_base_buf_clear(&line);
        collect_line(&line, "process %zu pid %d ppid %d start %llu exec %u %s argc=%zu", i,
                     (int)number(value, "pid"), (int)number(value, "ppid"),
                     (unsigned long long)number(value, "start_ticks"),
                     (unsigned)number(value, "exec_count"), text(value, "python"),
                     json_array_size(json_object_get(value, "argv")));
        pyro_base_put_u8(&line, 0);
        assert_true(has_line((char *)line.data));
    }
    json_t *warnings = json_object_get(want, "warnings");
    json_array_foreach(warnings, i, value)
    {
        pyro_base_buf_clear(&line);
        collect_line(&line, "warning %s", json_string_value(value));
        pyro_base_put_u8(&line, 0);
        assert_true(has_line((char *)line.data));
    }
    json_t *sources = json_object_get(want, "sources");
    json_array_foreach(sources, i, value)
    {
        pyro_base_buf_clear(&line);
        collect_line(&line, "source %s:%u %s", text(value, "file"),
                     (unsigned)number(value, "first_line"), text(value, "text"));
        pyro_base_put_u8(&line, 0);
        assert_true(has_line((char *)line.data));
    }
    json_t *end = json_object_get(want, "end"), *status = json_object_get(want, "status");
    assert_int_equal(got.end.exit_status, (int)number(end, "exit_status"));
    assert_int_equal(got.end.cpu_ns, number(end, "cpu_ns"));
    assert_int_equal(got.statuses, number(want, "statuses"));
    assert_int_equal(got.status.ticks, number(status, "ticks"));
    assert_int_equal(got.status.taken, number(status, "taken"));
    assert_int_equal(got.status.lost, number(status, "lost"));
    assert_int_equal(got.status.sampler_cpu_ns, number(status, "sampler_cpu_ns"));
    assert_int_equal(got.status.target_peak_rss, number(status, "target_peak_rss"));
    pyro_base_buf_release(&line);
}

static void unknown_are_named(void **ctx)
{
    const char *kind;
    json_t *value;
    char what[64];
    size_t i, count = 0;
    json_t *kinds = json_object_get(want, "unknown_kinds");
    json_object_foreach(kinds, kind, value)
    {
        snprintf(what, sizeof what, "stream kind \"%s\" ", kind);
        assert_non_null(strstr(got.unknown, what));
        count++;
    }
    json_t *chunks = json_object_get(want, "unknown_chunks");
    json_array_foreach(chunks, i, value)
    {
        snprintf(what, sizeof what, "chunk type %d ", (int)json_integer_value(value));
        assert_non_null(strstr(got.unknown, what));
        count++;
    }
    assert_int_equal(got.unknowns, count);
    assert_true(count >= 8);
}

static void streams(void **ctx)
{
    json_t *list = json_object_get(want, "streams"), *value;
    size_t i;
    assert_int_equal(got.stream_count, json_array_size(list));
    json_array_foreach(list, i, value)
    {
        const struct pyro_stream_fact *f = &got.streams[i].fact;
        assert_int_equal(f->process, number(value, "process"));
        if (!strcmp(text(value, "kind"), "samples")) {
            assert_int_equal(f->period_ns, number(value, "period_ns"));
            assert_int_equal(f->first_ns, number(value, "first_ns"));
            assert_int_equal(f->seed, number(value, "seed"));
            assert_int_equal(f->lateness_unit_ns, number(value, "lateness_unit_ns"));
        }
    }
}

/* The definitions of one stream as the log has them. */
static void log_definitions(struct pyro_buf *log, const char *kind, uint32_t s, const json_t *rows)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        uint32_t id = (uint32_t)i;
        if (!strcmp(kind, "functions")) {
            struct pyro_function_fact f = {str(row, "file"),
                                           str(row, "name"),
                                           str(row, "qualname"),
                                           str(row, "module"),
                                           (uint32_t)number(row, "first_line"),
                                           (uint32_t)number(row, "last_line"),
                                           strtoull(text(row, "table_hash"), NULL, 16)};
            log_function(log, s, id, &f);
        } else if (!strcmp(kind, "frames")) {
            struct pyro_frame_fact f = {
                (uint32_t)number(row, "function"), (int32_t)number(row, "instruction"),
                (uint32_t)number(row, "line"),     (uint32_t)number(row, "end_line"),
                (uint32_t)number(row, "column"),   (uint32_t)number(row, "end_column")};
            log_frame(log, s, id, &f);
        } else if (!strcmp(kind, "nodes")) {
            struct pyro_node_fact f = {node_or_none(json_object_get(row, "parent")),
                                       (uint32_t)number(row, "frame")};
            log_node(log, s, id, &f);
        } else {
            struct pyro_thread_fact f = {(int64_t)number(row, "tid"), number(row, "start_ticks"),
                                         str(row, "name")};
            log_thread(log, s, id, &f);
        }
        pyro_base_put_u8(log, 0);
        assert_true(has_line((char *)log->data));
        pyro_base_buf_clear(log);
    }
}

static void definitions(void **ctx)
{
    static const char *const kinds[] = {"functions", "frames", "nodes", "threads"};
    struct pyro_buf log = {0};
    const char *stream;
    json_t *rows;
    for (size_t k = 0; k < 4; k++) {
        json_t *all = json_object_get(want, kinds[k]);
        json_object_foreach(all, stream, rows)
        {
            struct collected_stream *s = &got.streams[atoi(stream)];
            uint32_t counts[] = {s->functions, s->frames, s->nodes, s->named};
            assert_int_equal(counts[k], json_array_size(rows));
            log_definitions(&log, kinds[k], (uint32_t)atoi(stream), rows);
        }
    }
    pyro_base_buf_release(&log);
}

static void times_and_samples(void **ctx)
{
    const char *stream;
    json_t *list, *value, *all = json_object_get(want, "times");
    size_t i;
    json_object_foreach(all, stream, list)
    {
        struct collected_stream *s = &got.streams[atoi(stream)];
        assert_int_equal(s->times.len, json_array_size(list));
        json_array_foreach(list, i, value) assert_int_equal(
            *(uint64_t *)pyro_base_vec_at(&s->times, i), json_integer_value(value));
    }
    all = json_object_get(want, "samples");
    json_object_foreach(all, stream, list)
    {
        struct collected_stream *s = &got.streams[atoi(stream)];
        uint64_t sum = 0, present = 0;
        json_array_foreach(list, i, value)
        {
            uint32_t field[6];
            for (size_t k = 0; k < 6; k++)
                field[k] = node_or_none(json_array_get(value, k));
            for (uint32_t k = 0; k < field[2]; k++) {
                const struct cell *cell = collect_cell(s, field[0], field[1] + k);
                assert_true(cell->present && cell->node == field[3]);
                assert_true(cell->unverified == field[4] && cell->flags == field[5]);
            }
            sum += field[2];
        }
        for (uint32_t t = 0; t < s->threads.len; t++)
            for (i = 0; i < s->times.len; i++)
                present += collect_cell(s, t, i)->present;
        assert_int_equal(present, sum);
    }
}

static uint32_t second_of(const struct cell *cell)
{
    return cell->second;
}

static uint32_t state_of(const struct cell *cell)
{
    return cell->state;
}

/* Lists of [thread, tick, count, value]; cells have the value plus `more`, and 0 where nothing is
 * told. */
static void compare_beside(const char *name, uint32_t (*of)(const struct cell *), uint32_t more)
{
    const char *stream;
    json_t *list, *value, *all = json_object_get(want, name);
    size_t i;
    json_object_foreach(all, stream, list)
    {
        struct collected_stream *s = &got.streams[atoi(stream)];
        size_t told = 0;
        json_array_foreach(list, i, value)
        {
            uint32_t field[4];
            for (size_t k = 0; k < 4; k++)
                field[k] = (uint32_t)json_integer_value(json_array_get(value, k));
            for (uint32_t k = 0; k < field[2]; k++)
                assert_int_equal(of(collect_cell(s, field[0], field[1] + k)), field[3] + more);
            told += field[3] + more > 0 ? field[2] : 0;
        }
        for (uint32_t t = 0; t < s->threads.len; t++)
            for (i = 0; i < s->times.len; i++)
                told -= of(collect_cell(s, t, i)) > 0;
        assert_int_equal(told, 0);
    }
}

static void beside_samples(void **ctx)
{
    assert_true(json_object_size(json_object_get(want, "states")) > 0);
    compare_beside("seconds", second_of, 1);
    compare_beside("states", state_of, 0);
}

static void delays(void **ctx)
{
    const char *stream;
    json_t *list, *value;
    size_t i, told = 0, seen = 0;
    pyro_base_put_u8(&got.log, 0);
    json_object_foreach(json_object_get(want, "delays"), stream, list)
    {
        json_array_foreach(list, i, value)
        {
            char line[200];
            long long field[4];
            for (size_t k = 0; k < 4; k++)
                field[k] = json_integer_value(json_array_get(value, k));
            snprintf(line, sizeof line, "\ndelay %s t%lld %lld %lld %lld\n", stream, field[0],
                     field[1], field[2], field[3]);
            assert_non_null(strstr((char *)got.log.data, line));
            told++;
        }
    }
    for (const char *at = (char *)got.log.data; (at = strstr(at, "\ndelay ")) != NULL; at++)
        seen++;
    assert_true(told == seen && told > 0);
    got.log.len--;
}

/* In their order. */
static void stills(void **ctx)
{
    const char *stream, *at = (char *)got.log.data;
    json_t *list, *value;
    size_t i, told = 0;
    pyro_base_put_u8(&got.log, 0);
    json_object_foreach(json_object_get(want, "stills"), stream, list)
    {
        json_array_foreach(list, i, value)
        {
            char line[100];
            snprintf(line, sizeof line, "\nstill %s %lld\n", stream, json_integer_value(value));
            at = strstr(at, "\nstill ");
            assert_non_null(at);
            assert_true(strncmp(at++, line, strlen(line)) == 0);
            told++;
        }
    }
    assert_true(told > 50 && strstr(at, "\nstill ") == NULL);
    got.log.len--;
}

static int setup(void **ctx)
{
    char path[4096];
    json_error_t why;
    struct pyro_error err;
    snprintf(path, sizeof path, "%s/golden.json", folder);
    want = json_load_file(path, 0, &why);
    snprintf(path, sizeof path, "%s/golden.pyro", folder);
    struct pyro_visitor visitor = collect_visitor(&got);
    int rc = pyro_format_read(path, &visitor, &ending, &err);
    if (!want || rc) {
        print_error("%s\n", want ? err.text : why.text);
        return -1;
    }
    pyro_base_put_u8(&got.log, 0);
    return 0;
}

static int teardown(void **ctx)
{
    json_decref(want);
    collect_release(&got);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(unknown_are_named),
        cmocka_unit_test(streams),
        cmocka_unit_test(definitions),
        cmocka_unit_test(times_and_samples),
        cmocka_unit_test(beside_samples),
        cmocka_unit_test(delays),
        cmocka_unit_test(stills),
    };
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, setup, teardown);
}
