/*
 * linked: the stacks of CPython 3.10, whose frames are objects on the heap, each with a link to its
 * caller.  A code object keeps its last frame for the next call, so the same frames come again and
 * again: those of the last stack and those met lately are read, twice in one call as elsewhere,
 * callers first, the thread state last.
 *
 * A frame is believed if it says that it runs and its link leads to the frame below it.  The stack
 * is put together from the bottom up, by these marks alone: what each frame said when it was
 * copied.  What the thread state says is on top only tells which frames there are to read.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define WINDOW_FRAMES 40 /* the top of the stack that is read at every tick */
#define OTHERS_MOST 16   /* frames that are read besides */
#define FORGET_TICKS 16  /* after which a frame that is not met any more is not read */
#define LOWER_BATCH 512  /* frames in one read of what lies below */
#define CHAIN_MOST 65536 /* frames that are followed one by one */
#define LEARNT_MOST 8    /* of which so many may be read once more: else that would be too late */
#define FRAME_MOST 256   /* bytes of a frame that are read */
#define LOWEST_TRIES 4   /* how often what lies below is looked at in one search for it */

static uint64_t frame_begin(const struct pyro_sampler *s)
{
    return (uint64_t)s->lay->frame_previous;
}

static uint64_t frame_bytes(const struct pyro_sampler *s)
{
    return ((uint64_t)s->lay->frame_state + 8) / 8 * 8 - frame_begin(s);
}

/* A frame as its copy has it; bytes are from its link on.  False: it does not run. */
static bool read_frame(struct pyro_sampler *s, uint64_t at, const uint8_t *bytes, struct item *out)
{
    const struct pyro_layout *lay = s->lay;
    const uint8_t *frame = bytes - frame_begin(s);
    int8_t state = (int8_t)frame[lay->frame_state];
    enum { UNWINDING = 2 }; /* what it takes off its stack may run code */
    if (state != lay->state_executing && state != UNWINDING)
        return false;
    struct code *code = codes_get(s->codes, word(frame + lay->frame_executable));
    int64_t instruction = (int64_t)word32(frame + lay->frame_lasti) * 2;
    if (code == NULL || instruction < -2 || instruction >= code->facts.size)
        return false;
    *out = (struct item){.at = at,
                         .previous = word(bytes),
                         .code = code,
                         .function = word(frame + lay->frame_globals),
                         .instruction = (int32_t)instruction};
    return true;
}

static void add_region(struct thread *t, uint64_t start, uint64_t size)
{
    t->plan[t->plan_count++] = (struct region){start, start + size, NULL, -1};
    t->plan_bytes += size;
}

static bool is_planned(const struct thread *t, const struct off *off)
{
    return off->index >= t->window_first && off->index < t->depth &&
           t->stack[off->index].at == off->at;
}

static void add_frame(struct pyro_sampler *s, struct thread *t, uint64_t at)
{
    add_region(t, at + frame_begin(s), frame_bytes(s));
}

/* Those met lately that the last stack does not hold, in random order but for how high they stood.
 * How many. */
static int choose_others(struct pyro_sampler *s, struct thread *t, const struct off *others[])
{
    int count = 0;
    for (int i = 0; i < t->off_count;) {
        struct off *off = &t->off[i];
        if (s->tick - off->last_used > FORGET_TICKS) {
            *off = t->off[--t->off_count];
            continue;
        }
        if (count < OTHERS_MOST && !is_planned(t, off))
            others[count++] = off;
        i++;
    }
    for (int i = 1; i < count; i++) {
        const struct off *off = others[i];
        uint64_t random = s->random = pyro_base_mix(s->random + 1);
        int at = i;
        while (at > 0 && (others[at - 1]->index > off->index ||
                          (others[at - 1]->index == off->index && random >> at % 64 & 1))) {
            others[at] = others[at - 1];
            at--;
        }
        others[at] = off;
    }
    return count;
}

/* By how high they stand: a frame is copied right after the one that it is called by, lest that one
 * has gone on meanwhile; and of those that may stand on it none is always the first. */
