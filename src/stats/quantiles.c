/*
 * Quantiles of a sample, and intervals for those of the population it came from.
 *
 * The quantile is the one that most programs give, "type 7" of Hyndman and Fan, Sample Quantiles in
 * Statistical Packages, The American Statistician 50 (1996): linear between the order statistics
 * around position 1 + (n - 1) q.
 *
 * The interval is made of two order statistics (David and Nagaraja, Order Statistics, 3rd edition,
 * section 7.1).  Of n independent values of one continuous distribution, the number below its
 * q-quantile is binomial (n, q), whatever the distribution; so the r-th smallest lies above the
 * quantile with probability P(Bin(n, q) < r), and the s-th smallest does not reach it with
 * P(Bin(n, q) >= s).  The narrowest ranks are taken that leave at most (1 - level) / 2 on either
 * side.  Where no rank does, that side is open: 5 values say nothing of a median at 95 %, 6 do.
 */
#include "stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base.h"

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void pyro_stats_sort(double *values, size_t n)
{
    if (n > 1)
        qsort(values, n, sizeof *values, ascending);
}

double pyro_stats_quantile(const double *sorted, size_t n, double q)
{
    if (n == 0 || !(q >= 0.0 && q <= 1.0))
        return NAN;
    double at = (double)(n - 1) * q;
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    double part = at - (double)below;
    /* of equal neighbours no difference is taken: they may be infinite */
    if (part == 0.0 || sorted[below] == sorted[below + 1])
        return sorted[below];
    return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

static double binomial_log_probability(size_t n, double q, size_t k)
{
    int sign;
    double all = (double)n, some = (double)k;
    return lgamma_r(all + 1.0, &sign) - lgamma_r(some + 1.0, &sign) -
           lgamma_r(all - some + 1.0, &sign) + some * log(q) + (all - some) * log1p(-q);
}

/* How many of the smallest outcomes of Bin(n, q) have together at most the probability `tail`;
 * *spent: what they have. */
static size_t outcomes_within(size_t n, double q, double tail, double *spent)
{
    double sum = 0.0;
    size_t k = 0;
    for (; k <= n; k++) {
        double more = sum + exp(binomial_log_probability(n, q, k));
        /* a tail that is hit exactly must not be lost to rounding */
        if (more > tail * (1.0 + 64.0 * DBL_EPSILON))
            break;
        sum = more;
    }
    *spent = sum;
    return k;
}

int pyro_stats_quantile_estimate(const double *sorted, size_t n, double q, double level,
                                 struct pyro_estimate *out)
{
    if (n == 0 || !(q > 0.0 && q < 1.0) || !(level > 0.0 && level < 1.0))
        return PYRO_E_INVALID;
    for (size_t i = 0; i < n; i++)
        if (isnan(sorted[i]) || (i > 0 && sorted[i] < sorted[i - 1]))
            return PYRO_E_INVALID;
    double tail = (1.0 - level) / 2.0, under, over;
    size_t low = outcomes_within(n, q, tail, &under);
    size_t high = outcomes_within(n, 1.0 - q, tail, &over);
    *out = (struct pyro_estimate){
        .middle = pyro_stats_quantile(sorted, n, q),
        .low = low > 0 ? sorted[low - 1] : -INFINITY,
        .high = high > 0 ? sorted[n - high] : INFINITY,
        .coverage = 1.0 - under - over,
        .count = n,
    };
    return 0;
}

int pyro_stats_median_estimate(double *values, size_t n, double level, struct pyro_estimate *out)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(values[i]))
            return PYRO_E_INVALID;
    pyro_stats_sort(values, n);
    return pyro_stats_quantile_estimate(values, n, 0.5, level, out);
}
