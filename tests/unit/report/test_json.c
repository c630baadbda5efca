/* The JSON report: keys of docs/internals/report-schema.md, figures worked out by hand. */
#include "feed.h"
#include "report.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct feed feed;

static json_t *parse(struct pyro_profile *p, char **raw)
{
    char *text = NULL;
    size_t size = 0;
    json_error_t error;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(pyro_report_json(to, p), 0);
    fclose(to);
    for (size_t i = 0; i < size; i++) /* nothing for a terminal to obey */
        assert_true(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL)
        fail_msg("%s at %d: %s", error.text, error.position, text);
    if (raw != NULL)
        *raw = text;
    else
        free(text);
    pyro_profile_free(p);
    return root;
}

static void has_keys(const json_t *object, const char *keys)
{
    char copy[600], *save = NULL;
    snprintf(copy, sizeof copy, "%s", keys);
    for (char *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
        if (json_object_get(object, key) == NULL)
            fail_msg("no key %s", key);
    }
}

static json_int_t whole(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

static void near(const json_t *object, const char *key, double expected)
{
    double value = json_number_value(json_object_get(object, key));
    if (fabs(value - expected) > 0.006)
        fail_msg("%s is %f, not %f", key, value, expected);
}

static void is_null(const json_t *object, const char *keys)
{
    char copy[600], *save = NULL;
    snprintf(copy, sizeof copy, "%s", keys);
    for (char *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
        if (!json_is_null(json_object_get(object, key)))
            fail_msg("%s is not null", key);
    }
}

/* m calls f: 30 samples in f at line 5, 10 more there unsure; 60 in m. */
static void test_keys(void **state)
{
    feed_start(&feed, 101);
    feed_sample(&feed, "t", "m:1", 60);
    feed_sample(&feed, "t", "m:2 > f:5", 30);
    feed_flagged(&feed, "t", "m:2 > f:5", 10, 1, PYRO_SAMPLE_TOP_MOVED);
    feed_flagged(&feed, "t", "", 1, 0, PYRO_SAMPLE_DISCARDED);
    json_t *root = parse(feed_finish(&feed), NULL);
    has_keys(root, "schema probes command exit_status ended wall_ns cpu_ns functions edges lines "
                   "sampling processes threads warnings");
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "pyrometer.report/1");
    assert_string_equal(json_string_value(json_object_get(root, "ended")), "complete");
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "probes"), 0)),
                        "samples");
    assert_int_equal(json_array_size(json_object_get(root, "command")), 2);
    is_null(root, "exit_status wall_ns cpu_ns");

    json_t *functions = json_object_get(root, "functions");
    assert_int_equal(json_array_size(functions), 2);
    json_t *m = json_array_get(functions, 0), *f = json_array_get(functions, 1);
    has_keys(m, "id kind qualname module file line calls resumes prim_calls self_ns total_ns "
                "self_ns_corrected total_ns_corrected samples total_samples samples_lo samples_hi "
                "total_samples_lo total_samples_hi");
    is_null(m, "module calls resumes prim_calls self_ns_corrected total_ns_corrected");
    assert_int_equal(whole(m, "id"), 0);
    assert_int_equal(whole(m, "samples"), 60);
    assert_int_equal(whole(m, "total_samples"), 100);
    assert_int_equal(whole(m, "self_ns"), 60600000); /* 1 ms x 101 planned / 100 taken x 60 */
    assert_true(json_is_true(json_object_get(m, "estimated")));
    near(m, "samples_lo", 58.11); /* 60 of 100, which change once: as of 2,618 by Wilson */
    near(m, "samples_hi", 61.86);
    near(m, "total_samples_lo", 96.30); /* of 100 */
    near(m, "total_samples_hi", 100.0);
    assert_int_equal(whole(f, "samples"), 40);
    is_null(f, "samples_lo samples_hi"); /* a quarter of them had an unsure top */
    near(f, "total_samples_lo", 38.14);
    near(f, "total_samples_hi", 41.89);

    json_t *edges = json_object_get(root, "edges"), *edge = json_array_get(edges, 0);
    assert_int_equal(json_array_size(edges), 2);
    is_null(edge, "caller calls resumes");
    assert_int_equal(whole(edge, "callee"), 0);
    edge = json_array_get(edges, 1);
    assert_int_equal(whole(edge, "caller"), 0);
    assert_int_equal(whole(edge, "callee"), 1);
    assert_int_equal(whole(edge, "total_ns"), 40400000);

    json_t *lines = json_object_get(root, "lines"), *line = json_array_get(lines, 1);
    assert_int_equal(json_array_size(lines), 3);
    has_keys(line, "function file line hits iterations self_ns total_ns alloc_bytes alloc_count "
                   "live_bytes live_count peak_bytes native_bytes");
    assert_int_equal(whole(line, "function"), 0);
    assert_int_equal(whole(line, "line"), 2);
    assert_int_equal(whole(line, "self_ns"), 0);
    assert_int_equal(whole(line, "total_ns"), 40400000);
    is_null(line, "hits iterations alloc_bytes");

    json_t *sampling = json_object_get(root, "sampling");
    near(sampling, "rate_hz", 1000.0);
    assert_int_equal(whole(sampling, "planned_samples"), 101);
    assert_int_equal(whole(sampling, "discarded"), 1);
    assert_int_equal(whole(sampling, "taken"), 100);
    assert_int_equal(whole(sampling, "lost"), 0);
    has_keys(sampling, "ticks missed folded");
    json_t *process = json_array_get(json_object_get(root, "processes"), 0);
    has_keys(process, "pid ppid argv python exit_status");
    json_t *thread = json_array_get(json_object_get(root, "threads"), 0);
    assert_int_equal(whole(thread, "id"), 100);
    assert_int_equal(whole(thread, "process"), 77);
    assert_string_equal(json_string_value(json_object_get(thread, "name")), "t");
    json_decref(root);
}

