/* The views, whole, as they stand on a terminal.  Every figure is worked out by hand. */
#include "feed.h"
#include "report.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct feed feed;

/* 200 samples: 10 in m itself, 40 in a, 150 under b: 30 its own, 120 in c. */
static void program(void)
{
    static const char source[] = "def b():\n    x = 1\n    for i in range(9):\n\tc(i)\n"
                                 "    return x\n";
    feed_start(&feed, 200);
    feed_function(&feed, "m", "/app/m.py", "<module>", "__main__", 1, 40);
    feed_function(&feed, "a", "/v/lib/python3.13/site-packages/pkg/a.py", "A.a", "pkg.a", 7, 9);
    feed_function(&feed, "b", "/app/m.py", "b", "__main__", 10, 14);
    feed_function(&feed, "c", "/usr/lib/python3.13/json/c.py", "c", "json.c", 2, 3);
    feed_sample(&feed, "MainThread", "m:30", 10);
    feed_sample(&feed, "MainThread", "m:31 > a:8", 20);
    feed_flagged(&feed, "MainThread", "m:31 > a:9", 20, 1, PYRO_SAMPLE_TOP_MOVED);
    feed_sample(&feed, "MainThread", "m:32 > b:12", 30);
    feed_sample(&feed, "MainThread", "m:32 > b:13 > c:3", 120);
    const struct pyro_visitor *v = &feed.b->visitor;
    struct pyro_source_fact fact = {
        .file = {"/app/m.py", 9}, .first_line = 10, .text = {source, sizeof source - 1}};
    struct pyro_status_fact status = {
        .ticks = 203, .missed = 3, .planned = 200, .taken = 200, .sampler_cpu_ns = 5000000};
    struct pyro_end_fact end = {.exit_status = 0, .wall_ns = 203000000, .cpu_ns = 199000000};
    assert_int_equal(v->source(v->ctx, &fact), 0);
    assert_int_equal(v->status(v->ctx, &status), 0);
    assert_int_equal(v->end(v->ctx, &end), 0);
}

enum view { SUMMARY, FUNCTIONS, TREE, LINES };

static char *render(const struct pyro_profile *p, enum view view, const char *target,
                    const struct pyro_report_options *o)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    struct pyro_error err = {0};
    int rc = view == SUMMARY     ? pyro_report_summary(to, p, o)
             : view == FUNCTIONS ? pyro_report_functions(to, p, o)
             : view == TREE      ? pyro_report_tree(to, p, o)
                                 : pyro_report_lines(to, p, target, o, &err);
    fclose(to);
    assert_int_equal(rc, 0);
    return text;
}

static void expect(enum view view, const char *target, struct pyro_report_options o,
                   const char *expected)
{
    struct pyro_profile *p = feed_finish(&feed);
    char *text = render(p, view, target, &o);
    assert_string_equal(text, expected);
    free(text);
    pyro_profile_free(p);
}

/* The intervals were worked out from the formulas in src/stats by a script of its own, from how
 * often each function comes and goes in `program`: c once (60 % of 200), b twice in itself and once
 * in all. */
static void test_summary(void **state)
{
    program();
    expect(SUMMARY, NULL, (struct pyro_report_options){.width = 80, .recording = "out.pyro"},
           "60 % of the time is in `c` itself, c.py:2, called from `b`.\n"
           "60 % of the time is in one line of `c`, c.py:3.\n"
           "\n"
           "  time       203 ms wall, 199 ms CPU; 1 thread; exit status 0\n"
           "  samples    200 taken at 1,000 Hz: 203 ticks, 3 missed; 0 discarded, 0 folded\n"
           "  sampler    5.00 ms CPU (2.5 % of one core)\n"
           "\n"
           "     self          95 %     time  function  where\n"
           "   60.0 %  [59.1, 60.9]   120 ms  c         …/json/c.py:2\n"
           "  ~20.0 %                40.0 ms  A.a       …/pkg/a.py:7\n"
           "   15.0 %  [14.1, 16.0]  30.0 ms  b         m.py:10\n"
           "    5.0 %    [4.1, 6.0]  10.0 ms  <module>  m.py:1\n"
           "\n"
           "    total           95 %     time  function  where\n"
           "  100.0 %  [98.1, 100.0]   200 ms  <module>  m.py:1\n"
           "   75.0 %   [74.1, 75.9]   150 ms  b         m.py:10\n"
           "   60.0 %   [59.1, 60.9]   120 ms  c         …/json/c.py:2\n"
           "   20.0 %   [19.1, 21.0]  40.0 ms  A.a       …/pkg/a.py:7\n"
           "\n"
           "  ~          less sure: calls there are so short that the two reads of a sample\n"
           "             often differ\n"
           "\n"
           "  recording  out.pyro\n");
}

