/*
 * What samples in a row are worth.  Samples that come at a steady rate, with jitter, show the time
 * of one run better than as many at random moments: what is on for long is wrong only where it
 * begins and ends.  So the variance of a count of samples grows with how often two in a row differ
 * (the estimator from successive differences, J. von Neumann et al., 1941), and the less a time
 * between two differences is a single sample, the less each counts: the true moment then lies
 * somewhere in one period.  docs/internals/decisions.md, "Intervals", tells how the figures were
 * found.
 */
#include "stats.h"

#include <math.h>

/* Of one change: where nothing changes back within a period, and with each change a single sample's
 * as good as at random. */
#define VARIANCE_LEAST 0.11
#define VARIANCE_MOST 0.5
#define SLOPE 0.2
#define BEND 1.16

/* What was too short to be seen is possible, however few changes there are: one that came and went
 * more, which would have been a single sample in as many runs as not. */
double pyro_stats_count_variance(uint64_t changes, uint64_t singles)
{
    double most = (double)changes + 2.0, share = ((double)singles + 1.0) / most;
    double each = VARIANCE_LEAST + SLOPE * share + BEND * share * share;
    return most * fmin(each, VARIANCE_MOST);
}

double pyro_stats_effective(uint64_t hits, uint64_t samples, double variance)
{
    double n = (double)samples, share = (double)hits / n;
    if (hits == 0 || hits >= samples || !(variance > 0.0))
        return n;
    return n * n * share * (1.0 - share) / variance;
}
