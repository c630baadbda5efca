/*
 * Loading, between its halves: a batch's samples are told first, then what the second reads of them
 * showed, then what their threads did.  When all is there they become runs of their threads, and
 * are counted at their nodes; so no more than a batch is ever held as it was told.
 */
#include "profile_priv.h"

#include <stdlib.h>

static int by_thread_and_tick(const void *a, const void *b)
{
    const struct pyro_build_beside *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->tick < y->tick ? -1 : x->tick > y->tick;
}

static void sort_beside(const struct pyro_vec *list)
{
    const struct pyro_build_beside *all = list->data;
    size_t i = 1;
    while (i < list->len && by_thread_and_tick(&all[i - 1], &all[i]) <= 0)
        i++;
    if (i < list->len) /* more than one process, or threads that are told in another order */
        qsort(list->data, list->len, list->elem, by_thread_and_tick);
}

struct beside { /* a sorted list, and where in it the last look ended */
    const struct pyro_build_beside *all;
    size_t count, at;
};

static bool is_before(const struct pyro_build_beside *entry, uint32_t thread, uint64_t tick)
{
    return entry->thread < thread ||
           (entry->thread == thread && entry->tick + entry->count <= tick);
}

/* The first entry that ends behind the tick: mostly where the last one was, or the next. */
static void seek(struct beside *list, uint32_t thread, uint64_t tick)
{
    size_t low = 0, high = list->count;
    for (int near = 0; near < 2 && list->at < list->count; near++) {
        if (!is_before(&list->all[list->at], thread, tick))
            break;
        list->at++;
    }
    bool here = list->at == list->count || !is_before(&list->all[list->at], thread, tick);
    if (here && (list->at == 0 || is_before(&list->all[list->at - 1], thread, tick)))
        return;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_before(&list->all[middle], thread, tick))
            low = middle + 1;
        else
            high = middle;
    }
    list->at = low;
}

/* What is told beside the thread's sample at this tick; PYRO_NONE: nothing.  *until becomes the
 * tick up to which that holds, if it is before. */
static uint32_t beside_at(struct beside *list, uint32_t thread, uint64_t tick, uint64_t *until)
{
    if (list->count == 0)
        return PYRO_NONE;
    seek(list, thread, tick);
    if (list->at == list->count || list->all[list->at].thread != thread)
        return PYRO_NONE;
    const struct pyro_build_beside *entry = &list->all[list->at];
    bool inside = entry->tick <= tick;
    uint64_t end = inside ? entry->tick + entry->count : entry->tick;
    if (*until > end)
        *until = end;
    return inside ? entry->value : PYRO_NONE;
}

/* A run that goes on where the last one ends, alike, is one with it. */
static int add_run(struct pyro_track *track, struct pyro_run run, uint32_t second)
{
    struct pyro_run *last = NULL;
    if (track->runs.len > 0)
        last = pyro_base_vec_at(&track->runs, track->runs.len - 1);
    if (last != NULL && pyro_profile_goes_on(last, &run) && last->moved == run.moved &&
        !last->second && !run.second) {
        last->count += run.count;
        return PYRO_OK;
    }
    struct pyro_run *to = pyro_base_vec_push(&track->runs);
    if (to == NULL)
        return PYRO_E_NOMEM;
    *to = run;
    if (!run.second)
        return PYRO_OK;
    uint32_t *node = pyro_base_vec_push(&track->seconds);
    if (node == NULL)
        return PYRO_E_NOMEM;
    *node = second;
    return PYRO_OK;
}

static int add_runs(struct pyro_track *track, const struct pyro_build_sample *s,
                    struct beside *seconds, struct beside *states)
{
    uint64_t tick = s->tick, end = s->tick + s->count;
    int rc = PYRO_OK;
    while (tick < end && rc == PYRO_OK) {
        uint64_t until = end - tick > UINT32_MAX ? tick + UINT32_MAX : end;
        uint32_t state = beside_at(states, s->thread, tick, &until);
        uint32_t second =
            s->node == PYRO_NONE ? PYRO_NONE : beside_at(seconds, s->thread, tick, &until);
        struct pyro_run run = {
            .node = s->node,
            .count = (uint32_t)(until - tick),
            .tick = tick,
            .state = state == PYRO_NONE ? 0 : state % PYRO_FACTS,
            .moved = s->moved,
            .second = second != PYRO_NONE,
        };
        rc = add_run(track, run, second);
        tick = until;
    }
    return rc;
}

static void count_at_nodes(struct pyro_build_node *nodes, const struct pyro_build_sample *s)
{
    if (s->node == PYRO_NONE)
        return;
    uint32_t depth = nodes[s->node].depth;
    nodes[s->node].own += s->count;
    if (s->unverified < depth)
        nodes[pyro_profile_ancestor(nodes, s->node, depth - s->unverified)].verified += s->count;
}

int pyro_profile_settle_batch(struct pyro_profile_builder *b)
{
    int rc = PYRO_OK;
    sort_beside(&b->seconds);
    sort_beside(&b->states);
    struct beside seconds = {b->seconds.data, b->seconds.len, 0};
    struct beside states = {b->states.data, b->states.len, 0};
    for (size_t i = 0; i < b->samples.len && rc == PYRO_OK; i++) {
        const struct pyro_build_sample *s = pyro_base_vec_at(&b->samples, i);
        count_at_nodes(b->nodes.data, s);
        rc = add_runs(pyro_base_vec_at(&b->tracks, s->thread), s, &seconds, &states);
    }
    b->samples.len = b->seconds.len = b->states.len = 0;
    return rc;
}
