/* From a file on disk to every view; and from the same file cut at any byte, any byte flipped. */
#include "feed.h"
#include "report.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct pyro_str str(const char *text)
{
    return (struct pyro_str){text, strlen(text)};
}

/* m:1 > f:2 in 40 ticks, then m:1 > f:2 > g:3 in 20. */
static void write_recording(const char *path)
{
    struct pyro_writer *w = NULL;
    struct pyro_stream *s = NULL;
    struct pyro_str argv[] = {str("python3"), str("m.py")};
    struct pyro_recording_head head = {.boot_id = "00000000-0000-0000-0000-000000000000",
                                       .wall_ns = 1,
                                       .mono_ns = 2,
                                       .tool = "pyrometer 0.1.0",
                                       .host = "here",
                                       .cwd = str("/app"),
                                       .argv = argv,
                                       .argc = 2};
    struct pyro_process_fact process = {.pid = 9, .python = str("3.13.0"), .argv = argv, .argc = 2};
    struct pyro_stream_fact stream = {
        .kind = str("samples"), .period_ns = 1000000, .seed = 1, .lateness_unit_ns = 8192};
    struct pyro_source_fact source = {
        .file = str("/app/m.py"), .first_line = 1, .text = str("f()\n")};
    assert_int_equal(pyro_format_create(&w, path, true, &head, NULL), 0);
    assert_int_equal(pyro_format_write_process(w, &process), 0);
    assert_int_equal(pyro_format_write_source(w, &source), 0);
    assert_int_equal(pyro_format_stream_open(w, &stream, &s), 0);
    uint32_t frames[3], node = PYRO_NO_NODE, nodes[3];
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"<module>", "f", "g"};
        struct pyro_function_fact f = {.file = str("/app/m.py"),
                                       .name = str(names[i]),
                                       .qualname = str(names[i]),
                                       .module = str(i ? "m" : ""),
                                       .first_line = i + 1,
                                       .last_line = i + 9,
                                       .table_hash = i};
        uint32_t id = pyro_format_stream_function(s, &f);
        struct pyro_frame_fact frame = {.function = id,
                                        .instruction = 4,
                                        .line = i + 1,
                                        .end_line = i + 1,
                                        .column = 1,
                                        .end_column = 4};
        frames[i] = pyro_format_stream_frame(s, &frame);
        nodes[i] = node = pyro_format_stream_node(s, node, frames[i]);
    }
    struct pyro_thread_fact thread = {.tid = 9, .start_ticks = 5, .name = str("MainThread")};
    struct pyro_sample sample = {.thread = pyro_format_stream_thread(s, &thread)};
    struct pyro_status_fact status = {0};
    for (uint64_t i = 0; i < 60; i++) {
        sample.node = i < 40 ? nodes[1] : nodes[2];
        pyro_format_stream_tick(s, i, pyro_format_tick_time(&stream, i));
        pyro_format_stream_sample(s, &sample);
        status.ticks = status.planned = status.taken = i + 1;
        if (i == 29)
            assert_int_equal(pyro_format_flush(w, &status), 0);
    }
    struct pyro_end_fact end = {.exit_status = 0, .wall_ns = 61000000, .cpu_ns = 60000000};
    assert_int_equal(pyro_format_finish(w, &status, &end, NULL), 0);
}

static void show(const struct pyro_profile *p, FILE *to)
{
    struct pyro_report_options o = {.colour = true, .hyperlinks = true, .width = 100};
    struct pyro_error err;
    assert_int_equal(pyro_report_summary(to, p, &o), 0);
    assert_int_equal(pyro_report_functions(to, p, &o), 0);
    assert_int_equal(pyro_report_tree(to, p, &o), 0);
    pyro_report_lines(to, p, "m.py", &o, &err);
    pyro_report_lines(to, p, "f", &o, &err);
    assert_int_equal(pyro_report_json(to, p), 0);
}

static void try_bytes(const char *bytes, size_t size, FILE *to)
{
    struct pyro_profile_builder *b = pyro_profile_builder_new();
    struct pyro_profile *p = NULL;
    enum pyro_ending ending = PYRO_ENDED_TRUNCATED;
    if (pyro_format_read_memory(bytes, size, &b->visitor, &ending, NULL) < 0) {
        pyro_profile_builder_free(b);
        return;
    }
    assert_int_equal(pyro_profile_builder_finish(b, ending, &p, NULL), 0);
    uint64_t self = 0;
    for (size_t i = 0; i < p->node_count; i++)
        self += p->nodes[i].self;
    assert_int_equal(self, p->sampling.taken - p->sampling.lost);
    show(p, to);
    pyro_profile_free(p);
}

static void test_file(void **state)
{
    char path[] = "/tmp/pyrometer-report-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_recording(path);
    struct pyro_profile *p = NULL;
    struct pyro_error err = {0};
    assert_int_equal(pyro_profile_load(path, &p, &err), 0);
    assert_int_equal(p->ending, PYRO_ENDED_COMPLETE);
    assert_int_equal(p->samples, 60);
    assert_int_equal(sums_of(p, "f").self, 40);
    assert_int_equal(sums_of(p, "g").self, 20);
    assert_int_equal(sums_of(p, "<module>").total, 60);
    assert_int_equal(p->sampling.taken, 60);
    assert_int_equal(p->sampling.lost, 0);
    assert_int_equal(p->tick_count, 60);
    assert_int_equal(p->run_count, 2); /* over the flush between them */
    assert_true(p->ns_per_sample > 0.98e6 && p->ns_per_sample < 1.02e6);
    assert_int_equal(p->warning_count, 0);
    FILE *to = fopen("/dev/null", "w");
    show(p, to);
    pyro_profile_free(p);

    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(pyro_base_read_file(path, 1 << 20, &bytes, &size, NULL), 0);
    unlink(path);
    for (size_t i = 0; i <= size; i++) {
        char *cut = malloc(i + 1); /* its own block: reads past the end are seen */
        memcpy(cut, bytes, i);
        try_bytes(cut, i, to);
        free(cut);
    }
    for (size_t i = 0; i < size; i++) {
        char before = bytes[i];
        bytes[i] ^= (char)(1 << i % 8);
        try_bytes(bytes, size, to);
        bytes[i] = before;
    }
    free(bytes);
    fclose(to);
    assert_int_equal(pyro_profile_load("/nonexistent/x.pyro", &p, &err), PYRO_E_NOT_FOUND);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
