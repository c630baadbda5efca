/*
 * Intervals of proportions.  Wilson's: right for few trials and for shares near 0 and 1, where
 * the textbook normal interval leaves [0, 1] or has no width at all.
 */
#include "stats.h"

#include <math.h>

#define Z_95 1.959963984540054 /* the normal distribution's 0.975 quantile */

struct pyro_interval pyro_stats_wilson(double share, double trials)
{
    if (!(trials > 0.0))
        return (struct pyro_interval){0.0, 1.0};
    double z2 = Z_95 * Z_95;
    double scale = 1.0 + z2 / trials;
    double middle = (share + z2 / (2.0 * trials)) / scale;
    double half =
        Z_95 / scale * sqrt(share * (1.0 - share) / trials + z2 / (4.0 * trials * trials));
    struct pyro_interval out = {middle - half, middle + half};
    /* rounding may leave the bounds a hair outside; the ends are exact */
    if (out.low < 0.0 || share <= 0.0)
        out.low = 0.0;
    if (out.high > 1.0 || share >= 1.0)
        out.high = 1.0;
    return out;
}