void linked_plan(struct pyro_sampler *s, struct thread *t)
{
    const struct off *others[OTHERS_MOST];
    t->plan_count = t->plan_blocks = 0;
    t->plan_bytes = 0;
    t->window_first = t->depth > WINDOW_FRAMES ? t->depth - WINDOW_FRAMES : 0;
    int count = choose_others(s, t, others), next = 0;
    for (int i = t->window_first; i < t->depth; i++) {
        int same = next;
        while (same < count && others[same]->index <= i)
            same++;
        uint64_t random = s->random = pyro_base_mix(s->random + 1);
        int before = next + (int)(random % (uint64_t)(same - next + 1));
        while (next < before)
            add_frame(s, t, others[next++]->at);
        add_frame(s, t, t->stack[i].at);
        while (next < same)
            add_frame(s, t, others[next++]->at);
    }
    while (next < count)
        add_frame(s, t, others[next++]->at);
    add_region(t, t->state, (uint64_t)s->lay->thread_size);
}

/* ---- a copy */

struct copy {
    const struct region *plan;
    int count; /* of frames */
    const uint8_t *bytes;
    uint64_t top, thread; /* as the thread state says */
    bool traced;          /* a function of the program's may be called at any instruction */
};

static struct copy copy_of(const struct pyro_sampler *s, const struct region *plan, int count,
                           const uint8_t *bytes)
{
    const uint8_t *state = bytes + (size_t)(count - 1) * frame_bytes(s);
    return (struct copy){
        .plan = plan,
        .count = count - 1,
        .bytes = bytes,
        .top = word(state + s->lay->thread_frame),
        .thread = word(state + s->lay->thread_id),
        .traced =
            word(state + s->lay->thread_trace) != 0 || word(state + s->lay->thread_profile) != 0,
    };
}

static uint64_t address_of(const struct pyro_sampler *s, const struct copy *copy, int i)
{
    return copy->plan[i].start - frame_begin(s);
}

/* The frame at the address; `near` is looked at first. */
static int find_in(const struct pyro_sampler *s, const struct copy *copy, uint64_t at, int near)
{
    if (near >= 0 && near < copy->count && address_of(s, copy, near) == at)
        return near;
    for (int i = copy->count - 1; i >= 0; i--)
        if (address_of(s, copy, i) == at)
            return i;
    return -1;
}

struct frames { /* of a copy */
    struct item items[MAX_OFF];
    bool runs[MAX_OFF];
    bool reached[MAX_OFF]; /* by the links from the top */
};

/* Follows the links from the top down to the frame `below` (0: the bottom).  Returns the first
 * frame that was not copied; 0: all were, as far as they run. */
static uint64_t follow(const struct pyro_sampler *s, const struct copy *copy, struct frames *frames,
                       uint64_t below)
{
    uint64_t at = copy->top;
    int near = -1;
    for (int i = 0; i <= copy->count && at != below && at != 0; i++) {
        int found = find_in(s, copy, at, near);
        if (found < 0)
            return at;
        if (!frames->runs[found] || frames->reached[found])
            return 0;
        frames->reached[found] = true;
        at = frames->items[found].previous;
        near = found - 1;
    }
    return at == below ? 0 : at;
}

/* The frame that stands on `below`: of several that say so, one that the top leads to, else the one
 * that was copied first, nearest to its caller.  -1: none. */
static int next_on(const struct copy *copy, const struct frames *frames, uint64_t below, int after)
{
    int best = -1;
    int near = after + 1;
    if (near < copy->count && frames->runs[near] && frames->reached[near] &&
        frames->items[near].previous == below)
        return near;
    for (int i = 0; i < copy->count; i++) {
        if (!frames->runs[i] || frames->items[i].previous != below)
            continue;
        if (frames->reached[i])
            return i;
        if (best < 0)
            best = i;
    }
    return best;
}

static bool push(struct walk *out, const struct item *item)
{
    struct item *slot = walk_push(out);
    if (slot != NULL)
        *slot = *item;
    return slot != NULL;
}

/* Is the frame at an instruction during which nothing else can run? */
static bool is_quiet(const struct pyro_sampler *s, const struct item *item)
{
    if (item->instruction < 0)
        return true;
    uint8_t op = item->code->facts.bytecode[item->instruction];
    return (s->lay->op_quiet[op / 32] >> op % 32 & 1) != 0;
}

