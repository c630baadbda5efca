/*
 * wait: sleeping until a tick is due.  Setting a timer costs more than waking by it (on a virtual
 * machine it is a call of the hypervisor's), so the timers of the next ticks are set together: the
 * one that rings then starts the next, in the kernel, and a tick costs a third less than one
 * clock_nanosleep.  Where there are no timers to be had, or ticks are far apart, it sleeps.
 */
#include "sample_priv.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FAR_NS 10000000        /* ticks this far apart are slept for, ... */
#define SLEEP_MOST_NS 50000000 /* ... in pieces: no signal that came before is slept over */

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

void wait_init(struct wait *w, uint64_t period_ns)
{
    w->count = 0;
    w->first = w->end = 0;
    if (period_ns == 0 || period_ns > FAR_NS)
        return;
    while (w->count < WAIT_TIMERS) {
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        if (fd < 0)
            break;
        w->fds[w->count++] = fd;
    }
}

void wait_release(struct wait *w)
{
    while (w->count > 0)
        close(w->fds[--w->count]);
}

/* Sets the timers of this tick and of those that follow it. */
static bool set_timers(struct wait *w, const struct pyro_stream_fact *schedule, uint64_t tick)
{
    w->first = w->end = tick;
    for (int i = 0; i < w->count; i++) {
        struct itimerspec at = {.it_value = timespec_of(pyro_format_tick_time(schedule, w->end))};
        if (timerfd_settime(w->fds[i], TFD_TIMER_ABSTIME, &at, NULL) != 0)
            return false;
        w->end++;
    }
    return w->count > 0;
}

uint64_t wait_until(struct wait *w, const struct pyro_stream_fact *schedule, uint64_t tick,
                    uint64_t now)
{
    if (w->count > 0 && ((tick >= w->first && tick < w->end) || set_timers(w, schedule, tick))) {
        uint64_t rings;
        if (read(w->fds[tick - w->first], &rings, sizeof rings) < 0 && errno != EINTR)
            wait_release(w);
        return pyro_base_monotonic_ns();
    }
    uint64_t wake = pyro_format_tick_time(schedule, tick);
    if (wake > now + SLEEP_MOST_NS)
        wake = now + SLEEP_MOST_NS;
    struct timespec until = timespec_of(wake);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return pyro_base_monotonic_ns();
}
