/* The way down and the function it names: synthetic programs with a known cause. */
#include "feed.h"
#include "findings.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

static struct feed feed;

/* The first one, and of the two kinds only that one. */
static void expect_kind(enum pyro_finding_kind kind, const char *text)
{
    struct pyro_profile *p = feed_finish(&feed);
    struct pyro_finding all[PYRO_FINDING_KINDS], f;
    int count = pyro_findings_find(p, all, PYRO_FINDING_KINDS, NULL);
    assert_int_equal(pyro_findings_find(p, &f, 1, NULL), 1);
    assert_int_equal(f.kind, kind);
    for (int i = 1; i < count; i++)
        assert_true(all[i].kind != PYRO_FINDING_HOT_FUNCTION &&
                    all[i].kind != PYRO_FINDING_SPREAD_OUT);
    assert_string_equal(f.text, text);
    assert_true(f.interval.low <= f.share && f.share <= f.interval.high);
    pyro_profile_free(p);
}

static void expect_finding(const char *text)
{
    expect_kind(PYRO_FINDING_HOT_FUNCTION, text);
}

/* The demo: tickets as QR codes, 800 samples shared out as a tracing profiler measured it. */
static void test_qrcode(void **state)
{
    feed_start(&feed, 2000);
    feed_function(&feed, "body", "/app/demo.py", "<module>", "__main__", 1, 20);
    feed_function(&feed, "ticket", "/app/demo.py", "ticket", "__main__", 3, 8);
    feed_function(&feed, "make", "/v/site-packages/qrcode/main.py", "QRCode.make", "qrcode.main",
                  148, 160);
    feed_function(&feed, "best", "/v/site-packages/qrcode/main.py", "QRCode.best_mask_pattern",
                  "qrcode.main", 238, 260);
    feed_function(&feed, "impl", "/v/site-packages/qrcode/main.py", "QRCode.makeImpl",
                  "qrcode.main", 162, 180);
    feed_function(&feed, "map", "/v/site-packages/qrcode/main.py", "QRCode.map_data", "qrcode.main",
                  474, 500);
    feed_function(&feed, "lost", "/v/site-packages/qrcode/util.py", "lost_point", "qrcode.util",
                  187, 199);
    feed_sample(&feed, "main", "body:1", 34);
    feed_sample(&feed, "main", "body:20 > ticket:8 > image:1", 94);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:150", 2);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:152 > impl:170 > map:480", 43);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:151 > fit:1", 28);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:246 > impl:170 > map:480",
                200);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:246 > impl:171 > map:481", 50);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:246 > impl:175", 77);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:248 > lost:190 > l1:1", 95);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:248 > lost:191 > l2:1", 60);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:248 > lost:192 > l3:1", 107);
    feed_sample(&feed, "main", "body:20 > ticket:7 > make:153 > best:250", 10);
    expect_finding("75 % of the time is under `best_mask_pattern`, main.py:238, called from "
                   "`make`"); /* 599 of 800 */
}

/* A name that several functions have says too little. */
static void test_namesakes(void **state)
{
    feed_start(&feed, 1000);
    feed_function(&feed, "event", "/lib/threading.py", "Event.wait", "threading", 580, 610);
    feed_function(&feed, "condition", "/lib/threading.py", "Condition.wait", "threading", 295, 340);
    feed_sample(&feed, "t", "m:1 > event:600 > condition:331", 900);
    feed_sample(&feed, "t", "m:1 > other:2", 100);
    expect_finding("90 % of the time is in `Condition.wait` itself, threading.py:295, called from "
                   "`Event.wait`");
}

static void test_one_hot_loop(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > run:2 > step:3 > inner:4", 900);
    feed_sample(&feed, "t", "m:1 > run:2 > step:3 > inner:5", 50);
    feed_sample(&feed, "t", "m:1 > run:2", 50);
    expect_finding("95 % of the time is in `inner` itself, inner.py:1, called from `step`");
}

static void test_hot_at_the_bottom(void **state)
{
    feed_start(&feed, 1000);
    feed_function(&feed, "m", "/app/loop.py", "<module>", "__main__", 1, 9);
    feed_sample(&feed, "t", "m:4", 980);
    feed_sample(&feed, "t", "m:5 > f:1", 20);
    expect_finding("98 % of the time is in `<module>` itself, loop.py:1");
}

