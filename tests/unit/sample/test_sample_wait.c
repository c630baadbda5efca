/* wait.c: no tick comes before its time, by timers and by sleeping alike, and a signal ends it. */
#include "sample_priv.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <cmocka.h>

enum { TICKS = 4 * WAIT_TIMERS };

static struct pyro_stream_fact a_schedule(uint64_t period_ns)
{
    return (struct pyro_stream_fact){
        .period_ns = period_ns, .first_ns = pyro_base_monotonic_ns(), .seed = 11};
}

/* Waits for every step-th tick; none may come early. */
static void wait_for_ticks(struct wait *w, const struct pyro_stream_fact *schedule, uint64_t step)
{
    uint64_t now = schedule->first_ns;
    for (uint64_t tick = 0; tick < TICKS; tick += step) {
        uint64_t due = pyro_format_tick_time(schedule, tick);
        do
            now = wait_until(w, schedule, tick, now);
        while (now < due && now + 1000000000 > due);
        assert_true(now >= due);
    }
}

static void test_timers(void **state)
{
    struct wait w;
    for (uint64_t step = 1; step < TICKS; step += 7) { /* others are missed */
        struct pyro_stream_fact schedule = a_schedule(200000);
        wait_init(&w, schedule.period_ns);
        assert_int_equal(w.count, WAIT_TIMERS);
        wait_for_ticks(&w, &schedule, step);
        wait_release(&w);
        assert_int_equal(w.count, 0);
    }
}

static void test_late(void **state)
{
    struct wait w;
    struct pyro_stream_fact schedule = a_schedule(1000);
    schedule.first_ns -= 1000000; /* all of them are past */
    wait_init(&w, schedule.period_ns);
    wait_for_ticks(&w, &schedule, 1);
    wait_release(&w);
}

static void test_without_timers(void **state)
{
    struct rlimit before, none;
    struct wait w;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    wait_init(&w, 200000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(w.count, 0);
    struct pyro_stream_fact schedule = a_schedule(200000);
    wait_for_ticks(&w, &schedule, 1);
    wait_init(&w, 100000000); /* far apart */
    assert_int_equal(w.count, 0);
}

static void nothing(int signal)
{
}

static void test_signal(void **state)
{
    const uint64_t periods[] = {9000000, UINT64_C(60000000000)};
    struct sigaction act = {.sa_handler = nothing};
    sigaction(SIGALRM, &act, NULL);
    for (int i = 0; i < 2; i++) {
        struct pyro_stream_fact schedule = a_schedule(periods[i]);
        struct wait w;
        wait_init(&w, schedule.period_ns);
        uint64_t due = pyro_format_tick_time(&schedule, 1), now = schedule.first_ns;
        struct itimerval soon = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
        setitimer(ITIMER_REAL, &soon, NULL);
        now = wait_until(&w, &schedule, 1, now);
        setitimer(ITIMER_REAL, &never, NULL);
        /* the tick was far, so a signal woke it, or the end of a piece of the sleep */
        assert_true(now < due);
        if (i == 0) { /* and the same tick can be waited for again */
            while (now < due)
                now = wait_until(&w, &schedule, 1, now);
            assert_true(now >= due);
        }
        wait_release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_without_timers),
        cmocka_unit_test(test_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
