/*
 * What threads did in the order of time: runs, and the ticks that they are numbered by.
 */
#include "profile_priv.h"

#include <stdlib.h>

bool pyro_profile_goes_on(const struct pyro_run *run, const struct pyro_run *next)
{
    return run->node == next->node && run->state == next->state &&
           run->tick + run->count == next->tick && run->count <= UINT32_MAX - next->count;
}

void pyro_profile_give_runs(struct pyro_profile *p, size_t thread, struct pyro_vec *runs)
{
    struct pyro_thread *to = &p->threads[thread];
    void *fitting = realloc(runs->data, (runs->len + 1) * runs->elem);
    to->runs = fitting != NULL ? fitting : runs->data;
    to->run_count = runs->len;
    p->run_count += runs->len;
    *runs = PYRO_VEC(struct pyro_run);
}

uint64_t pyro_profile_tick_ns(const struct pyro_profile *p, uint64_t number)
{
    size_t low = 0, high = p->tick_base_count; /* the first base above it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->tick_bases[middle].first <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : p->tick_bases[low - 1].base_ns + p->ticks[number];
}