static void test_troubles(void **state)
{
    feed_start(&feed, 10);
    feed_sample(&feed, "t", "m:1", 4);
    const struct pyro_visitor *v = &feed.b->visitor;
    assert_int_equal(v->warning(v->ctx, (struct pyro_str){"The disk is \x1b[1mfull.", 21}), 0);
    struct pyro_profile *p = feed_finish(&feed);
    p->ending = PYRO_ENDED_KILLED;
    p->exit_status = -15;
    struct pyro_report_options o = {.width = 60};
    char *text = render(p, SUMMARY, NULL, &o);
    assert_string_equal(text, "100 % of the time is in `m` itself, m.py:1 (of only 4\n"
                              "samples).\n"
                              "\n"
                              "  time       1 thread; ended by SIGTERM\n"
                              "  samples    4 taken at 1,000 Hz: 10 ticks, 0 missed; 0\n"
                              "             discarded, 0 folded\n"
                              "  ending     the recording has no end: its writer was killed\n"
                              "  warning    The disk is \\x1b[1mfull.\n"
                              "\n"
                              "     self           95 %     time  function  where\n"
                              "  100.0 %  [51.0, 100.0]  4.00 ms  m         m.py:1\n"
                              "\n"
                              "    total           95 %     time  function  where\n"
                              "  100.0 %  [51.0, 100.0]  4.00 ms  m         m.py:1\n");
    free(text);
    pyro_profile_free(p);
}

/* The lines view of what was fed finds nothing of that name, and says so. */
static void expect_no_lines(const char *target, const char *said)
{
    struct pyro_error err = {0};
    struct pyro_report_options o = {0};
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(pyro_report_lines(stdout, p, target, &o, &err), PYRO_E_NOT_FOUND);
    assert_string_equal(err.text, said);
    pyro_profile_free(p);
}

static void test_nothing(void **state)
{
    feed_start(&feed, 0);
    expect(SUMMARY, NULL, (struct pyro_report_options){0},
           "There are no samples: the program ended before the first, or no Python was seen.\n"
           "\n"
           "  samples    0 taken at 1,000 Hz: 0 ticks, 0 missed; 0 discarded, 0 folded\n");

    feed_start(&feed, 0);
    expect_no_lines("x", "There are no samples: the program ended before the first, or no Python "
                         "was seen.");
}

/* Samples without a Python frame, and samples that a filter leaves none of. */
static void test_outside(void **state)
{
    static const char none[] = "No function with samples matches the filters given.\n";
    static const char *const pattern = "nosuch";
    struct pyro_filter filter = {.only = &pattern, .only_count = 1};
    struct pyro_report_options o = {.width = 80};
    struct pyro_profile *filtered;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1", 96);
    struct pyro_sample idle = {.thread = 0, .node = PYRO_NO_NODE};
    assert_int_equal(feed.b->visitor.samples(feed.b, 0, &idle, 96, 4), 0);
    struct pyro_profile *p = feed_finish(&feed);
    char *text = render(p, SUMMARY, NULL, &o);
    assert_non_null(strstr(text, "  outside    4.0 % of the samples had no Python frame: the "
                                 "interpreter was\n"
                                 "             starting or ending, or a thread ran none\n"));
    free(text);
    assert_int_equal(pyro_profile_filter(p, &filter, &filtered, NULL), 0);
    for (enum view view = SUMMARY; view <= TREE; view++) {
        text = render(filtered, view, NULL, &o);
        assert_memory_equal(text, none, sizeof none - 1);
        assert_true(view != SUMMARY ||
                    (strstr(text, "  view       100 of 100 samples (100.0 %): --only nosuch\n") &&
                     strstr(text, "  outside    100.0 % of these samples are in no function that "
                                  "the filters keep\n")));
        free(text);
    }
    pyro_profile_free(filtered);
    pyro_profile_free(p);
}

/* 40 samples that wait in six lines, 10 that run: a share each, the source if it is there, what is
 * too long cut, and nothing that a terminal would obey. */
