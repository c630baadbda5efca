/*
 * plan: which remote memory a tick reads of a thread.  The plan is a guess made from the last
 * read: the top of its data stack, the frames off the stack (generators, the interpreter's own
 * entry frames) that were met lately, and the thread state.  A wrong guess costs another read,
 * never a sample.
 *
 * The order matters.  What is read is taken from the other core's cache, so the thread's next write
 * to it has to wait, and while it waits all of its memory shows that moment: what is read next
 * shows the moments before such a write too often.  So what the thread writes least often comes
 * first: the frames from the bottom up, the thread state (written in every call) last.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>

#define HEADROOM 512       /* bytes read above the highest frame last seen */
#define OFF_FORGET 64      /* ticks after which an unused off-stack frame leaves the plan */
#define OFF_FIRST_SIZE 160 /* what is read of an off-stack frame of unknown size */
#define OFF_MOST_SIZE 8192
#define PAGE 4096 /* at least: larger ones are mapped as a whole, too */
#define CHUNK_MOST (UINT64_C(1) << 32)

static bool push_chunk(struct thread *t, const struct chunk *chunk)
{
    if (t->chunk_count == t->chunk_cap) {
        int cap = t->chunk_cap ? t->chunk_cap * 2 : 8;
        struct chunk *more = realloc(t->chunks, (size_t)cap * sizeof *more);
        if (more == NULL)
            return false;
        t->chunks = more;
        t->chunk_cap = cap;
    }
    t->chunks[t->chunk_count++] = *chunk;
    return true;
}

static int read_chunk(const struct pyro_sampler *s, uint64_t at, struct chunk *out,
                      uint64_t *previous)
{
    const struct pyro_layout *lay = s->lay;
    uint8_t head[64];
    if (lay->chunk_data + 8 > (int)sizeof head || at < 4096 || (at & 7) != 0)
        return PYRO_E_INVALID;
    int rc = pyro_target_read(s->target, at, head, (size_t)lay->chunk_data + 8);
    if (rc != 0)
        return rc;
    *previous = word(head + lay->chunk_previous);
    /* One that was popped and is kept for the next push (newer releases of 3.13 on) has none below
     * it either; but a frame has been in its first slot. */
    if (*previous == 0 && word(head + lay->chunk_data) != 0)
        return PYRO_E_INVALID;
    uint64_t size = word(head + lay->chunk_size), top = word(head + lay->chunk_top);
    if (size < (uint64_t)lay->chunk_data || size > CHUNK_MOST || top > size / 8)
        return PYRO_E_INVALID;
    uint64_t data = at + (uint64_t)lay->chunk_data;
    /* The first slot of the bottom chunk is never given to a frame. */
    *out = (struct chunk){at, data + (*previous == 0 ? 8 : 0), at + size, data + top * 8};
    if (out->used > out->end)
        return PYRO_E_INVALID;
    return 0;
}

static int known_chunk(const struct thread *t, uint64_t at)
{
    for (int i = t->chunk_count - 1; i >= 0; i--)
        if (t->chunks[i].at == at)
            return i;
    return -1;
}

int plan_learn_chunks(struct pyro_sampler *s, struct thread *t, uint64_t newest, uint64_t top)
{
    if (t->chunk_count > 0 && t->chunks[t->chunk_count - 1].at == newest)
        return 0;
    int known = newest == 0 ? -1 : known_chunk(t, newest);
    if (known >= 0) {
        t->chunk_count = known + 1;
        return 0;
    }
    struct pyro_vec fresh = PYRO_VEC(struct chunk);
    struct pyro_round round = {0};
    int rc = 0;
    for (uint64_t at = newest; at != 0;) {
        struct chunk chunk;
        uint64_t previous;
        bool odd = fresh.len > MAX_CHUNKS || pyro_base_goes_round(&round, at);
        rc = odd ? PYRO_E_INVALID : read_chunk(s, at, &chunk, &previous);
        if (rc != 0)
            break;
        /* One that was the newest has its `top` written only when the next is pushed. */
        known = known_chunk(t, at);
        if (known >= 0 && previous == (known > 0 ? t->chunks[known - 1].at : 0)) {
            t->chunks[known] = chunk;
            break;
        }
        known = -1;
        struct chunk *slot = pyro_base_vec_push(&fresh);
        if (slot == NULL) {
            rc = PYRO_E_NOMEM;
            break;
        }
        *slot = chunk;
        at = previous;
    }
    if (rc == 0) {
        t->chunk_count = known + 1;
        for (size_t i = fresh.len; i-- > 0 && rc == 0;)
            if (!push_chunk(t, pyro_base_vec_at(&fresh, i)))
                rc = PYRO_E_NOMEM;
    }
    pyro_base_vec_release(&fresh);
    if (rc != 0)
        t->chunk_count = 0;
    t->top = top;
    t->reach = 0;
    return rc;
}

