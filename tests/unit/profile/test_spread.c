/* How well the samples of a function tell its share: how often it comes and goes. */
#include "feed.h"
#include "stats.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(double got, uint64_t changes, uint64_t singles)
{
    assert_float_equal(got, pyro_stats_count_variance(changes, singles), 1e-9);
}

static void test_self_and_total(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1", 5);
    feed_sample(&feed, "t", "m:1 > a:1", 1);
    feed_sample(&feed, "t", "m:2 > a:1 > b:1", 3);
    feed_sample(&feed, "t", "m:2 > a:2 > b:2", 3); /* other places, the same functions */
    feed_sample(&feed, "t", "m:1", 1);
    feed_sample(&feed, "t", "m:1 > b:1", 2);
    struct pyro_profile *p = feed_finish(&feed);
    struct pyro_function_sums m = sums_of(p, "m"), a = sums_of(p, "a"), b = sums_of(p, "b");
    expect(m.total_variance, 0, 0);
    expect(m.self_variance, 3, 1); /* off after 5, on after 12, off after that one */
    expect(a.total_variance, 2, 0);
    expect(a.self_variance, 2, 1);
    expect(b.total_variance, 3, 1); /* on, off for one, on */
    expect(b.self_variance, 3, 1);
    assert_float_equal(m.total_trials, 15, 0);
    assert_float_equal(a.total_trials, 7.0 * 8.0 / a.total_variance, 1e-9);
    assert_float_equal(b.self_trials, 8.0 * 7.0 / b.self_variance, 1e-9);
    pyro_profile_free(p);
}

/* A function that leaves the stack with one frame and comes with another has not gone; of more
 * frames all have to go. */
static void test_recursion(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1 > f:1 > f:1 > f:2", 4);
    feed_sample(&feed, "t", "m:1 > f:1", 4);
    feed_sample(&feed, "t", "m:1 > g:1 > f:1", 4);
    feed_sample(&feed, "t", "m:1 > g:1", 4);
    feed_sample(&feed, "t", "m:1 > f:1 > f:2", 4);
    struct pyro_profile *p = feed_finish(&feed);
    expect(sums_of(p, "f").total_variance, 2, 0);
    expect(sums_of(p, "f").self_variance, 2, 0);
    expect(sums_of(p, "g").total_variance, 2, 0);
    pyro_profile_free(p);
}

/* Each thread is for itself, and begins with what its first sample shows. */
static void test_threads(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1 > f:1", 6);
    feed_sample(&feed, "t", "m:1", 4);
    feed_sample(&feed, "u", "w:1 > f:1", 1);
    feed_sample(&feed, "u", "", 1); /* no Python frame */
    feed_sample(&feed, "u", "w:1 > f:1", 8);
    struct pyro_profile *p = feed_finish(&feed);
    double both = pyro_stats_count_variance(1, 0) + pyro_stats_count_variance(2, 1);
    assert_float_equal(sums_of(p, "f").total_variance, both, 1e-9);
    assert_float_equal(sums_of(p, "f").total_trials, 15.0 * 5.0 / both, 1e-9);
    expect(sums_of(p, "w").total_variance, 2, 1);
    expect(sums_of(p, "m").total_variance, 0, 0);
    pyro_profile_free(p);
}

/* The thread that is left in view counts as if it had been alone. */
static void test_filtered(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1 > f:1", 6);
    feed_sample(&feed, "t", "m:1", 4);
    feed_sample(&feed, "u", "m:1 > f:1", 1);
    feed_sample(&feed, "u", "m:1 > g:1", 9);
    struct pyro_profile *p = feed_finish(&feed), *one = NULL;
    struct pyro_filter filter = {.thread = "t"};
    assert_int_equal(pyro_profile_filter(p, &filter, &one, NULL), 0);
    expect(sums_of(one, "f").total_variance, 1, 0);
    assert_float_equal(sums_of(one, "f").total_trials, 6.0 * 4.0 / pyro_stats_count_variance(1, 0),
                       1e-9);
    pyro_profile_free(one);
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_and_total),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