/* The frames of a copy, from the one on `below` up. */
static void walk_copy(struct pyro_sampler *s, const struct copy *copy, uint64_t below,
                      struct walk *out)
{
    struct frames frames;
    out->count = 0;
    out->need_cframe = false;
    out->doubt.at = 0;
    for (int i = 0; i < copy->count; i++) {
        frames.reached[i] = false;
        frames.runs[i] = read_frame(s, address_of(s, copy, i),
                                    copy->bytes + (size_t)i * frame_bytes(s), &frames.items[i]);
    }
    out->need = follow(s, copy, &frames, below);
    uint64_t on = below;
    for (int at = -1; out->count < copy->count;) {
        at = next_on(copy, &frames, on, at);
        if (at < 0 || !push(out, &frames.items[at]))
            break;
        frames.runs[at] = false; /* once is enough */
        on = frames.items[at].at;
        if (!copy->traced && is_quiet(s, &frames.items[at]))
            break; /* what stands on it is of another moment */
    }
}

/* Seeks the names of functions that are met for the first time. */
static void find_names(struct pyro_sampler *s, const struct walk *w, const struct item *below)
{
    for (int i = 0; i < w->count; i++)
        codes_find_name(s->codes, &w->items[i], i > 0 ? &w->items[i - 1] : below);
}

/* Puts the walk on top of the kept stack from index `anchor` on. */
static int keep(struct pyro_sampler *s, struct thread *t, int anchor, const struct walk *w)
{
    find_names(s, w, anchor > 0 ? &t->stack[anchor - 1] : NULL);
    return stack_keep(s, t, anchor, w);
}

/* The node of the walk on top of the kept stack below index `anchor`. */
static uint32_t path_on(struct pyro_sampler *s, struct thread *t, int anchor, const struct walk *w)
{
    const struct item *below = anchor > 0 ? &t->stack[anchor - 1] : NULL;
    find_names(s, w, below);
    return stack_path(s, below != NULL ? below->node : PYRO_NO_NODE, w);
}

/* ---- what is not in the plan */

/* Where in the kept stack the frame is; -1: it is not. */
static int kept_at(const struct thread *t, uint64_t at)
{
    for (int i = t->depth - 1; i >= 0; i--)
        if (t->stack[i].at == at)
            return i;
    return -1;
}

/* One frame, and after it the one that stands on it (0: none): if that still does, then what was
 * read is the frame that it called, and no other that has got its memory. */
static bool read_one(struct pyro_sampler *s, uint64_t at, uint64_t on_top, struct item *out)
{
    const size_t size = frame_bytes(s);
    uint8_t bytes[2 * FRAME_MOST];
    struct iovec remote[] = {{(void *)(at + frame_begin(s)), size},
                             {(void *)(on_top + frame_begin(s)), size}};
    const size_t count = on_top != 0 ? 2 : 1;
    struct item above;
    return at >= 4096 && (at & 7) == 0 && size <= FRAME_MOST &&
           pyro_target_readv(s->target, bytes, count * size, remote, count) ==
               (ssize_t)(count * size) &&
           read_frame(s, at, bytes, out) &&
           (on_top == 0 || (read_frame(s, on_top, bytes + size, &above) && above.previous == at));
}

/* A frame that is read at the next ticks as well. */
static void meet(struct pyro_sampler *s, struct thread *t, uint64_t at, int index)
{
    struct off *off = plan_find_off(t, at);
    if (off == NULL && t->off_count < OTHERS_MOST + WINDOW_FRAMES) {
        off = &t->off[t->off_count++];
        *off = (struct off){.at = at};
    }
    if (off == NULL) { /* the one unused for longest makes room */
        off = &t->off[0];
        for (int i = 1; i < t->off_count; i++)
            if (t->off[i].last_used < off->last_used)
                off = &t->off[i];
        *off = (struct off){.at = at};
    }
    off->index = index;
    off->last_used = s->tick;
}

/* Does each of the lowest frames stand on the one before it, as known?  Puts them into w, if any.
 */
static bool read_lowest(struct pyro_sampler *s, struct thread *t, int most, struct walk *w)
{
    const size_t size = frame_bytes(s);
    struct iovec remote[LOWER_BATCH];
    uint8_t *bytes = sampler_grow(&s->lower[0], &s->lower_cap[0], LOWER_BATCH * size);
    uint64_t below = 0;
    for (int begin = 0; begin < most && bytes != NULL;) {
        int count = most - begin;
        if (count > LOWER_BATCH)
            count = LOWER_BATCH;
        for (int i = 0; i < count; i++)
            remote[i] = (struct iovec){(void *)(t->stack[begin + i].at + frame_begin(s)), size};
        if (pyro_target_readv(s->target, bytes, (size_t)count * size, remote, (size_t)count) !=
            (ssize_t)((size_t)count * size))
            return false;
        for (int i = 0; i < count; i++) {
            const struct item *kept = &t->stack[begin + i];
            struct item now;
            if (!read_frame(s, kept->at, bytes + (size_t)i * size, &now) || now.previous != below ||
                (w != NULL && !push(w, &now)))
                return false;
            below = kept->at;
        }
        begin += count;
    }
    return bytes != NULL;
}