static void waiting_program(void)
{
    static const char source[] =
        "\ts.recv(4096)\r\n  \x1b[2Jevil()\n\n"
        "    with a_lock, another_lock, and_what_else_the_line_may_hold:\n";
    const uint32_t waits = PYRO_STATE_NO << PYRO_STATE_RUNNABLE;
    static const struct {
        const char *path;
        size_t samples;
    } rows[] = {{"c:40", 15}, {"c:41", 10}, {"c:42", 6}, {"c:43", 5}, {"far:7", 3}, {"c:49", 1}};
    feed_start(&feed, 50);
    feed_function(&feed, "c", "/app/client.py", "Client.read\x1b[1m", "client", 39, 49);
    feed_function(&feed, "far", "/somewhere/far/away/in/many/folders/with_long_names/module.py",
                  "far", "", 1, 9);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        feed_sample(&feed, "t", rows[i].path, rows[i].samples);
        feed_state(&feed, "t", waits, 0, rows[i].samples);
    }
    feed_sample(&feed, "t", "c:45", 10);
    feed_state(&feed, "t", PYRO_STATE_YES << PYRO_STATE_RUNNABLE, 0, 10);
    struct pyro_source_fact fact = {
        .file = {"/app/client.py", 14}, .first_line = 40, .text = {source, sizeof source - 1}};
    assert_int_equal(feed.b->visitor.source(feed.b, &fact), 0);
}

static void expect_waits(struct pyro_report_options o, const char *expected)
{
    waiting_program();
    struct pyro_profile *p = feed_finish(&feed);
    char *text = render(p, SUMMARY, NULL, &o), *at = strstr(text, "waits");
    assert_non_null(at);
    assert_string_equal(at, expected);
    free(text);
    pyro_profile_free(p);
}

static void test_waits(void **state)
{
    expect_waits(
        (struct pyro_report_options){.width = 80},
        "waits\n"
        "  30.0 %  on `s.recv(4096)`, client.py:40\n"
        "  20.0 %  on `\\x1b[2Jevil()`, client.py:41\n"
        "  12.0 %  in `Client.read\\x1b[1m`, client.py:42\n"
        "  10.0 %  on `with a_lock, another_lock, and_what_else_the_line_…`, client.py:43\n"
        "   6.0 %  in `far`, …/far/away/in/many/folders/with_long_names/module.py:7\n");
    expect_waits((struct pyro_report_options){.width = 41},
                 "waits\n"
                 "  30.0 %  on `s.recv(4096)`, client.py:40\n"
                 "  20.0 %  on `\\x1b[2Jevil…`, client.py:41\n"
                 "  12.0 %  in `Client.read…`, client.py:42\n"
                 "  10.0 %  on `with a_lock…`, client.py:43\n"
                 "   6.0 %  in `far`, …/module.py:7\n");
    expect_waits((struct pyro_report_options){.width = 40, .limit = 1},
                 "waits\n"
                 "  30.0 %  on `s.recv(4096)`, …ient.py:40\n");
    expect_waits((struct pyro_report_options){.hyperlinks = true, .colour = true, .limit = 1},
                 "waits\033[0m\n"
                 "  \033[33m30.0 %\033[0m  on `s.recv(4096)`, "
                 "\033]8;;file://here/app/client.py#40\033\\client.py:40\033]8;;\033\\\n");
}

/* Less than a twentieth of the time is no section. */
static void test_few_waits(void **state)
{
    for (size_t waiting = 4; waiting <= 5; waiting++) {
        struct pyro_report_options o = {.width = 80};
        feed_start(&feed, 100);
        feed_sample(&feed, "t", "m:1", waiting);
        feed_state(&feed, "t", PYRO_STATE_NO << PYRO_STATE_RUNNABLE, 0, waiting);
        feed_sample(&feed, "t", "m:2", 100 - waiting);
        feed_state(&feed, "t", PYRO_STATE_YES << PYRO_STATE_RUNNABLE, 0, 100 - waiting);
        struct pyro_profile *p = feed_finish(&feed);
        char *text = render(p, SUMMARY, NULL, &o);
        assert_true((strstr(text, "  5.0 %  in `m`, m.py:1\n") != NULL) == (waiting == 5));
        assert_true((strstr(text, "waits") != NULL) == (waiting == 5));
        free(text);
        pyro_profile_free(p);
    }
}

