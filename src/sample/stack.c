/*
 * stack: the stack of a thread as it was at the last sample, kept so that the unchanged part needs
 * neither look-ups nor another read.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>

static uint32_t node_id(struct pyro_sampler *s, uint32_t parent, struct code *code,
                        int32_t instruction)
{
    uint32_t frame = codes_frame_id(s->codes, code, instruction, s->stream, &s->options);
    if (frame == PYRO_MAP_NONE)
        return parent;
    uint32_t id = pyro_base_map_get(&s->nodes, (uint64_t)parent + 1, (uint64_t)frame + 1);
    if (id != PYRO_MAP_NONE)
        return id;
    id = pyro_format_stream_node(s->stream, parent, frame);
    if (id == PYRO_MAP_NONE ||
        pyro_base_map_put(&s->nodes, (uint64_t)parent + 1, (uint64_t)frame + 1, id) != 0)
        return parent;
    return id;
}

uint32_t stack_path(struct pyro_sampler *s, uint32_t parent, const struct walk *w)
{
    for (int i = 0; i < w->count; i++)
        if (!w->items[i].code->facts.hidden)
            parent = node_id(s, parent, w->items[i].code, w->items[i].instruction);
    return parent;
}

bool stack_same(const struct item *a, const struct item *b)
{
    return a->at == b->at && a->code == b->code && a->function == b->function;
}

static int barrier_at(const struct thread *t, int index, int below)
{
    const struct item *item = &t->stack[index];
    return item->called_back || stack_chunk_of(t, item->at) < 0 ? index : below;
}

/* Puts the walk on top of the kept stack from index `anchor` on and gives each item its node. */
int stack_keep(struct pyro_sampler *s, struct thread *t, int anchor, const struct walk *w)
{
    int depth = anchor + w->count;
    if (depth > t->cap) {
        struct item *more = realloc(t->stack, (size_t)depth * 2 * sizeof *more);
        if (more == NULL)
            return PYRO_E_NOMEM;
        t->stack = more;
        t->cap = depth * 2;
    }
    int i = 0, barrier = anchor > 0 ? t->stack[anchor - 1].barrier : -1;
    while (i < w->count && anchor + i < t->depth &&
           stack_same(&t->stack[anchor + i], &w->items[i]) &&
           t->stack[anchor + i].instruction == w->items[i].instruction) {
        t->stack[anchor + i].previous = w->items[i].previous;
        t->stack[anchor + i].called_back = w->items[i].called_back;
        t->stack[anchor + i].barrier = barrier = barrier_at(t, anchor + i, barrier);
        i++;
    }
    uint32_t parent = anchor + i > 0 ? t->stack[anchor + i - 1].node : PYRO_NO_NODE;
    for (; i < w->count; i++) {
        struct item *item = &t->stack[anchor + i];
        *item = w->items[i];
        item->barrier = barrier = barrier_at(t, anchor + i, barrier);
        if (!item->code->facts.hidden)
            parent = node_id(s, parent, item->code, item->instruction);
        item->node = parent;
    }
    t->depth = depth;
    t->stack_known = true;
    return 0;
}

int stack_anchor(const struct thread *t, const struct view *view)
{
    int anchor = -1;
    for (int i = t->depth - 1; i >= 0; i--) {
        uint64_t at = t->stack[i].at;
        bool inside = false, off = true;
        for (int r = 0; r < view->blocks && !inside; r++)
            inside = at >= view->regions[r].start && at < view->regions[r].end;
        for (int c = t->chunk_count - 1; c >= 0 && !inside && off; c--)
            off = at < t->chunks[c].at || at >= t->chunks[c].end;
        if (inside)
            anchor = i;
        else if (!off)
            break;
    }
    return anchor;
}

int stack_chunk_of(const struct thread *t, uint64_t at)
{
    for (int i = t->chunk_count - 1; i >= 0; i--)
        if (at >= t->chunks[i].at && at < t->chunks[i].end)
            return i;
    return -1;
}

static size_t block_bytes(const struct view *view)
{
    size_t bytes = 0;
    for (int i = 0; i < view->blocks; i++)
        bytes += view->regions[i].end - view->regions[i].start;
    return bytes;
}

void stack_note(struct thread *t, const struct view *view)
{
    t->last_size = 0;
    size_t bytes = block_bytes(view);
    if (bytes == 0 || sampler_grow(&t->last, &t->last_cap, bytes) == NULL)
        return;
    /* the blocks of a view lie one after the other */
    memcpy(t->last, view->regions[0].bytes, bytes);
    memcpy(t->last_blocks, view->regions, (size_t)view->blocks * sizeof *view->regions);
    t->last_count = view->blocks;
    t->last_size = bytes;
}

size_t stack_lines_changed(const struct thread *t, const uint8_t *bytes)
{
    size_t changed = 0;
    for (int i = 0; i < t->plan_blocks; i++) {
        const struct region *r = &t->plan[i];
        const uint8_t *last = t->last;
        const struct region *before = NULL;
        for (int k = 0; k < t->last_count && t->last_size > 0 && before == NULL; k++) {
            const struct region *b = &t->last_blocks[k];
            if (b->start < r->end && b->end > r->start)
                before = b;
            else
                last += b->end - b->start;
        }
        for (uint64_t at = r->start; at < r->end; at += 64) {
            uint64_t end = at + 64 < r->end ? at + 64 : r->end;
            changed += before == NULL || at < before->start || end > before->end ||
                       memcmp(bytes + (at - r->start), last + (at - before->start), end - at) != 0;
        }
        bytes += r->end - r->start;
    }
    return changed;
}

/* Bytes from the beginning that are the same, in steps of 64. */
static size_t same_bytes(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t at = 0;
    while (at + 512 <= size && memcmp(a + at, b + at, 512) == 0)
        at += 512;
    while (at + 64 <= size && memcmp(a + at, b + at, 64) == 0)
        at += 64;
    return at;
}

static bool is_in(const struct region *region, uint64_t at)
{
    return at >= region->start && at < region->end;
}

int stack_unchanged(const struct thread *t, const struct view *view, const struct view *other,
                    int from)
{
    const struct region *blocks = other != NULL ? other->regions : t->last_blocks;
    int count = other != NULL ? other->blocks : t->last_count;
    size_t size = other != NULL ? block_bytes(other) : t->last_size;
    size_t mine = block_bytes(view);
    if (size == 0 || mine == 0 || count != view->blocks)
        return 0;
    for (int i = 0; i < count; i++)
        if (blocks[i].start != view->regions[i].start ||
            (i < count - 1 && blocks[i].end != view->regions[i].end))
            return 0;
    size_t same = same_bytes(other != NULL ? other->regions[0].bytes : t->last,
                             view->regions[0].bytes, size < mine ? size : mine);
    /* from the top down: mostly the first one or two do */
    int r = count - 1;
    size_t before = mine - (view->regions[r].end - view->regions[r].start); /* below block r */
    for (int i = t->depth - 1; i >= from; i--) {
        const struct item *item = &t->stack[i];
        if (item->barrier >= from)
            continue;
        int k = r;
        size_t below = before;
        while (k >= 0 && !is_in(&view->regions[k], item->at))
            below -= --k < 0 ? 0 : view->regions[k].end - view->regions[k].start;
        if (k < 0)
            continue; /* above what was read */
        r = k;
        before = below;
        uint64_t end = item->at + (uint64_t)item->code->facts.frame_bytes;
        if (before + (end - view->regions[r].start) <= same)
            return i - from + 1;
    }
    return 0;
}