/* Follows the links down from a frame, one read each, to one that is kept or to the bottom, and
 * makes what it finds the kept stack.  False: it changed meanwhile, or is none. */
static bool learn(struct pyro_sampler *s, struct thread *t, uint64_t at)
{
    struct walk *w = &s->two;
    uint64_t on_top = 0;
    int kept = -1, tries = 0;
    w->count = 0;
    while (at != 0 && kept < 0) {
        struct item item;
        if (w->count == CHAIN_MOST || !read_one(s, at, on_top, &item) || !push(w, &item))
            return false;
        on_top = at;
        int same = kept_at(t, at); /* its place may be another frame's by now */
        bool fits = same >= 0 && t->stack[same].code == item.code &&
                    item.previous == (same > 0 ? t->stack[same - 1].at : 0);
        /* Where many frames are new, the memory of two others may have come to be as it was. */
        if (fits && w->count > LEARNT_MOST)
            fits = tries++ < LOWEST_TRIES && read_lowest(s, t, same, NULL);
        if (fits)
            kept = same; /* but it may stand at another instruction */
        at = item.previous;
    }
    for (int i = 0; i < w->count / 2; i++) {
        struct item swap = w->items[i];
        w->items[i] = w->items[w->count - 1 - i];
        w->items[w->count - 1 - i] = swap;
    }
    if (kept < 0)
        t->lower_tick = s->tick; /* all of it was read just now */
    else if (w->count > WINDOW_FRAMES && t->lower_tick != s->tick)
        t->lower_tick = 0;            /* the window will begin above what was kept */
    int anchor = kept < 0 ? 0 : kept; /* the one that is kept is the first of the walk */
    for (int i = 0; i < w->count && w->count <= OTHERS_MOST; i++)
        meet(s, t, w->items[i].at, anchor + i);
    return keep(s, t, anchor, w) == 0;
}

/* What lies below the window.  False: it has to be learnt anew. */
static bool lower_is_kept(struct pyro_sampler *s, struct thread *t)
{
    struct walk *w = &s->two;
    w->count = 0;
    if (!read_lowest(s, t, t->window_first, w) || keep(s, t, 0, w) != 0)
        return false;
    t->lower_tick = s->tick;
    return true;
}

/* All of the stack, by single reads. */
static bool learn_all(struct pyro_sampler *s, struct thread *t)
{
    uint64_t top;
    t->depth = 0;
    t->stack_known = false;
    if (pyro_target_read_u64(s->target, t->state + (uint64_t)s->lay->thread_frame, &top) != 0)
        return false;
    t->lower_tick = s->tick;
    return learn(s, t, top);
}

/* ---- a sample */

static uint64_t below_window(const struct thread *t)
{
    return t->window_first > 0 ? t->stack[t->window_first - 1].at : 0;
}

/* As compare in sampler.c, of the second copy and the kept stack, which is the first one's. */
static uint32_t compare(struct pyro_sampler *s, struct thread *t, const struct copy *two,
                        uint32_t *flags, uint32_t *second)
{
    struct walk *w = &s->two;
    int first = t->window_first, mine = t->depth - first, common = 0;
    const struct item *stack = t->stack + first;
    walk_copy(s, two, below_window(t), w);
    while (common < mine && common < w->count && stack_same(&stack[common], &w->items[common]) &&
           (common == 0 || stack[common - 1].instruction == w->items[common - 1].instruction))
        common++;
    if ((mine == 0) != (w->count == 0) ||
        (mine > 0 && !stack_same(&stack[mine - 1], &w->items[w->count - 1])))
        *flags |= PYRO_SAMPLE_TOP_MOVED;
    if (common < mine)
        *second = path_on(s, t, first, w);
    return (uint32_t)(mine - common);
}

/* May what lies below the window still be taken for what it was? */
static bool is_lower_known(const struct pyro_sampler *s, const struct thread *t,
                           const struct walk *w)
{
    if (t->window_first == 0)
        return true;
    const struct item *kept = &t->stack[t->window_first];
    return (s->tick - t->lower_tick < REFRESH_TICKS && w->count > 0 && t->window_first < t->depth &&
            (t->lower_tick == s->tick ||
             (stack_same(kept, &w->items[0]) && kept->instruction == w->items[0].instruction)));
}

