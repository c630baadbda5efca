/*
 * stats: figures drawn from figures: intervals of proportions, quantiles, paired comparisons.  Pure
 * functions: no memory is kept, nothing is printed.
 */
#ifndef PYRO_STATS_H
#define PYRO_STATS_H

#include <stddef.h>
#include <stdint.h>

/* ---- proportions (intervals.c) */

struct pyro_interval {
    double low, high;
};

/* Wilson's 95 % interval of a share that is known as well as from so many independent trials.  No
 * trials: nothing is known, [0, 1]. */
struct pyro_interval pyro_stats_wilson(double share, double trials);

/* ---- samples in time (effective.c) */

/* The variance of how many samples, a period apart with jitter, show something: from one sample to
 * the next it came or went `changes` times, and `singles` of the times between two changes were of
 * a single sample. */
double pyro_stats_count_variance(uint64_t changes, uint64_t singles);
/* The number of independent samples that would tell the share hits / samples as well as these, the
 * variance of whose count is given. */
double pyro_stats_effective(uint64_t hits, uint64_t samples, double variance);

/* ---- quantiles (quantiles.c) */

/* A figure of a population, as a sample of it shows it.  A side that the sample is too small to
 * bound is open: -INFINITY, INFINITY. */
struct pyro_estimate {
    double middle, low, high;
    double coverage; /* the chance that [low, high] holds the true figure: the level or more */
    size_t count;    /* independent values it is drawn from */
};

void pyro_stats_sort(double *values, size_t n); /* ascending; no NaN among them */

/* The q-quantile of n ascending values, linear between neighbours.  NaN for no values or a q
 * outside [0, 1]. */
double pyro_stats_quantile(const double *sorted, size_t n, double q);

/* The same with its interval, which holds for any continuous distribution; `level` as 0.95.
 * PYRO_E_INVALID: no values, NaN, values not ascending, q or level outside (0, 1). */
int pyro_stats_quantile_estimate(const double *sorted, size_t n, double q, double level,
                                 struct pyro_estimate *out);

/* The median; sorts `values`. */
int pyro_stats_median_estimate(double *values, size_t n, double level, struct pyro_estimate *out);

/* ---- paired comparisons (paired.c) */

/* One turn A B B A: what was measured, in that order a[0], b[0], b[1], a[1]. */
struct pyro_turn {
    double a[2], b[2];
};

/* How many times A's figure B's is: the median over the turns, with its interval; where a side is
 * open it is 0 or INFINITY.  PYRO_E_INVALID: no turns, or a figure that is not above 0. */
int pyro_stats_paired_ratio(const struct pyro_turn *turns, size_t n, double level,
                            struct pyro_estimate *out);

/* How much B's figure is above A's.  PYRO_E_INVALID: no turns, or a figure that is not finite. */
int pyro_stats_paired_difference(const struct pyro_turn *turns, size_t n, double level,
                                 struct pyro_estimate *out);

#endif
