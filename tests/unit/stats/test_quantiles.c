/*
 * Quantiles and their intervals, against figures worked out by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base.h"
#include "stats.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static void sort_orders(void **state)
{
    double values[] = {3, -1, INFINITY, 2, 2, -INFINITY};
    pyro_stats_sort(values, LENGTH(values));
    for (size_t i = 1; i < LENGTH(values); i++)
        assert_true(values[i - 1] <= values[i]);
    pyro_stats_sort(NULL, 0);
}

static void quantile_is_linear_between_neighbours(void **state)
{
    const double values[] = {1, 2, 4, 8};
    assert_float_equal(pyro_stats_quantile(values, 4, 0.0), 1, 0);
    assert_float_equal(pyro_stats_quantile(values, 4, 1.0), 8, 0);
    assert_float_equal(pyro_stats_quantile(values, 4, 0.5), 3, 1e-12);     /* 2 + 0.5 * 2 */
    assert_float_equal(pyro_stats_quantile(values, 4, 0.25), 1.75, 1e-12); /* 1 + 0.75 * 1 */
    assert_float_equal(pyro_stats_quantile(values, 4, 0.9), 6.8, 1e-12);   /* 4 + 0.7 * 4 */
    assert_float_equal(pyro_stats_quantile(values, 1, 0.7), 1, 0);
    assert_true(isnan(pyro_stats_quantile(values, 0, 0.5)));
    assert_true(isnan(pyro_stats_quantile(values, 4, 1.5)));
    assert_true(isnan(pyro_stats_quantile(values, 4, NAN)));
    const double endless[] = {INFINITY, INFINITY};
    assert_true(isinf(pyro_stats_quantile(endless, 2, 0.5)));
}

/* Values 1..n, so that an order statistic is its rank. */
static struct pyro_estimate of_ranks(size_t n, double q, double level)
{
    double ranks[200];
    struct pyro_estimate out;
    assert_true(n <= LENGTH(ranks));
    for (size_t i = 0; i < n; i++)
        ranks[i] = (double)i + 1;
    assert_int_equal(pyro_stats_quantile_estimate(ranks, n, q, level, &out), 0);
    assert_int_equal(out.count, n);
    return out;
}

static void median_ranks_are_those_of_the_binomial(void **state)
{
    /* the interval's ranks at 95 % and, of n tosses, the outcomes outside it on one side */
    static const struct {
        size_t n, low, high;
        double outside, all;
    } cases[] = {
        {6, 1, 6, 1, 64},
        {8, 1, 8, 1, 256},
        {9, 2, 8, 1 + 9, 512},
        {10, 2, 9, 1 + 10, 1024},
        {12, 3, 10, 1 + 12 + 66, 4096},
        {20, 6, 15, 1 + 20 + 190 + 1140 + 4845 + 15504, 1048576},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct pyro_estimate out = of_ranks(cases[i].n, 0.5, 0.95);
        assert_float_equal(out.middle, ((double)cases[i].n + 1) / 2, 1e-12);
        assert_float_equal(out.low, (double)cases[i].low, 0);
        assert_float_equal(out.high, (double)cases[i].high, 0);
        assert_float_equal(out.coverage, 1 - 2 * cases[i].outside / cases[i].all, 1e-12);
    }
    struct pyro_estimate out = of_ranks(100, 0.5, 0.95); /* in the printed tables */
    assert_float_equal(out.low, 40, 0);
    assert_float_equal(out.high, 61, 0);
}

static void too_few_values_leave_the_interval_open(void **state)
{
    struct pyro_estimate out = of_ranks(5, 0.5, 0.95);
    assert_float_equal(out.middle, 3, 0);
    assert_true(isinf(out.low) && out.low < 0);
    assert_true(isinf(out.high) && out.high > 0);
    assert_float_equal(out.coverage, 1, 0);
}

static void a_tail_that_is_hit_exactly_counts(void **state)
{
    struct pyro_estimate out = of_ranks(6, 0.5, 1 - 2.0 / 64);
    assert_float_equal(out.low, 1, 0);
    assert_float_equal(out.high, 6, 0);
}

static void other_quantiles_have_their_own_ranks(void **state)
{
    /* of 30: P(Bin(30, 0.9) <= 22) = 0.0078, <= 23 0.0258; all 30 below: 0.9^30 = 0.0424 */
    struct pyro_estimate high = of_ranks(30, 0.9, 0.95);
    assert_float_equal(high.low, 23, 0);
    assert_true(isinf(high.high) && high.high > 0);
    assert_float_equal(high.coverage, 1 - 0.0078, 0.0001);
    struct pyro_estimate low = of_ranks(30, 0.1, 0.95);
    assert_true(isinf(low.low) && low.low < 0);
    assert_float_equal(low.high, 8, 0);
}

static void nonsense_is_refused(void **state)
{
    struct pyro_estimate out;
    double fine[] = {1, 2, 3}, falling[] = {2, 1, 3}, hole[] = {1, NAN, 3};
    assert_int_equal(pyro_stats_quantile_estimate(fine, 0, 0.5, 0.95, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(fine, 3, 0.0, 0.95, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(fine, 3, 1.0, 0.95, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(fine, 3, 0.5, 1.0, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(fine, 3, 0.5, NAN, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(falling, 3, 0.5, 0.95, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_quantile_estimate(hole, 3, 0.5, 0.95, &out), PYRO_E_INVALID);
    assert_int_equal(pyro_stats_median_estimate(hole, 3, 0.95, &out), PYRO_E_INVALID);
}

static void many_values_stay_exact(void **state)
{
    /* at 10,001 values the normal approximation of the ranks is 5001 -+ 98 */
    enum { MANY = 10001 };
    static double values[MANY];
    struct pyro_estimate out;
    for (size_t i = 0; i < MANY; i++)
        values[MANY - 1 - i] = (double)i + 1;
    assert_int_equal(pyro_stats_median_estimate(values, MANY, 0.95, &out), 0);
    assert_float_equal(out.middle, 5001, 0);
    assert_float_equal(out.low, 4903, 1);
    assert_float_equal(out.high, 5099, 1);
    assert_true(out.coverage >= 0.95 && out.coverage < 0.953);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_orders),
        cmocka_unit_test(quantile_is_linear_between_neighbours),
        cmocka_unit_test(median_ranks_are_those_of_the_binomial),
        cmocka_unit_test(too_few_values_leave_the_interval_open),
        cmocka_unit_test(a_tail_that_is_hit_exactly_counts),
        cmocka_unit_test(other_quantiles_have_their_own_ranks),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(many_values_stay_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