static void test_functions(void **state)
{
    program();
    expect(FUNCTIONS, NULL, (struct pyro_report_options){.width = 80, .limit = 3},
           "   self          95 %     time   total  function  where\n"
           " 60.0 %  [59.1, 60.9]   120 ms  60.0 %  c         …/json/c.py:2\n"
           "~20.0 %                40.0 ms  20.0 %  A.a       …/pkg/a.py:7\n"
           " 15.0 %  [14.1, 16.0]  30.0 ms  75.0 %  b         m.py:10\n"
           "… 1 more\n");
    program();
    expect(FUNCTIONS, NULL, (struct pyro_report_options){.width = 80, .sort = "name"},
           "   self          95 %     time    total  function  where\n"
           "  5.0 %    [4.1, 6.0]  10.0 ms  100.0 %  <module>  m.py:1\n"
           "~20.0 %                40.0 ms   20.0 %  A.a       …/pkg/a.py:7\n"
           " 15.0 %  [14.1, 16.0]  30.0 ms   75.0 %  b         m.py:10\n"
           " 60.0 %  [59.1, 60.9]   120 ms   60.0 %  c         …/json/c.py:2\n");
    program();
    expect(FUNCTIONS, NULL, (struct pyro_report_options){.width = 120, .sort = "total", .limit = 2},
           "  self          95 %     time    total           95 %    time  function  where\n"
           " 5.0 %    [4.1, 6.0]  10.0 ms  100.0 %  [98.1, 100.0]  200 ms  <module>  m.py:1\n"
           "15.0 %  [14.1, 16.0]  30.0 ms   75.0 %   [74.1, 75.9]  150 ms  b         m.py:10\n"
           "… 2 more\n");
}

/* What does not fit is cut: places to whole folders, then names but for their last component,
 * never the page's edge. */
static void test_narrow(void **state)
{
    feed_start(&feed, 10);
    feed_function(&feed, "f", "/somewhere/far/away/in/many/folders/module.py",
                  "Class.method_with_quite_a_long_name", "", 12345, 0);
    feed_sample(&feed, "t", "f:1", 10);
    expect(FUNCTIONS, NULL, (struct pyro_report_options){.width = 80},
           "   self           95 %     time    total  function             where\n"
           "100.0 %  [72.2, 100.0]  10.0 ms  100.0 %  Class.method_with_…  …/module.py:12345\n");
    feed_start(&feed, 20);
    feed_function(&feed, "f", "/somewhere/far/away/in/many/folders/module.py",
                  "_make_iterencode.<locals>._iterencode_dict", "", 12345, 0);
    feed_function(&feed, "g", "/somewhere/far/away/in/many/folders/module.py",
                  "_make_iterencode.<locals>._iterencode_list", "", 12346, 0);
    feed_sample(&feed, "t", "f:1 > g:1", 10);
    feed_sample(&feed, "t", "f:1", 10);
    expect(FUNCTIONS, NULL, (struct pyro_report_options){.width = 80},
           "  self          95 %     time    total  function               where\n"
           "50.0 %  [40.8, 59.2]  10.0 ms  100.0 %  _mak…_iterencode_dict  …/module.py:12345\n"
           "50.0 %  [40.8, 59.2]  10.0 ms   50.0 %  _mak…_iterencode_list  …/module.py:12346\n");
    feed_start(&feed, 20);
    feed_function(&feed, "f", "/far/f.py", "_make_iterencode.<locals>._iterencode_dict", "", 1, 0);
    feed_function(&feed, "g", "/far/g.py", "_make_iterencode.<locals>._iterencode_list", "", 1, 0);
    feed_sample(&feed, "t", "f:1 > g:1", 10);
    feed_sample(&feed, "t", "f:1", 10);
    expect(TREE, NULL, (struct pyro_report_options){.width = 50},
           "  total    self  function                 where\n"
           "100.0 %  50.0 %  _make_…_iterencode_dict  …/f.py:1\n"
           " 50.0 %  50.0 %  ↳ _mak…_iterencode_list  …/g.py:1\n");
}

static void test_styles(void **state)
{
    feed_start(&feed, 10);
    feed_function(&feed, "f", "/a b/\xc3\xa9.py", "f\x1b]8;;evil\x1b\\", "", 3, 0);
    feed_sample(&feed, "t", "f:1", 10);
    expect(TREE, NULL, (struct pyro_report_options){.colour = true, .hyperlinks = true},
           "\033[2m  total     self  function            where\033[0m\n"
           "\033[33m100.0 %\033[0m  100.0 %  f\\x1b]8;;evil\\x1b\\  "
           "\033[2m\033]8;;file://here/a%20b/%C3%A9.py#3\033\\/a b/é.py:3\033]8;;\033\\\033[0m\n");
}

