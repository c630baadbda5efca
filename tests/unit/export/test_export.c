/*
 * Exports of a small profile built by hand, byte for byte.
 */
#include "export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STR(s)                                                                                     \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

/* main calls work from two lines; two lambdas that look the same; a name full of traps. */
static struct pyro_function functions[] = {
    {.file = STR("/a/m.py"), .qualname = STR("<module>"), .first_line = 1},
    {.file = STR("/a/m.py"), .qualname = STR("C.work"), .first_line = 10},
    {.file = STR("/a/m.py"), .qualname = STR("<lambda>"), .first_line = 20, .table_hash = 1},
    {.file = STR("/a/m.py"), .qualname = STR("<lambda>"), .first_line = 20, .table_hash = 2},
    {.file = STR("/a/\xff.py"),
     .qualname = STR("x;\n\033[31m\"\\\xc2\x9b\xe2\x80\xae\xc3\xa9"),
     .first_line = 0},
};
static struct pyro_frame frames[] = {
    {.function = 0, .instruction = 4, .line = 3, .column = 1},
    {.function = 0, .instruction = 8, .line = 4, .column = 5},
    {.function = 1, .instruction = 2, .line = 11, .column = 9},
    {.function = 2, .instruction = 0, .line = 20, .column = 2},
    {.function = 3, .instruction = 0, .line = 20, .column = 30},
    {.function = 4, .instruction = -1, .line = 0},
};
static struct pyro_node nodes[] = {
    {.parent = PYRO_NONE, .frame = 0, .self = 1}, {.parent = 0, .frame = 2, .self = 2},
    {.parent = PYRO_NONE, .frame = 1, .self = 0}, {.parent = 2, .frame = 2, .self = 3},
    {.parent = 1, .frame = 3, .self = 1},         {.parent = 1, .frame = 4, .self = 1},
    {.parent = 2, .frame = 5, .self = 2},
};
static struct pyro_run main_runs[] = {
    {.node = 0, .tick = 0, .count = 1}, {.node = 1, .tick = 1, .count = 2},
    {.node = 3, .tick = 3, .count = 3}, {.node = 4, .tick = 6, .count = 1},
    {.node = 5, .tick = 7, .count = 1},
};
static struct pyro_run other_runs[] = {
    {.node = 6, .tick = 2, .count = 2},
    {.node = PYRO_NONE, .tick = 4, .count = 1},
};
static struct pyro_thread threads[] = {
    {.tid = 7, .name = STR("Main \"T\""), .samples = 9, .runs = main_runs, .run_count = 5},
    {.tid = 8, .samples = 3, .runs = other_runs, .run_count = 2},
    {.tid = 9, .samples = 0},
};
static struct pyro_tick_base tick_bases[] = {{0, 100}, {4, 4100}};
static uint32_t ticks[] = {0, 1000, 2000, 3000, 0, 1000, 2000, 3000};
static struct pyro_str argv[] = {STR("python"), STR("m.py")};

static struct pyro_profile profile(void)
{
    return (struct pyro_profile){.functions = functions,
                                 .function_count = 5,
                                 .frames = frames,
                                 .frame_count = 6,
                                 .nodes = nodes,
                                 .node_count = 7,
                                 .threads = threads,
                                 .thread_count = 3,
                                 .run_count = 7,
                                 .tick_bases = tick_bases,
                                 .tick_base_count = 2,
                                 .ticks = ticks,
                                 .tick_count = 8,
                                 .argv = argv,
                                 .argc = 2,
                                 .ns_per_sample = 1000.4};
}

static char *export_of(const struct pyro_profile *p, const char *name,
                       enum pyro_export_frames grain)
{
    char *text = NULL;
    size_t size = 0;
    struct pyro_error err = {0};
    struct pyro_export_options options = {.frames = grain};
    const struct pyro_export_format *format = pyro_export_by_name(name);
    FILE *to = open_memstream(&text, &size);
    assert_non_null(format);
    assert_int_equal(format->write(to, p, &options, &err), 0);
    fclose(to);
    return text;
}

static void check(const char *name, enum pyro_export_frames grain, const char *expected)
{
    struct pyro_profile p = profile();
    char *text = export_of(&p, name, grain);
    assert_string_equal(text, expected);
    free(text);
}

#define TRAPS "x\\x3b\\x0a\\x1b[31m\"\\\\x9b\\u202e\xc3\xa9 (/a/\\xff.py:0)"