/* Everything is under run, which says nothing; compute is where more than half of it parts. */
static void test_not_the_trunk(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > run:2 > parse:1", 200);
    feed_sample(&feed, "t", "m:1 > run:3 > compute:1 > k1:1", 300);
    feed_sample(&feed, "t", "m:1 > run:3 > compute:2 > k2:1", 300);
    feed_sample(&feed, "t", "m:1 > run:4 > write:1", 200);
    expect_finding("60 % of the time is under `compute`, compute.py:1, called from `run`");
}

static void test_recursion(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > fib:2 > fib:2 > fib:2", 300);
    feed_sample(&feed, "t", "m:1 > fib:2 > fib:3 > fib:2 > fib:3", 300);
    feed_sample(&feed, "t", "m:1 > fib:3", 400);
    expect_finding("100 % of the time is in `fib` itself, fib.py:1, called from `m`");
}

/* What is said is said of all its time, not of the path's. */
static void test_called_from_several(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > left:2 > hot:3", 500);
    feed_sample(&feed, "t", "m:2 > right:2 > hot:3", 400);
    feed_sample(&feed, "t", "m:3", 100);
    expect_finding("90 % of the time is in `hot` itself, hot.py:1, called from `left` and others");
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > work:2 > hot:3", 460);
    feed_sample(&feed, "u", "run:1 > work:2 > hot:3", 440);
    feed_sample(&feed, "u", "run:1 > rare:2 > hot:3", 40);
    feed_sample(&feed, "t", "m:3", 60);
    expect_finding("94 % of the threads' time is in `hot` itself, hot.py:1, called from `work`");
}

/* No path has much of it. */
static void test_called_from_everywhere(void **state)
{
    char path[64];
    feed_start(&feed, 1000);
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "m:%d > f%02d:1", i + 1, i);
        feed_sample(&feed, "t", path, 20);
        snprintf(path, sizeof path, "m:%d > f%02d:2 > hot:1", i + 1, i);
        feed_sample(&feed, "t", path, 30);
    }
    expect_finding("60 % of the time is in `hot` itself, hot.py:1, called from `f00` and others");
}

/* f07 has so many of 1,000 samples; the others share the rest. */
static void spread(size_t largest)
{
    char path[64];
    feed_start(&feed, 1000);
    for (size_t i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "m:%zu > f%02zu:1", i + 1, i);
        feed_sample(&feed, "t", path,
                    i == 7 ? largest : (1000 - largest) / 19 + (i < (1000 - largest) % 19));
    }
}

static void test_spread(void **state)
{
    spread(60);
    expect_kind(PYRO_FINDING_SPREAD_OUT, "The time is spread out: the largest part, 6 %, is in "
                                         "`f07` itself, f07.py:1, called from `m`");
    spread(199);
    expect_kind(PYRO_FINDING_SPREAD_OUT, "The time is spread out: the largest part, 20 %, is in "
                                         "`f07` itself, f07.py:1, called from `m`");
    spread(200);
    expect_kind(PYRO_FINDING_HOT_FUNCTION,
                "20 % of the time is in `f07` itself, f07.py:1, called from `m`");
}

/* Own time of which the reads were not sure is not claimed. */
static void test_unsure(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > f:2", 500);
    feed_flagged(&feed, "t", "m:1 > f:2", 400, 1, PYRO_SAMPLE_TOP_MOVED);
    expect_finding("100 % of the time is under `f`, f.py:1, called from `m`");
}

static void test_few_and_threads(void **state)
{
    feed_start(&feed, 1000);
    feed_sample(&feed, "one", "m:1 > f:2", 3);
    feed_sample(&feed, "two", "w:1 > g:2", 9);
    expect_finding("75 % of the threads' time is in `g` itself, g.py:1, called from `w` (of only "
                   "12 samples)");
}

static void test_long_names(void **state)
{
    char name[2000];
    struct pyro_finding f;
    memset(name, 'x', sizeof name);
    memcpy(name + 99, "\xe2\x82\xac", 3); /* the cut would fall into a character */
    name[sizeof name - 1] = '\0';
    feed_start(&feed, 100);
    feed_function(&feed, "f", name, name, "", 4294967295u, 0);
    feed_sample(&feed, "t", "f:1", 100);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(pyro_findings_find(p, &f, 1, NULL), 1);
    assert_true(strlen(f.text) < 400);
    assert_memory_equal(f.text + strlen("100 % of the time is in `") + 99, "…`", 4);
    assert_memory_equal(f.text + f.place_at, "xxxxx", 5);
    assert_memory_equal(f.text + f.place_at + f.place_size - 11, ":4294967295", 11);
    pyro_profile_free(p);
}