static void test_hostile(void **state)
{
    feed_start(&feed, 10);
    feed_function(&feed, "f", "/app/\xff\xfe.py", "\x1b[2J\"\\\x7f\xe2\x80\xae\xc3\xbc", "", 1, 2);
    feed_sample(&feed, "t\xc0", "f:1", 10);
    struct pyro_profile *p = feed_finish(&feed);
    p->functions[0].qualname.size--; /* in the middle of its last character */
    json_t *root = parse(p, NULL);
    json_t *f = json_array_get(json_object_get(root, "functions"), 0);
    assert_string_equal(json_string_value(json_object_get(f, "file")), "/app/\\xff\\xfe.py");
    assert_string_equal(json_string_value(json_object_get(f, "qualname")),
                        "\x1b[2J\"\\\\x7f\xe2\x80\xae\\xc3");
    json_decref(root);
}

static void test_delays(void **state)
{
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1", 10);
    feed_delay(&feed, "t", 1000, 300, 20);
    feed_delay(&feed, "t", 1000, 400, 0);
    feed_sample(&feed, "other", "m:1", 10);
    json_t *root = parse(feed_finish(&feed), NULL), *threads = json_object_get(root, "threads");
    json_t *thread = json_array_get(threads, 0), *rows = json_object_get(thread, "delays");
    assert_int_equal(json_array_size(rows), 2);
    json_t *row = json_array_get(rows, 1);
    assert_int_equal(whole(row, "at_ns"), 1000999500);
    assert_int_equal(whole(row, "over_ns"), 1000000000);
    assert_int_equal(whole(row, "ran_ns"), 400000000);
    assert_int_equal(whole(row, "delayed_ns"), 0);
    assert_int_equal(whole(thread, "watched_ns"), 2000000000);
    assert_int_equal(whole(thread, "run_delay_ns"), 20000000);
    thread = json_array_get(threads, 1);
    assert_int_equal(json_array_size(json_object_get(thread, "delays")), 0);
    is_null(thread, "watched_ns cpu_ns run_delay_ns");
    json_decref(root);
}

/* Ten samples wait at a line of which the source is known, six at one of which it is not. */
static void test_waits(void **state)
{
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1 > f:5", 10);
    feed_sample(&feed, "t", "m:2", 6);
    feed_state(&feed, "t", PYRO_STATE_NO << PYRO_STATE_RUNNABLE, 0, 16);
    feed_sample(&feed, "t", "m:1 > f:6", 4);
    feed_state(&feed, "t", PYRO_STATE_YES << PYRO_STATE_RUNNABLE, 0, 4);
    feed_sample(&feed, "t", "m:3", 20);
    struct pyro_source_fact fact = {
        .file = {"/app/f.py", 9}, .first_line = 5, .text = {"  s.recv(\x01) \n", 14}};
    assert_int_equal(feed.b->visitor.source(feed.b, &fact), 0);
    json_t *root = parse(feed_finish(&feed), NULL), *waits = json_object_get(root, "waits");
    assert_int_equal(json_array_size(waits), 2);
    json_t *row = json_array_get(waits, 0);
    assert_string_equal(json_string_value(json_object_get(row, "file")), "/app/f.py");
    assert_string_equal(json_string_value(json_object_get(row, "qualname")), "f");
    assert_string_equal(json_string_value(json_object_get(row, "source")), "s.recv(\x01)");
    assert_int_equal(whole(row, "function"), 1);
    assert_int_equal(whole(row, "line"), 5);
    assert_int_equal(whole(row, "samples"), 10);
    assert_int_equal(whole(row, "of"), 20);
    near(row, "share", 0.5);
    row = json_array_get(waits, 1);
    assert_int_equal(whole(row, "line"), 2);
    near(row, "share", 0.3);
    is_null(row, "source");
    json_decref(root);
}

static void test_without_samples(void **state)
{
    struct pyro_profile *p = NULL;
    assert_int_equal(
        pyro_profile_builder_finish(pyro_profile_builder_new(), PYRO_ENDED_TRUNCATED, &p, NULL), 0);
    json_t *root = parse(p, NULL);
    is_null(root, "sampling exit_status");
    assert_int_equal(json_array_size(json_object_get(root, "waits")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "probes")), 0);
    assert_string_equal(json_string_value(json_object_get(root, "ended")), "truncated");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys), cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_waits), cmocka_unit_test(test_delays),
                                       cmocka_unit_test(test_without_samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
