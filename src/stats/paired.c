/*
 * Comparing two things, A and B, that were measured in turns A B B A.
 *
 * A machine's speed drifts: a turn is short, and its mirrored order takes away what drifts evenly
 * through it.  Each turn gives one figure, the mean of ln b minus the mean of ln a (for additive
 * costs: of b and a themselves); turns are taken as independent, the two halves of one are not.
 * What is told is the median over the turns, which a few disturbed turns do not move, with the
 * interval of order statistics (quantiles.c), which assumes nothing of the noise's shape.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base.h"

static bool is_positive(double value)
{
    return isfinite(value) && value > 0.0;
}

static int log_ratio(const struct pyro_turn *turn, double *out)
{
    if (!is_positive(turn->a[0]) || !is_positive(turn->a[1]) || !is_positive(turn->b[0]) ||
        !is_positive(turn->b[1]))
        return PYRO_E_INVALID;
    *out = (log(turn->b[0]) + log(turn->b[1]) - log(turn->a[0]) - log(turn->a[1])) / 2.0;
    return 0;
}

static int difference(const struct pyro_turn *turn, double *out)
{
    *out = (turn->b[0] - turn->a[0]) / 2.0 + (turn->b[1] - turn->a[1]) / 2.0;
    return isfinite(*out) ? 0 : PYRO_E_INVALID;
}

static int median_of_turns(const struct pyro_turn *turns, size_t n, double level,
                           int (*figure)(const struct pyro_turn *, double *),
                           struct pyro_estimate *out)
{
    if (n == 0)
        return PYRO_E_INVALID;
    double *values = calloc(n, sizeof *values);
    if (values == NULL)
        return PYRO_E_NOMEM;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = figure(&turns[i], &values[i]);
    if (rc == 0)
        rc = pyro_stats_median_estimate(values, n, level, out);
    free(values);
    return rc;
}

int pyro_stats_paired_ratio(const struct pyro_turn *turns, size_t n, double level,
                            struct pyro_estimate *out)
{
    int rc = median_of_turns(turns, n, level, log_ratio, out);
    if (rc != 0)
        return rc;
    out->middle = exp(out->middle);
    out->low = exp(out->low); /* an open side becomes 0 or infinity */
    out->high = exp(out->high);
    return 0;
}

int pyro_stats_paired_difference(const struct pyro_turn *turns, size_t n, double level,
                                 struct pyro_estimate *out)
{
    return median_of_turns(turns, n, level, difference, out);
}