static void test_walk(void **state)
{
    struct pyro_walk w;
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1 > f:1 > f:1 > f:1 > g:1", 10);
    feed_sample(&feed, "t", "m:2 > f:2 > g:1 > f:3 > g:2 > h:1", 20);
    feed_sample(&feed, "t", "m:2 > k:2", 5);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(pyro_profile_walk(p, &w), 0);
    assert_int_equal(w.step_count, 5); /* bottom, m, f, g, h */
    assert_int_equal(w.steps[0].function, PYRO_NONE);
    assert_int_equal(w.steps[0].total, 35);
    assert_int_equal(w.steps[1].branch_count, 2);
    const struct pyro_branch *b = &w.branches[w.steps[1].first_branch];
    assert_int_equal(b[0].total, 30);
    assert_int_equal(b[1].function, find_function(p, "k"));
    assert_int_equal(b[1].total, 5);
    assert_int_equal(b[1].self, 5);
    assert_int_equal(w.steps[2].function, find_function(p, "f"));
    assert_int_equal(w.steps[2].repeats, 3);
    assert_int_equal(w.steps[2].self, 0);
    assert_int_equal(w.steps[3].function, find_function(p, "g"));
    assert_int_equal(w.steps[3].total, 30);
    assert_int_equal(w.steps[3].self, 10);
    assert_int_equal(w.steps[3].repeats, 2);
    assert_int_equal(w.steps[4].total, 20);
    assert_int_equal(w.steps[4].branch_count, 0);
    pyro_profile_walk_release(&w);
    pyro_profile_free(p);
}

/* Threads that wait at three lines, one of them for another thread, and for the GIL at a fourth. */
static struct pyro_profile *waiting_program(void)
{
    const uint32_t waits = PYRO_STATE_NO << PYRO_STATE_RUNNABLE | PYRO_STATE_NO << PYRO_STATE_GIL,
                   runs = PYRO_STATE_YES << PYRO_STATE_RUNNABLE | PYRO_STATE_YES << PYRO_STATE_GIL;
    feed_start(&feed, 1000);
    feed_function(&feed, "wait", "/usr/lib/python3.13/threading.py", "Condition.wait", "threading",
                  300, 360);
    feed_sample(&feed, "one", "m:1 > f:2", 100);
    feed_state(&feed, "one", waits, 0, 100);
    feed_sample(&feed, "one", "m:1 > f:3", 400);
    feed_state(&feed, "one", waits, 0, 400);
    feed_sample(&feed, "one", "m:2 > f:2", 50);
    feed_state(&feed, "one", waits, 0, 50);
    feed_sample(&feed, "one", "m:3 > g:1", 100);
    feed_state(&feed, "one", runs, 0, 100);
    feed_sample(&feed, "two", "m:1 > wait:355", 550);
    feed_state(&feed, "two", waits, 0, 550);
    feed_sample(&feed, "two", "m:3 > g:1", 100);
    feed_state(&feed, "two", waits, 0, 100);
    feed_sample(&feed, "one", "m:4", 100); /* what it does is not known */
    return feed_finish(&feed);
}

static void expect_wait(const struct pyro_profile *p, const struct pyro_wait *wait,
                        const char *function, uint32_t line, uint64_t samples)
{
    assert_int_equal(p->lines[wait->line].function, find_function(p, function));
    assert_int_equal(p->lines[wait->line].line, line);
    assert_int_equal(wait->samples, samples);
}

static void test_waits(void **state)
{
    struct pyro_finding f[PYRO_FINDING_KINDS];
    struct pyro_profile *p = waiting_program();
    struct pyro_waits waits;
    int count = pyro_findings_find(p, f, PYRO_FINDING_KINDS, &waits), finding = -1;
    assert_int_equal(waits.count, 3);
    expect_wait(p, &waits.list[0], "Condition.wait", 355, 550);
    expect_wait(p, &waits.list[1], "f", 3, 400);
    expect_wait(p, &waits.list[2], "f", 2, 150);
    assert_int_equal(waits.samples, 1100);
    assert_int_equal(waits.of, 1300);
    for (int i = 0; i < count; i++)
        if (f[i].kind == PYRO_FINDING_WAITING_LINE)
            finding = i;
    assert_int_equal(finding, 0); /* the one line, and no wait for another thread */
    assert_string_equal(f[0].text,
                        "Waits for other threads aside, 53 % of the threads' time is "
                        "spent waiting in `f`, f.py:3, called from `m`"); /* 400 of 750 */
    pyro_findings_release_waits(&waits);
    assert_int_equal(waits.count, 0);
    pyro_profile_free(p);
}

