/*
 * lower: the part of a deep stack below the window.  It is read whole, but only when the lowest
 * frame in the window has moved, or when REFRESH_TICKS have gone by; its frames wait for the ones
 * above them, so one read is enough.
 */
#include "sample_priv.h"

#include <stdlib.h>

#define OVERLAP 4096 /* a frame that begins below the window may end in it */

struct extra { /* frames off the chunks that the lower part needs, read one at a time */
    uint8_t *bytes;
    size_t len, cap;
};

/* Reads what the walk asked for and adds it to the view.  False: it cannot be had. */
static bool add_needed(struct pyro_sampler *s, struct thread *t, struct view *view, uint64_t at,
                       struct extra *extra)
{
    if (view->count >= MAX_OFF)
        return false;
    plan_add_off(s, t, at, false);
    const struct off *off = plan_find_off(t, at);
    if (off == NULL)
        return false;
    size_t size = off->before + off->size;
    if (extra->len + size > extra->cap) /* regions point into it: it never moves */
        return false;
    uint8_t *to = extra->bytes + extra->len;
    if (pyro_target_read(s->target, at - off->before, to, size) != 0)
        return false;
    extra->len += size;
    view->regions[view->count++] = (struct region){at - off->before, at + off->size, to, -1};
    return true;
}

/* The frames of a chunk, on top of those that were found below, the topmost of which is in *before.
 * False: none stands on them. */
static bool walk_piece(struct pyro_sampler *s, struct thread *t, const struct region *region,
                       const struct region *before, struct extra *extra)
{
    struct view view = {.count = 1, .blocks = 1, .current_known = true, .partial = true};
    view.regions[0] = *region;
    if (before->bytes != NULL)
        view.regions[view.count++] = *before;
    struct item below;
    bool has_below = t->depth > 0;
    if (has_below)
        below = t->stack[t->depth - 1];
    extra->len = 0;
    do
        walk_view(s, t, &view, region->start, region->chunk, has_below ? &below : NULL, &s->two);
    while (s->two.need != 0 && add_needed(s, t, &view, s->two.need, extra));
    struct walk *w = &s->two;
    const bool found = w->count > 0;
    if (region->chunk == t->window_chunk) /* those in the window are read twice there */
        while (w->count > 0 && (stack_chunk_of(t, w->items[w->count - 1].at) < 0 ||
                                w->items[w->count - 1].at >= t->window_low))
            w->count--;
    if (w->count > 0)
        stack_keep(s, t, t->depth, w);
    return found;
}

/* Says the chunk's own head what is known of it?  It may have been given back and taken again. */
static bool is_as_known(const struct pyro_sampler *s, const struct thread *t, int i,
                        const uint8_t *head)
{
    const struct chunk *c = &t->chunks[i];
    uint64_t used = c->at + (uint64_t)s->lay->chunk_data + 8 * word(head + s->lay->chunk_top);
    return word(head + s->lay->chunk_previous) == (i > 0 ? t->chunks[i - 1].at : 0) &&
           (i == t->chunk_count - 1 || used == c->used);
}

int lower_read(struct pyro_sampler *s, struct thread *t)
{
    struct extra extra = {malloc(512 * 1024), 0, 512 * 1024};
    struct region before = {0};
    int rc = extra.bytes == NULL ? PYRO_E_NOMEM : 0, n = 0;
    t->depth = t->sure = 0;
    t->lower_tick = s->tick;
    for (int i = 0; i <= t->window_chunk && rc == 0; i++) {
        const struct chunk *c = &t->chunks[i];
        uint64_t end = i == t->window_chunk ? t->window_low : c->used;
        if (end <= c->first)
            continue;
        if (i == t->window_chunk)
            end = end + OVERLAP < c->end ? end + OVERLAP : c->end;
        size_t size = end - c->at;
        n = !n; /* the chunk before stays in the other buffer */
        uint8_t *bytes = sampler_grow(&s->lower[n], &s->lower_cap[n], size);
        rc = bytes == NULL ? PYRO_E_NOMEM : pyro_target_read(s->target, c->at, bytes, size);
        if (rc == 0 && !is_as_known(s, t, i, bytes))
            rc = PYRO_E_INVALID;
        if (rc != 0)
            break;
        struct region region = {c->first, end, bytes + (c->first - c->at), i};
        if (!walk_piece(s, t, &region, &before, &extra))
            break; /* the stack has changed meanwhile */
        before = region;
    }
    if (rc != 0)
        t->chunk_count = 0; /* they are learnt anew */
    free(extra.bytes);
    return rc;
}