static void test_tree(void **state)
{
    char path[64];
    program();
    expect(TREE, NULL, (struct pyro_report_options){.width = 80},
           "  total     self  function  where\n"
           "100.0 %    5.0 %  <module>  m.py:1\n"
           " 75.0 %   15.0 %  ├ b       m.py:10\n"
           " 60.0 %   60.0 %  │ ↳ c     …/json/c.py:2\n"
           " 20.0 %  ~20.0 %  └ A.a     …/pkg/a.py:7\n");

    feed_start(&feed, 2000); /* 500 in hot, 4 sides of 100, 10 small ones of 10 */
    feed_sample(&feed, "t", "m:1 > hot:1", 500);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "m:2 > side%d:1", i);
        feed_sample(&feed, "t", path, 100);
    }
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "m:3 > small%d:1", i);
        feed_sample(&feed, "t", path, 10);
    }
    expect(TREE, NULL, (struct pyro_report_options){.width = 80},
           "  total    self  function     where\n"
           "100.0 %   0.0 %  m            m.py:1\n"
           " 50.0 %  50.0 %  ├ hot        hot.py:1\n"
           " 10.0 %  10.0 %  ├ side0      side0.py:1\n"
           " 10.0 %  10.0 %  ├ side1      side1.py:1\n"
           " 10.0 %  10.0 %  ├ side2      side2.py:1\n"
           " 10.0 %  10.0 %  ├ side3      side3.py:1\n"
           " 10.0 %          └ … 10 more\n");
}

/* As many rows as there is room for: the path first, then the heaviest beside it. */
static void test_limited_tree(void **state)
{
    static const char *const expected[] = {
        "  total   self  function  where\n"
        "100.0 %  0.0 %  m         m.py:1\n",
        "  total   self  function  where\n"
        "100.0 %  0.0 %  m         m.py:1\n"
        "… 5 more\n",
        "  total   self  function  where\n"
        "100.0 %  0.0 %  m         m.py:1\n"
        " 60.0 %  5.0 %  ↳ a       a.py:1\n"
        "… 4 more\n",
        "  total    self  function  where\n"
        "100.0 %   0.0 %  m         m.py:1\n"
        " 60.0 %   5.0 %  ↳ a       a.py:1\n"
        " 40.0 %  40.0 %  ↳ b       b.py:1\n"
        "… 3 more\n",
        "  total    self  function  where\n"
        "100.0 %   0.0 %  m         m.py:1\n"
        " 60.0 %   5.0 %  ├ a       a.py:1\n"
        " 40.0 %  40.0 %  │ ↳ b     b.py:1\n"
        " 39.0 %  39.0 %  └ d       d.py:1\n"
        "… 2 more\n",
        "  total    self  function    where\n"
        "100.0 %   0.0 %  m           m.py:1\n"
        " 60.0 %   5.0 %  ├ a         a.py:1\n"
        " 40.0 %  40.0 %  │ ├ b       b.py:1\n"
        " 15.0 %  15.0 %  │ └ c       c.py:1\n"
        " 39.0 %  39.0 %  ├ d         d.py:1\n"
        "  1.0 %          └ … 1 more\n",
    };
    for (size_t limit = 1; limit <= 6; limit++) {
        feed_start(&feed, 200);
        feed_sample(&feed, "t", "m:1 > a:1", 10);
        feed_sample(&feed, "t", "m:1 > a:2 > b:1", 80);
        feed_sample(&feed, "t", "m:1 > a:2 > c:1", 30);
        feed_sample(&feed, "t", "m:1 > d:1", 78);
        feed_sample(&feed, "t", "m:1 > e:1", 2);
        expect(TREE, NULL, (struct pyro_report_options){.width = 80, .limit = limit},
               expected[limit - 1]);
    }
}