/* A sample of many frames that were just learnt: it is long since the copy was made, so what this
 * shows on top of them is taken as it is. */
static enum verdict take_learnt(struct pyro_sampler *s, struct thread *t, const struct copy *one)
{
    struct walk *w = &s->one;
    uint32_t unverified = (uint32_t)s->two.count;
    walk_copy(s, one, t->stack[t->depth - 1].at, w);
    unverified += (uint32_t)w->count;
    if (keep(s, t, t->depth, w) != 0)
        return DEAD;
    sampler_emit(s, t, t->stack[t->depth - 1].node, PYRO_SAMPLE_TOP_MOVED, unverified, PYRO_NO_NODE,
                 true);
    return TAKEN;
}

enum verdict linked_judge(struct pyro_sampler *s, struct thread *t, const uint8_t *bytes, bool slow,
                          bool last_try)
{
    struct copy one = copy_of(s, t->plan, t->plan_count, bytes);
    struct copy two = copy_of(s, t->plan, t->plan_count, bytes + t->plan_bytes + t->gap_bytes);
    struct walk *w = &s->one;
    if (one.thread != t->self && t->self != 0)
        return DEAD;
    t->self = one.thread;
    if (slow) {
        sampler_emit(s, t, PYRO_NO_NODE, PYRO_SAMPLE_DISCARDED, 0, PYRO_NO_NODE, false);
        return TAKEN;
    }
    walk_copy(s, &one, below_window(t), w);
    if (!last_try) {
        if (w->need != 0) {
            if (!learn(s, t, w->need)) /* it has returned by now, and comes again */
                meet(s, t, w->need, t->depth);
            else if (s->two.count > LEARNT_MOST)
                return take_learnt(s, t, &one);
            return AGAIN;
        }
        if (!is_lower_known(s, t, w)) {
            if (!lower_is_kept(s, t) || w->count == 0)
                learn_all(s, t);
            else
                learn(s, t, one.top);
            return AGAIN;
        }
    }
    int first = t->window_first;
    if (sampler_recheck(s, t, first, first, w)) {
        t->stack_known = false;
        t->depth = 0;
        if (!last_try)
            return AGAIN;
        sampler_emit(s, t, PYRO_NO_NODE, PYRO_SAMPLE_TOP_MOVED, 0, PYRO_NO_NODE, false);
        return TAKEN;
    }
    uint32_t flags = first > 0 && t->lower_tick != s->tick ? PYRO_SAMPLE_ASSUMED : 0;
    if (keep(s, t, first, w) != 0)
        return DEAD;
    for (int i = first; i < t->depth; i++)
        meet(s, t, t->stack[i].at, i);
    uint32_t second = PYRO_NO_NODE;
    uint32_t unverified = compare(s, t, &two, &flags, &second);
    if (unverified > 0)
        s->hasty = t;
    bool differ = memcmp(one.bytes, two.bytes, t->plan_bytes) != 0;
    sampler_emit(s, t, t->depth > 0 ? t->stack[t->depth - 1].node : PYRO_NO_NODE, flags, unverified,
                 second, unverified > 0 || differ);
    return TAKEN;
}

void linked_take_hasty(struct pyro_sampler *s, struct thread *t)
{
    const struct walk none = {0};
    if (!learn_all(s, t) || sampler_recheck(s, t, 0, t->depth, &none)) {
        t->depth = 0;
        t->stack_known = false;
    }
    sampler_emit(s, t, t->depth > 0 ? t->stack[t->depth - 1].node : PYRO_NO_NODE,
                 PYRO_SAMPLE_TOP_MOVED, 0, PYRO_NO_NODE, true);
}

uint32_t linked_path(struct pyro_sampler *s, struct thread *t, const struct region *plan, int count,
                     int first, const uint8_t *bytes)
{
    struct copy copy = copy_of(s, plan, count, bytes);
    struct walk *w = &s->two;
    if (copy.thread != t->self || first > t->depth)
        return PYRO_NO_NODE;
    walk_copy(s, &copy, first > 0 ? t->stack[first - 1].at : 0, w);
    if (w->need != 0)
        return PYRO_NO_NODE;
    return path_on(s, t, first, w);
}
