/*
 * The intervals of shares of one run's time.  Something comes and goes; it is sampled as a
 * recording is, a period apart with jitter; its true share of the time is known exactly.  In 200
 * seeded runs of each kind the 95 % interval has to hold it at least 174 times (were the chance
 * 0.95 in each run, fewer would come once in 20,000), and the median width may be at most 1.5 times
 * that of an estimator that knows the error's true deviation: 2 x 1.96 of those of the 200 runs.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base.h"
#include "stats.h"

enum { RUNS = 200, HOLD = 174, SAMPLES = 4000 };
#define WIDTH_MOST 1.5
#define WIDTH_SINGLES 2.1

enum kind { EXPONENTIAL, STEADY, UNIFORM, MIXED };

struct process { /* mean times on and off, in periods */
    enum kind kind;
    double on, off;
};

static uint64_t seed;

static double chance(void)
{
    seed = pyro_base_mix(seed + 1);
    return (double)(seed >> 11) / 9007199254740992.0;
}

static double exponential(double mean)
{
    return -mean * log(1.0 - chance());
}

/* MIXED: every twentieth time off is a hundred times as long. */
static double hold(const struct process *p, bool on)
{
    double mean = on ? p->on : p->off;
    switch (p->kind) {
    case STEADY:
        return mean * (0.95 + 0.1 * chance());
    case UNIFORM:
        return 2.0 * mean * chance();
    case MIXED:
        return exponential(mean * (!on && chance() < 0.05 ? 100.0 : 1.0));
    default:
        return exponential(mean);
    }
}

struct run {
    double truth, width, error; /* shares */
    bool holds;
};

static struct run sample(const struct process *p)
{
    bool on = chance() < p->on / (p->on + p->off), before = on;
    double next = hold(p, on) * chance(), at = 0.0, time_on = 0.0;
    uint64_t hits = 0, changes = 0, singles = 0, changed = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double tick = (double)i + 0.5 * chance(); /* as in the recording's schedule */
        while (next < tick) {
            time_on += on ? next - at : 0.0;
            at = next;
            on = !on;
            next = at + hold(p, on);
        }
        time_on += on ? tick - at : 0.0;
        at = tick;
        hits += on;
        if (i > 0 && on != before) {
            singles += changes > 0 && i - changed == 1;
            changes++;
            changed = i;
        }
        before = on;
    }
    double variance = pyro_stats_count_variance(changes, singles), share = (double)hits / SAMPLES;
    struct pyro_interval told =
        pyro_stats_wilson(share, pyro_stats_effective(hits, SAMPLES, variance));
    double truth = time_on / at;
    return (struct run){truth, told.high - told.low, share - truth,
                        told.low <= truth && truth <= told.high};
}

static bool is_single(const struct process *p)
{
    return (p->kind == STEADY || p->kind == UNIFORM) && p->on > 0.5 && p->on < 1.0;
}

static void check(const struct process *p)
{
    double widths[RUNS], squares = 0.0;
    int held = 0;
    seed = 20261129;
    for (int i = 0; i < RUNS; i++) {
        struct run run = sample(p);
        held += run.holds;
        widths[i] = run.width;
        squares += run.error * run.error;
    }
    double ideal = 2.0 * 1.959963984540054 * sqrt(squares / RUNS);
    pyro_stats_sort(widths, RUNS);
    double width = pyro_stats_quantile(widths, RUNS, 0.5);
    print_message("kind %d, %8.3f on, %8.3f off: held %d of %d, width %.2f of the ideal\n", p->kind,
                  p->on, p->off, held, RUNS, width / ideal);
    assert_true(held >= HOLD);
    assert_true(width <= (is_single(p) ? WIDTH_SINGLES : WIDTH_MOST) * ideal);
}

static void intervals_hold(void **state)
{
    static const double parts[] = {0.5, 0.125, 0.03125};
    static const double periods[] = {0.05, 0.2, 0.8, 3.2, 12.8, 51.2};
    for (enum kind kind = EXPONENTIAL; kind <= MIXED; kind++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 6; k++)
                check(&(struct process){kind, 2.0 * parts[i] * periods[k],
                                        2.0 * (1.0 - parts[i]) * periods[k]});
}

/* At random moments a count of n has the variance n p (1 - p), and half of the samples differ. */
static void random_samples_are_worth_themselves(void **state)
{
    double variance = pyro_stats_count_variance(5000, 2500);
    assert_float_equal(variance, 2501, 2.0);
    assert_float_equal(pyro_stats_effective(5000, 10000, variance), 10000, 10.0);
    assert_float_equal(pyro_stats_effective(0, 10000, 1), 10000, 0);
    assert_float_equal(pyro_stats_effective(10000, 10000, 1), 10000, 0);
    assert_float_equal(pyro_stats_effective(1, 2, 0), 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_hold),
        cmocka_unit_test(random_samples_are_worth_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