static void test_collapsed(void **state)
{
    (void)state;
    check("collapsed", PYRO_EXPORT_FUNCTIONS,
          "<module> (/a/m.py:1) 1\n"
          "<module> (/a/m.py:1);C.work (/a/m.py:10) 5\n"
          "<module> (/a/m.py:1);C.work (/a/m.py:10);<lambda> (/a/m.py:20) 1\n"
          "<module> (/a/m.py:1);C.work (/a/m.py:10);<lambda> (/a/m.py:20) #2 1\n"
          "<module> (/a/m.py:1);" TRAPS " 2\n");
    check("collapsed", PYRO_EXPORT_LINES,
          "<module> (/a/m.py:3) 1\n"
          "<module> (/a/m.py:3);C.work (/a/m.py:11) 2\n"
          "<module> (/a/m.py:4);C.work (/a/m.py:11) 3\n"
          "<module> (/a/m.py:3);C.work (/a/m.py:11);<lambda> (/a/m.py:20) 1\n"
          "<module> (/a/m.py:3);C.work (/a/m.py:11);<lambda> (/a/m.py:20) #2 1\n"
          "<module> (/a/m.py:4);" TRAPS " 2\n");
    check("collapsed", PYRO_EXPORT_INSTRUCTIONS,
          "<module> (/a/m.py:3+4) 1\n"
          "<module> (/a/m.py:3+4);C.work (/a/m.py:11+2) 2\n"
          "<module> (/a/m.py:4+8);C.work (/a/m.py:11+2) 3\n"
          "<module> (/a/m.py:3+4);C.work (/a/m.py:11+2);<lambda> (/a/m.py:20+0) 1\n"
          "<module> (/a/m.py:3+4);C.work (/a/m.py:11+2);<lambda> (/a/m.py:20+0) #2 1\n"
          "<module> (/a/m.py:4+8);" TRAPS " 2\n");
}

/* Threads as frames, and processes where there are several. */
static void test_collapsed_threads(void **state)
{
    (void)state;
    static struct pyro_process processes[] = {{.pid = 70}, {.pid = 80}};
    static struct pyro_thread of_two[3];
    struct pyro_profile p = profile();
    for (size_t processes_here = 1; processes_here <= 2; processes_here++) {
        memcpy(of_two, threads, sizeof of_two);
        of_two[1].process = processes_here > 1;
        p.threads = of_two;
        p.processes = processes;
        p.process_count = processes_here;
        char *text = NULL, expected[2000];
        size_t size = 0;
        struct pyro_error err = {0};
        struct pyro_export_options options = {.threads = true};
        FILE *to = open_memstream(&text, &size);
        assert_int_equal(pyro_export_by_name("collapsed")->write(to, &p, &options, &err), 0);
        fclose(to);
        const char *first = processes_here > 1 ? "process 70;" : "",
                   *second = processes_here > 1 ? "process 80;" : "";
        snprintf(
            expected, sizeof expected,
            "%sMain \"T\" (7);<module> (/a/m.py:1) 1\n"
            "%sMain \"T\" (7);<module> (/a/m.py:1);C.work (/a/m.py:10) 5\n"
            "%sMain \"T\" (7);<module> (/a/m.py:1);C.work (/a/m.py:10);<lambda> (/a/m.py:20) 1\n"
            "%sMain \"T\" (7);<module> (/a/m.py:1);C.work (/a/m.py:10);<lambda> (/a/m.py:20) #2 "
            "1\n"
            "%sthread 8;<module> (/a/m.py:1);" TRAPS " 2\n",
            first, first, first, first, second);
        assert_string_equal(text, expected);
        free(text);
    }
}

#define HEAD                                                                                       \
    "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"                       \
    "\"exporter\":\"pyrometer " PYRO_VERSION                                                       \
    "\",\n\"name\":\"python m.py\",\n\"shared\":{\"frames\":["
#define JSON_TRAPS                                                                                 \
    "\"x;\\\\x0a\\\\x1b[31m\\\"\\\\\\\\x9b\\\\u202e\xc3\xa9\",\"file\":\"/a/\\\\xff.py\""