struct off *plan_find_off(struct thread *t, uint64_t at)
{
    for (int i = 0; i < t->off_count; i++)
        if (t->off[i].at == at)
            return &t->off[i];
    return NULL;
}

void plan_forget_off(struct thread *t)
{
    while (t->off_count > 0)
        free(t->off[--t->off_count].waits);
}

void plan_add_off(struct pyro_sampler *s, struct thread *t, uint64_t at, bool cframe)
{
    int before = s->lay->generator_frame - s->lay->generator_state;
    if (before < 0 || before > 64 || cframe)
        before = 0;
    uint32_t size = cframe ? (uint32_t)s->lay->cframe_current_frame + 8 : OFF_FIRST_SIZE;
    struct off *off = plan_find_off(t, at);
    if (off == NULL && t->off_count < MAX_OFF) {
        off = &t->off[t->off_count++];
        *off = (struct off){.at = at};
    }
    if (off == NULL) { /* full: the one unused for longest makes room */
        off = &t->off[0];
        for (int i = 1; i < t->off_count; i++)
            if (t->off[i].last_used < off->last_used)
                off = &t->off[i];
        free(off->waits);
        *off = (struct off){.at = at};
    }
    /* a place on the C stack can be a frame now and a cframe then: enough is read for either */
    if (off->before < (uint32_t)before)
        off->before = ((uint32_t)before + 7) & ~7u;
    if (off->size < size)
        off->size = size;
    off->last_used = s->tick;
}

bool plan_has_frame(const struct pyro_sampler *s, struct thread *t, uint64_t at)
{
    const struct off *off = plan_find_off(t, at);
    return off != NULL && off->size >= (uint32_t)s->lay->frame_locals;
}

static void add_region(struct thread *t, uint64_t start, uint64_t end, int chunk)
{
    t->plan[t->plan_count++] = (struct region){start, end, NULL, chunk};
    t->plan_bytes += end - start;
}

/* The pieces of chunks that hold the top WINDOW_BYTES of frames, the lowest first.  fresh: what
 * lies below was read in this tick, and the window begins with its last frame (NULL: it was not).
 * False: that frame cannot be reached, for the stack is much lower or much higher by now. */
static bool plan_window(struct thread *t, const struct item *fresh)
{
    struct region pieces[MAX_REGIONS];
    int count = 0;
    uint64_t left = WINDOW_BYTES;
    int fresh_chunk = fresh != NULL ? stack_chunk_of(t, fresh->at) : 0;
    if (fresh_chunk < 0)
        return false;
    t->window_whole = fresh == NULL;
    for (int i = t->chunk_count - 1; i >= 0; i--) {
        const struct chunk *c = &t->chunks[i];
        bool newest = i == t->chunk_count - 1;
        uint64_t used = newest ? t->top : c->used;
        if (used < c->first || used > c->end)
            used = c->first;
        uint64_t want = used - c->first + HEADROOM;
        if (newest) {
            if (want > t->reach)
                t->reach = want;
            else
                t->reach -= (t->reach - want) / 32;
        }
        uint64_t end = newest ? c->first + ((t->reach + 7) & ~UINT64_C(7)) : used;
        if (end > c->end)
            end = c->end;
        if (fresh != NULL && i < fresh_chunk)
            break;
        if (fresh != NULL && count == MAX_REGIONS)
            return false;
        if ((left == 0 && fresh == NULL) || count == MAX_REGIONS) {
            t->window_whole = false;
            break;
        }
        uint64_t low = c->first;
        if (fresh != NULL && i == fresh_chunk) {
            low = fresh->at;
            if (low >= used)
                return false;
        } else if (fresh == NULL && used - c->first > left) {
            low = (used - left) & ~UINT64_C(255);
            if (low < c->first)
                low = c->first;
        }
        left -= used - low < left ? used - low : left;
        pieces[count++] = (struct region){low, end, NULL, i};
        if (low > c->first && fresh == NULL) {
            t->window_whole = false;
            break;
        }
    }
    while (count-- > 0)
        add_region(t, pieces[count].start, pieces[count].end, pieces[count].chunk);
    return true;
}

