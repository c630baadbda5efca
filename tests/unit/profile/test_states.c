/* What samples say that their threads did. */
#include "feed.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

enum { NO = PYRO_STATE_NO, YES = PYRO_STATE_YES };

static uint32_t facts(uint32_t runnable, uint32_t gil, uint32_t gc)
{
    return runnable << PYRO_STATE_RUNNABLE | gil << PYRO_STATE_GIL | gc << PYRO_STATE_GC;
}

/* The table of docs/internals/states.md, line by line. */
static void test_table(void **state)
{
    static const struct {
        uint32_t runnable, gil, gc;
        int cpu, holds, waiting, idle, collecting;
    } rows[] = {
        {0, 0, 0, -1, -1, -1, -1, -1},  {YES, 0, 0, 1, -1, 0, 0, -1},
        {NO, 0, 0, 0, -1, 1, -1, -1},   {0, YES, NO, -1, 1, -1, 0, 0},
        {0, NO, NO, -1, 0, -1, -1, 0},  {YES, YES, NO, 1, 1, 0, 0, 0},
        {YES, YES, YES, 1, 1, 0, 0, 1}, {YES, NO, NO, 1, 0, 0, 0, 0},
        {NO, YES, NO, 0, 1, 1, 0, 0},   {NO, YES, YES, 0, 1, 1, 0, 1},
        {NO, NO, NO, 0, 0, 1, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t f = facts(rows[i].runnable, rows[i].gil, rows[i].gc);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_ANY), 1);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_CPU), rows[i].cpu);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_HOLDS_GIL), rows[i].holds);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_WAITING), rows[i].waiting);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_IDLE), rows[i].idle);
        assert_int_equal(pyro_profile_shows(f, PYRO_STATE_COLLECTING), rows[i].collecting);
    }
}

/* One run of ten samples in which the thread runs, waits, and does what nobody knows. */
static struct pyro_profile *make(void)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "main", "a:1 > b:2", 10);
    feed_state(&feed, "main", facts(YES, YES, NO), 7, 3); /* ticks 0 to 2 */
    feed_state(&feed, "main", facts(NO, NO, NO), 1, 4);   /* 5 to 8 */
    feed_sample(&feed, "other", "a:1 > c:3", 5);
    feed_state(&feed, "other", facts(YES, YES, YES), 0, 5);
    return feed_finish(&feed);
}

static void test_counts(void **state)
{
    struct pyro_profile *p = make();
    assert_int_equal(p->samples, 15);
    assert_int_equal(p->run_count, 5);
    assert_int_equal(p->states[PYRO_STATE_CPU], 8);
    assert_int_equal(p->states_known[PYRO_STATE_CPU], 12);
    assert_int_equal(p->states[PYRO_STATE_WAITING], 4);
    assert_int_equal(p->states[PYRO_STATE_COLLECTING], 5);
    assert_int_equal(sums_of(p, "b").self, 10);
    pyro_profile_free(p);
}

static void test_filter(void **state)
{
    struct pyro_profile *whole = make(), *p = NULL;
    struct pyro_filter cpu = {.state = PYRO_STATE_CPU}, idle = {.state = PYRO_STATE_IDLE};
    assert_int_equal(pyro_profile_filter(whole, &cpu, &p, NULL), 0);
    assert_int_equal(p->samples, 8);
    assert_int_equal(p->states[PYRO_STATE_CPU], 8);
    assert_int_equal(p->states_known[PYRO_STATE_CPU], 8);
    assert_int_equal(p->threads[0].samples, 3);
    assert_int_equal(sums_of(p, "b").self, 3);
    assert_int_equal(sums_of(p, "c").self, 5);
    pyro_profile_free(p);
    assert_int_equal(pyro_profile_filter(whole, &idle, &p, NULL), 0);
    assert_int_equal(p->samples, 4);
    assert_int_equal(p->threads[1].samples, 0);
    pyro_profile_free(p);
    pyro_profile_free(whole);
}

/* A recording that does not tell is not one in which nobody ran. */
static void test_unknown(void **state)
{
    struct pyro_filter cpu = {.state = PYRO_STATE_CPU};
    struct pyro_profile *whole, *p = NULL;
    struct pyro_error err = {0};
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "main", "a:1", 10);
    whole = feed_finish(&feed);
    assert_int_equal(pyro_profile_filter(whole, &cpu, &p, &err), PYRO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "cpu"));
    assert_null(p);
    pyro_profile_free(whole);
}

/* A sample that folding charges elsewhere keeps its state; what the second read showed may begin
 * and end anywhere in it. */
static void test_with_seconds(void **state)
{
    struct feed feed;
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 1000);
    feed_sample(&feed, "t", "a:5 > d:6 > e:7", 1000);
    feed_sample(&feed, "t", "a:1 > b:8", 1000);
    feed_flagged(&feed, "t", "a:1 > b:8 > e:9", 6, 1, 0);
    feed_second(&feed, "t", "a:5 > d:6 > e:7", 2, 2);  /* of six the third and fourth */
    feed_state(&feed, "t", facts(YES, YES, NO), 0, 3); /* the last three */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 4);
    assert_int_equal(p->sampling.moved, 2);
    assert_int_equal(sums_of(p, "d").total, 1002);
    assert_int_equal(p->states[PYRO_STATE_CPU], 3);
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_filter),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_with_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