/* 5,000 deep: one row; and two functions that call each other, 1,000 times each. */
static void test_deep_tree(void **state)
{
    feed_start(&feed, 100);
    uint32_t node = feed_node(&feed, "m:1 > f:1"), frame = 1;
    const struct pyro_visitor *v = &feed.b->visitor;
    feed_thread(&feed, "t");
    for (int i = 1; i < 4998; i++) {
        struct pyro_node_fact fact = {.parent = node, .frame = frame};
        assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
        node = feed.node_count++;
    }
    struct pyro_sample sample = {.thread = 0, .node = node};
    assert_int_equal(v->samples(v->ctx, 0, &sample, 0, 100), 0);
    expect(TREE, NULL, (struct pyro_report_options){.width = 80},
           "  total     self  function       where\n"
           "100.0 %    0.0 %  m              m.py:1\n"
           "100.0 %  100.0 %  ↳ f (x 4,998)  f.py:1\n");

    feed_start(&feed, 100);
    node = feed_node(&feed, "even:1");
    feed_node(&feed, "odd:1");
    feed_thread(&feed, "t");
    for (int i = 1; i < 2000; i++) {
        struct pyro_node_fact fact = {.parent = node, .frame = i % 2};
        assert_int_equal(feed.b->visitor.node(feed.b, 0, feed.node_count, &fact), 0);
        node = feed.node_count++;
    }
    sample.node = node;
    assert_int_equal(feed.b->visitor.samples(feed.b, 0, &sample, 0, 100), 0);
    expect(TREE, NULL, (struct pyro_report_options){.width = 80},
           "  total     self  function         where\n"
           "100.0 %    0.0 %  even (x 1,000)   even.py:1\n"
           "100.0 %  100.0 %  ↳ odd (x 1,000)  odd.py:1\n");
}

static void test_lines(void **state)
{
    program();
    expect(LINES, "b", (struct pyro_report_options){.width = 60},
           "b  m.py:10  15.0 % self, 75.0 % total\n"
           "\n"
           "line    self   total\n"
           "  10                            def b():\n"
           "  11                                x = 1\n"
           "  12  15.0 %  15.0 %  ██            for i in range(9):\n"
           "  13          60.0 %  ████████          c(i)\n"
           "  14                                return x\n");
    program();
    expect(LINES, "pkg.a:A.*", (struct pyro_report_options){.width = 60},
           "A.a  …/pkg/a.py:7  ~20.0 % self, 20.0 % total\n"
           "\n"
           "line    self   total\n"
           "   8  10.0 %  10.0 %  ████████\n"
           "   9  10.0 %  10.0 %  ████████\n"
           "The recording holds no source of this: it was made with\n"
           "--no-source, or the file could not be read.\n");
    program();
    expect(LINES, "m.py", (struct pyro_report_options){.width = 60},
           "m.py\n"
           "\n"
           "line    self   total\n"
           "  10                            def b():\n"
           "  11                                x = 1\n"
           "  12  15.0 %  15.0 %  █▋            for i in range(9):\n"
           "  13          60.0 %  ██████▍           c(i)\n"
           "  14                                return x\n"
           "   …\n"
           "  30   5.0 %   5.0 %  ▌\n"
           "  31          20.0 %  ██▏\n"
           "  32          75.0 %  ████████\n");
    struct pyro_error err = {0};
    struct pyro_report_options few = {.limit = 2};
    program();
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(pyro_report_lines(stdout, p, "m.py", &few, &err), PYRO_E_INVALID);
    assert_string_equal(err.text, "A file's lines are shown as a whole: leave out --limit.");
    pyro_profile_free(p);

    program();
    expect_no_lines("zz\x1b", "No function and no file with samples is called zz\\x1b; the "
                              "heaviest functions are: <module>, b, c, A.a.");
}

/* Source that nobody would write, lines that no file has. */
static void test_odd_lines(void **state)
{
    feed_start(&feed, 10);
    feed_function(&feed, "f", "/app/f.py", "f", "", 4294967290u, 4294967295u);
    feed_sample(&feed, "t", "f:4294967295", 5);
    feed_sample(&feed, "t", "f:1", 5);
    const struct pyro_visitor *v = &feed.b->visitor;
    struct pyro_source_fact fact = {.file = {"/app/f.py", 9},
                                    .first_line = 4294967293u,
                                    .text = {"a\0\x1b\xff\r\nb\nc\nd\n\n\n", 14}};
    assert_int_equal(v->source(v->ctx, &fact), 0);
    assert_int_equal(v->source(v->ctx, &fact), 0); /* the same run twice */
    expect(LINES, "f", (struct pyro_report_options){.width = 80},
           "f  f.py:4294967290  100.0 % self, 100.0 % total\n"
           "\n"
           "      line    self   total\n"
           "         1  50.0 %  50.0 %  ████████\n"
           "         …\n"
           "4294967293                            a\\x00\\x1b\\xff\n"
           "4294967294                            b\n"
           "4294967295  50.0 %  50.0 %  ████████\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),      cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_nothing),      cmocka_unit_test(test_outside),
        cmocka_unit_test(test_waits),        cmocka_unit_test(test_few_waits),
        cmocka_unit_test(test_functions),    cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_styles),       cmocka_unit_test(test_tree),
        cmocka_unit_test(test_limited_tree), cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_lines),        cmocka_unit_test(test_odd_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