static int by_start(const void *left, const void *right)
{
    const struct region *l = left, *r = right;
    return l->start < r->start ? -1 : l->start > r->start;
}

/* Frames off the chunks, those of a page in one piece: each piece costs the kernel more time than
 * the bytes in it, and what is read a while after its neighbours shows another moment. */
static void plan_off(struct pyro_sampler *s, struct thread *t)
{
    struct region *first = &t->plan[t->plan_count];
    int count = 0;
    for (int i = 0; i < t->off_count;) {
        struct off *off = &t->off[i];
        if (s->tick - off->last_used > OFF_FORGET) {
            free(off->waits);
            *off = t->off[--t->off_count];
            continue;
        }
        if (off->size > OFF_MOST_SIZE)
            off->size = OFF_MOST_SIZE;
        first[count++] = (struct region){off->at - off->before, off->at + off->size, NULL, -1};
        i++;
    }
    if (count > 1)
        qsort(first, (size_t)count, sizeof *first, by_start);
    int pieces = 0;
    for (int i = 0; i < count; i++) {
        struct region *last = pieces > 0 ? &first[pieces - 1] : NULL;
        if (last != NULL && last->end >= last->start &&
            (last->end - 1) / PAGE == first[i].start / PAGE) {
            if (last->end < first[i].end)
                last->end = first[i].end;
        } else {
            first[pieces++] = first[i];
        }
    }
    for (int i = 0; i < pieces; i++)
        t->plan_bytes += first[i].end - first[i].start;
    t->plan_count += pieces;
}

/* Some bytes more of each block, so that the copies of the next one and of the next thread lie in
 * cache lines as what they are copies of does: see place_copies.  A header does not fit into them.
 */
static void stretch_blocks(struct thread *t)
{
    for (int i = 0; i < t->plan_blocks; i++) {
        struct region *r = &t->plan[i];
        bool last = i == t->plan_blocks - 1;
        uint64_t more = (last ? -(uint64_t)t->plan_bytes : r[1].start - r->end) % LINE;
        if (more > t->chunks[r->chunk].end - r->end)
            continue;
        r->end += more;
        t->plan_bytes += more;
    }
}

void plan_thread(struct pyro_sampler *s, struct thread *t)
{
    if (pyro_layout_is_linked(s->lay)) {
        linked_plan(s, t);
        return;
    }
    t->plan_count = 0;
    t->plan_bytes = 0;
    bool fresh = t->lower_fresh && t->stack_known && t->depth > 0;
    if (!fresh || !plan_window(t, &t->stack[t->depth - 1])) {
        t->lower_fresh = false;
        plan_window(t, NULL);
    }
    t->plan_blocks = t->plan_count;
    t->window_low = t->plan_blocks > 0 ? t->plan[0].start : 0;
    t->window_chunk = t->plan_blocks > 0 ? t->plan[0].chunk : -1;
    plan_off(s, t);
    add_region(t, t->state, t->state + (uint64_t)s->lay->thread_size, -1);
    stretch_blocks(t);
}

void plan_view(const struct pyro_sampler *s, const struct region *plan, int count, int blocks,
               const uint8_t *bytes, struct view *view)
{
    const struct pyro_layout *lay = s->lay;
    const uint8_t *at = bytes;
    view->blocks = blocks;
    view->count = count - 1;
    for (int i = 0; i < view->count; i++) {
        view->regions[i] = plan[i];
        view->regions[i].bytes = at;
        at += plan[i].end - plan[i].start;
    }
    view->chunk = word(at + lay->thread_chunk);
    view->top = word(at + lay->thread_chunk_top);
    view->tid = word(at + lay->thread_native_id);
    view->cframe = 0;
    view->current = 0;
    view->current_known = lay->thread_current_frame >= 0;
    view->partial = false;
    if (view->current_known) {
        view->current = word(at + lay->thread_current_frame);
        return;
    }
    view->cframe = word(at + lay->thread_cframe);
    uint64_t pointer = view->cframe + (uint64_t)lay->cframe_current_frame;
    for (int i = view->blocks; i < view->count && view->cframe != 0; i++) {
        const struct region *r = &view->regions[i];
        if (pointer >= r->start && pointer < r->end && r->end - pointer >= 8) {
            view->current = word(r->bytes + (pointer - r->start));
            view->current_known = true;
        }
    }
}
