/*
 * clock: the schedule that the samplers of all processes keep.  One tick is one moment for all of
 * them, so that one sleep a tick does, and their samples lie on one time line.
 */
#include "sample_priv.h"

#include <stdlib.h>

#define PAUSE_NS 400 /* --rate max: the longest pause between ticks */

int pyro_sample_clock_new(struct pyro_sample_clock **out, double rate, uint64_t seed)
{
    struct pyro_sample_clock *c = calloc(1, sizeof *c);
    if (c == NULL)
        return PYRO_E_NOMEM;
    c->schedule.period_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    c->schedule.first_ns = c->woke = pyro_base_monotonic_ns();
    c->schedule.seed = c->random = seed;
    wait_init(&c->wait, c->schedule.period_ns);
    c->still = still_new();
    *out = c;
    return 0;
}

void pyro_sample_clock_free(struct pyro_sample_clock *c)
{
    if (c == NULL)
        return;
    wait_release(&c->wait);
    still_free(c->still);
    free(c);
}

void pyro_sample_clock_restart(struct pyro_sample_clock *c)
{
    uint64_t now = pyro_base_monotonic_ns(), period = c->schedule.period_ns;
    if (period > 0 && (now - c->schedule.first_ns) / period > c->next)
        c->next = (now - c->schedule.first_ns) / period;
    c->woke = now;
}

int pyro_sample_clock_wait(struct pyro_sample_clock *c, uint64_t *woke)
{
    uint64_t now, number = c->next;
    if (c->schedule.period_ns > 0) {
        c->woke = *woke = now = wait_until(&c->wait, &c->schedule, number, c->woke);
        if (now < pyro_format_tick_time(&c->schedule, number))
            return 1;
        /* late by whole ticks: those are missed, never made up in a burst */
        while (pyro_format_tick_time(&c->schedule, number + 1) <= now)
            number++;
    } else {
        /* Without a pause of random length the reads fall into step with the program's loops. */
        c->random = pyro_base_mix(c->random + 1);
        uint64_t until = pyro_base_monotonic_ns() + c->random % PAUSE_NS;
        do
            *woke = now = pyro_base_monotonic_ns();
        while (now < until);
    }
    c->tick = number;
    c->now = now;
    c->next = number + 1;
    return 0;
}