static void test_speedscope(void **state)
{
    (void)state;
    /* The two neighbouring runs of C.work, from two call sites, are one stretch for functions. */
    check("speedscope", PYRO_EXPORT_FUNCTIONS,
          HEAD "\n{\"name\":\"<module>\",\"file\":\"/a/m.py\",\"line\":1},\n"
               "{\"name\":\"C.work\",\"file\":\"/a/m.py\",\"line\":10},\n"
               "{\"name\":\"<lambda>\",\"file\":\"/a/m.py\",\"line\":20},\n"
               "{\"name\":\"<lambda>\",\"file\":\"/a/m.py\",\"line\":20},\n"
               "{\"name\":" JSON_TRAPS "}]},\n"
               "\"profiles\":[\n"
               "{\"type\":\"sampled\",\"name\":\"Main \\\"T\\\" (7)\",\"unit\":\"nanoseconds\","
               "\"startValue\":0,\"endValue\":8003,\"samples\":[[0],\n[0,1],\n[0,1,2],\n[0,1,3]],\n"
               "\"weights\":[1000,5002,1001,1000]},\n"
               "{\"type\":\"sampled\",\"name\":\"thread 8\",\"unit\":\"nanoseconds\","
               "\"startValue\":2000,\"endValue\":5001,\"samples\":[[0,4],\n[]],\n"
               "\"weights\":[2001,1000]}],\n\"activeProfileIndex\":0}\n");
    check("speedscope", PYRO_EXPORT_INSTRUCTIONS,
          HEAD "\n{\"name\":\"<module> +4\",\"file\":\"/a/m.py\",\"line\":3,\"col\":1},\n"
               "{\"name\":\"C.work +2\",\"file\":\"/a/m.py\",\"line\":11,\"col\":9},\n"
               "{\"name\":\"<module> +8\",\"file\":\"/a/m.py\",\"line\":4,\"col\":5},\n"
               "{\"name\":\"<lambda> +0\",\"file\":\"/a/m.py\",\"line\":20,\"col\":2},\n"
               "{\"name\":\"<lambda> +0\",\"file\":\"/a/m.py\",\"line\":20,\"col\":30},\n"
               "{\"name\":" JSON_TRAPS "}]},\n"
               "\"profiles\":[\n"
               "{\"type\":\"sampled\",\"name\":\"Main \\\"T\\\" (7)\",\"unit\":\"nanoseconds\","
               "\"startValue\":0,\"endValue\":8003,"
               "\"samples\":[[0],\n[0,1],\n[2,1],\n[0,1,3],\n[0,1,4]],\n"
               "\"weights\":[1000,2001,3001,1001,1000]},\n"
               "{\"type\":\"sampled\",\"name\":\"thread 8\",\"unit\":\"nanoseconds\","
               "\"startValue\":2000,\"endValue\":5001,\"samples\":[[2,5],\n[]],\n"
               "\"weights\":[2001,1000]}],\n\"activeProfileIndex\":0}\n");
}

static void test_nothing(void **state)
{
    (void)state;
    struct pyro_profile empty = {0};
    char *text = export_of(&empty, "collapsed", PYRO_EXPORT_FUNCTIONS);
    assert_string_equal(text, "");
    free(text);
    text = export_of(&empty, "speedscope", PYRO_EXPORT_FUNCTIONS);
    assert_non_null(strstr(text, "\"name\":\"no samples\",\"unit\":\"none\""));
    free(text);
}

/* Without a known time a weight is a number of samples. */
static void test_untimed(void **state)
{
    (void)state;
    struct pyro_profile p = profile();
    p.ns_per_sample = 0;
    char *text = export_of(&p, "speedscope", PYRO_EXPORT_FUNCTIONS);
    assert_non_null(strstr(text, "\"unit\":\"none\",\"startValue\":0,\"endValue\":8,"));
    assert_non_null(strstr(text, "\"weights\":[1,5,1,1]"));
    free(text);
}

static void test_long_name(void **state)
{
    (void)state;
    static char name[100000];
    memset(name, 'n', sizeof name);
    struct pyro_function function = {.qualname = {name, sizeof name}, .file = STR("f")};
    struct pyro_function two[] = {function, function};
    struct pyro_node both[] = {{.parent = PYRO_NONE, .frame = 0, .self = 1},
                               {.parent = PYRO_NONE, .frame = 1, .self = 1}};
    struct pyro_frame at[] = {{.function = 0}, {.function = 1}};
    struct pyro_profile p = {.functions = two,
                             .function_count = 2,
                             .frames = at,
                             .frame_count = 2,
                             .nodes = both,
                             .node_count = 2};
    char *text = export_of(&p, "collapsed", PYRO_EXPORT_FUNCTIONS);
    assert_true(strlen(text) < 2100);
    assert_non_null(strstr(text, "nnn... (f:0) 1\n"));
    assert_non_null(strstr(text, "nnn... (f:0) #2 1\n"));
    free(text);
}

static void test_formats(void **state)
{
    (void)state;
    assert_string_equal(pyro_export_by_ending("a/b.collapsed")->name, "collapsed");
    assert_string_equal(pyro_export_by_ending("b.speedscope.json")->name, "speedscope");
    assert_null(pyro_export_by_ending("b.json"));
    assert_null(pyro_export_by_ending(""));
    assert_null(pyro_export_by_name("pprof"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collapsed),  cmocka_unit_test(test_collapsed_threads),
        cmocka_unit_test(test_speedscope), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_untimed),    cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