/* Of what threads do without the GIL the same; of what they may do asleep or not, none. */
static void test_waits_in_view(void **state)
{
    struct pyro_finding f;
    struct pyro_profile *whole = waiting_program(), *p = NULL;
    for (enum pyro_state wanted = PYRO_STATE_CPU; wanted <= PYRO_STATE_IDLE; wanted++) {
        struct pyro_filter filter = {.thread = "two", .state = wanted};
        struct pyro_waits waits;
        bool none = wanted == PYRO_STATE_CPU || wanted == PYRO_STATE_HOLDS_GIL;
        assert_int_equal(pyro_profile_filter(whole, &filter, &p, NULL), 0);
        pyro_findings_find(p, &f, 1, &waits);
        assert_int_equal(waits.count, none ? 0 : 2);
        if (!none)
            expect_wait(p, &waits.list[0], "Condition.wait", 355, 550);
        pyro_findings_release_waits(&waits);
        pyro_profile_free(p);
    }
    pyro_profile_free(whole);
}

/* Ten seconds, in each of which the thread was delayed for so many ms. */
static void expect_busy(const uint64_t *delayed, const char *text)
{
    struct pyro_finding all[PYRO_FINDING_KINDS], *busy = NULL;
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "m:1", 1000);
    for (int i = 0; i < 10; i++)
        feed_delay(&feed, "t", 1000, 1000 - delayed[i], delayed[i]);
    struct pyro_profile *p = feed_finish(&feed);
    int count = pyro_findings_find(p, all, PYRO_FINDING_KINDS, NULL);
    for (int i = 0; i < count; i++)
        if (all[i].kind == PYRO_FINDING_BUSY_MACHINE)
            busy = &all[i];
    if (text == NULL) {
        assert_null(busy);
    } else {
        assert_non_null(busy);
        assert_string_equal(busy->text, text);
    }
    pyro_profile_free(p);
}

static void test_busy_machine(void **state)
{
    static const uint64_t even[] = {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
                          some[] = {0, 40, 0, 700, 0, 900, 0, 60, 0, 0},
                          little[] = {0, 0, 700, 700, 0, 0, 0, 0, 0, 0},
                          ends[] = {900, 0, 0, 0, 0, 0, 0, 0, 0, 900};
    expect_busy(even, "The machine was busy: for 20 % of the time that threads could run they had "
                      "no CPU");
    expect_busy(some, "The machine was busy: for 17 % of the time that threads could run they had "
                      "no CPU, most of it between 3 s and 7 s after the start");
    expect_busy(ends, "The machine was busy: for 18 % of the time that threads could run they had "
                      "no CPU");
    expect_busy(little, NULL);
}

static void test_nothing(void **state)
{
    struct pyro_finding f;
    struct pyro_waits waits;
    feed_start(&feed, 10);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(pyro_findings_find(p, &f, 1, &waits), 0);
    assert_int_equal(waits.count, 0);
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_qrcode),
                                       cmocka_unit_test(test_namesakes),
                                       cmocka_unit_test(test_one_hot_loop),
                                       cmocka_unit_test(test_hot_at_the_bottom),
                                       cmocka_unit_test(test_not_the_trunk),
                                       cmocka_unit_test(test_recursion),
                                       cmocka_unit_test(test_called_from_several),
                                       cmocka_unit_test(test_called_from_everywhere),
                                       cmocka_unit_test(test_spread),
                                       cmocka_unit_test(test_unsure),
                                       cmocka_unit_test(test_few_and_threads),
                                       cmocka_unit_test(test_long_names),
                                       cmocka_unit_test(test_walk),
                                       cmocka_unit_test(test_waits),
                                       cmocka_unit_test(test_waits_in_view),
                                       cmocka_unit_test(test_busy_machine),
                                       cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
