/*
 * sampler: one tick: which threads there are, one batched read of all of them, and what is asked
 * again because the plan was short.  See docs/internals/sampling.md.
 */
#include "sample_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define IOVECS_MOST 1024 /* what one call takes */
#define TRIES 6          /* reads in one tick, until one is whole and the plan holds all it needs */
#define THREADS_EVERY 64 /* ticks between walks of the thread list, ... */
#define MANY 8 /* threads from which on it is worth asking whether others can have run, ... */
#define ALL_EVERY 1000       /* ... but for one in so many ticks */
#define RESTED_NS 100000     /* ... or where the copies come this long after the tick began */
#define OTHERS_EVERY 8       /* ... with other interpreters: no word tells of their new threads */
#define HELD_NS 100000       /* between two reads of a tick, at most, ... */
#define HELD_THREAD_NS 10000 /* ... and for each thread, ... */
#define HELD_FRAME_NS 1000   /* ... and each frame that is looked at */
#define LINE_NS 200          /* what fetching a line from another core takes at most, twice */
#define GAP_PIECES 3   /* between the two copies: so many pieces of chance, or of words, ... */
#define GAP_BYTES 2048 /* ... the last of up to so many bytes, ... */
#define GAP_MOST (GAP_PIECES + 2)    /* ... and those that tell who holds the GIL */
#define AGAIN_MOST_NS 200000         /* a read interrupted for less is made again */
#define NODES_MOST ((size_t)1 << 20) /* ... and bytes of what is known of code: an epoch's */
#define CODES_MOST ((size_t)64 << 20)
#define EXEC_NS 100000000 /* between looks whether it has executed another program */
#define WORDS_NS 200000   /* between looks whether there is a new thread, or code was freed */
#define MISSES_MOST 8 /* whole reads that fail in a row until the interpreter is taken for gone */
#define MISSED_MOST_NS UINT64_C(200000000) /* ... or this long without a thread */

/* How a batched read of some threads went. */
struct batch {
    uint64_t ns;
    uint64_t middle; /* when it was, on CLOCK_MONOTONIC */
    uint64_t since;  /* from the end of the call before it to its begin, ns ... */
    bool learnt;     /* ... in which new code was looked at, too */
    uint32_t iovecs;
    size_t bytes;
    bool slow;
};

uint8_t *sampler_grow(uint8_t **buffer, size_t *cap, size_t need)
{
    if (need > *cap) {
        size_t more = need + need / 2 + 4096;
        uint8_t *bigger = realloc(*buffer, more);
        if (bigger == NULL)
            return NULL;
        *buffer = bigger;
        *cap = more;
    }
    return *buffer;
}

static int grow_iovecs(struct pyro_sampler *s, int need)
{
    if (need <= s->iovec_cap)
        return 0;
    struct iovec *more = realloc(s->iovecs, (size_t)need * 2 * sizeof *more);
    if (more == NULL)
        return PYRO_E_NOMEM;
    s->iovecs = more;
    s->iovec_cap = need * 2;
    return 0;
}

/* The cache lines of some of the interpreter's bytes go between the two copies. */
static int put_lines(struct pyro_sampler *s, struct thread *t, int n, uint64_t at, size_t size)
{
    uint64_t start = at / LINE * LINE, end = (at + size + LINE - 1) / LINE * LINE;
    s->iovecs[n++] = (struct iovec){(void *)start, end - start};
    t->gap_bytes += end - start;
    return n;
}

static int put_line(struct pyro_sampler *s, struct thread *t, int n, int offset)
{
    return put_lines(s, t, n, pyro_target_interpreter(s->target) + (uint64_t)offset, 8);
}

/* Who holds the GIL, and whether it collects garbage. */
static int put_gil(struct pyro_sampler *s, struct thread *t, int n)
{
    const struct pyro_layout *lay = s->lay;
    s->gil_at = t->plan_bytes + t->gap_bytes;
    n = put_lines(s, t, n, s->gil, (size_t)lay->gil_locked + 4);
    return put_line(s, t, n, lay->interp_gc + lay->gc_collecting);
}

static void take_gil(struct pyro_sampler *s)
{
    const struct pyro_layout *lay = s->lay;
    const uint64_t lines = (s->gil % LINE + (uint64_t)lay->gil_locked + 4 + LINE - 1) / LINE;
    const uint8_t *gil = s->copies + s->gil_at;
    states_gil(s, gil + s->gil % LINE, gil + lines * LINE + states_collecting_at(s) % LINE);
}

/* Between the two copies some bytes are read that nobody writes, as many as chance will have it:
 * copies a fixed time apart fall into step with short loops, and are then torn alike.  words: those
 * that tell of new threads and of freed code are among them. */
static int put_gap(struct pyro_sampler *s, struct thread *t, int n, bool words, bool gil)
{
    uint64_t image = pyro_target_image(s->target), most = GAP_PIECES;
    uint64_t random = s->random = pyro_base_mix(s->random + 1);
    t->gap_bytes = 0;
    if (words) {
        n = put_line(s, t, n, s->lay->interp_threads_head);
        if (s->lay->interp_code_generation >= 0)
            n = put_line(s, t, n, s->lay->interp_code_generation);
        most = 1;
    }
    if (gil)
        n = put_gil(s, t, n);
    for (uint64_t pieces = random % (most + 1); image != 0 && pieces > 0; pieces--) {
        size_t size = pieces > 1 ? LINE : LINE + (random >> 8) % GAP_BYTES / LINE * LINE;
        s->iovecs[n++] = (struct iovec){(void *)image, size};
        t->gap_bytes += size;
    }
    return n;
}

static int put_plan(struct pyro_sampler *s, struct thread *t, int n, bool words, bool gil)
{
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < t->plan_count; i++)
            s->iovecs[n++] =
                (struct iovec){(void *)t->plan[i].start, t->plan[i].end - t->plan[i].start};
        if (half == 0)
            n = put_gap(s, t, n, words, gil);
    }
    return n;
}

/* The word in the cache line that put_line had read. */
static uint64_t word_in_line(const struct pyro_sampler *s, const uint8_t *line, int offset)
{
    return word(line + (pyro_target_interpreter(s->target) + (uint64_t)offset) % LINE);
}

static void take_words(struct pyro_sampler *s, const uint8_t *gap)
{
    s->head_now = word_in_line(s, gap, s->lay->interp_threads_head);
    if (s->lay->interp_code_generation >= 0)
        s->generation = word_in_line(s, gap + LINE, s->lay->interp_code_generation);
    s->words_ns = s->now;
}

/* Bytes of both copies and what is between them. */
static size_t copied_bytes(const struct thread *t)
{
    return 2 * t->plan_bytes + t->gap_bytes;
}

/* How many cache lines of the threads' windows are not as they were at the last tick: these were
 * fetched from the other core, which takes its time. */
static size_t lines_changed(struct thread **threads, int count, const uint8_t *bytes)
{
    size_t lines = 0;
    for (int i = 0; i < count; i++) {
        lines += threads[i]->plan_blocks > 0 ? stack_lines_changed(threads[i], bytes)
                                             : 2 * (size_t)threads[i]->plan_count;
        bytes += copied_bytes(threads[i]);
    }
    return lines;
}

/* A copy begins within a cache line as what it is a copy of does: each line is then read in one go,
 * and shows one moment.  (plan_thread keeps it so in what follows.) */
static void place_copies(struct pyro_sampler *s, uint64_t start)
{
    uintptr_t line = ((uintptr_t)s->buffer + LINE - 1) / LINE * LINE;
    s->copies = (uint8_t *)line + start % LINE;
}

/* Reads both halves of count threads' plans in one call.  Returns the bytes read, or -errno. */
static ssize_t read_threads(struct pyro_sampler *s, struct thread **threads, int count,
                            struct batch *batch)
{
    int n = 0;
    size_t bytes = 0;
    *batch = (struct batch){0};
    s->gil_known = false;
    for (int i = 0; i < count; i++)
        n += 2 * threads[i]->plan_count + GAP_MOST;
    const bool words = s->now - s->words_ns >= WORDS_NS, gil = s->gil != 0 && s->gil_wanted;
    if (grow_iovecs(s, n) != 0)
        return -ENOMEM;
    n = 0;
    for (int i = 0; i < count; i++) {
        n = put_plan(s, threads[i], n, words && i == 0, gil && i == 0);
        bytes += copied_bytes(threads[i]);
    }
    if (sampler_grow(&s->buffer, &s->buffer_cap, bytes + 2 * LINE) == NULL)
        return -ENOMEM;
    place_copies(s, threads[0]->plan[0].start);
    uint64_t begin = pyro_base_monotonic_ns();
    batch->since = begin - s->read_ns;
    batch->learnt = codes_bytes(s->codes) != s->read_codes;
    s->read_codes = codes_bytes(s->codes);
    ssize_t got = pyro_target_readv(s->target, s->copies, bytes, s->iovecs, (size_t)n);
    s->read_ns = pyro_base_monotonic_ns();
    batch->ns = s->read_ns - begin;
    batch->middle = begin + batch->ns / 2;
    batch->iovecs = (uint32_t)n;
    batch->bytes = bytes;
    if (got == (ssize_t)bytes) {
        uint64_t limit = timing_limit(s, batch->iovecs, bytes, batch->ns);
        batch->slow = batch->ns > limit &&
                      batch->ns > limit + LINE_NS * lines_changed(threads, count, s->copies);
        if (batch->slow) /* these copies are no samples; what is read instead is read then */
            batch->middle = begin + batch->ns;
        if (words)
            take_words(s, s->copies + threads[0]->plan_bytes);
        if (gil)
            take_gil(s);
    }
    int failed = errno;
    codes_at(s->codes, s->now, s->generation);
    return got < 0 ? -failed : got;
}

/* ---- one thread's sample from its two copies */

/* The rest of the chain is looked up at once, so that one more read holds all of it.  A frame that
 * the copy has is most likely still on the one that it was on. */
static bool chase(struct pyro_sampler *s, struct thread *t, const struct view *view, uint64_t at)
{
    const struct pyro_layout *lay = s->lay;
    bool added = false;
    int hops = 0;
    for (; hops < MAX_OFF && at != 0 && (at & 7) == 0; hops++) {
        if (stack_chunk_of(t, at) >= 0)
            break;
        const uint8_t *bytes = walk_locate(view, at, (size_t)lay->frame_locals, NULL);
        if (!plan_has_frame(s, t, at))
            added = true;
        plan_add_off(s, t, at, false);
        if (bytes != NULL)
            at = word(bytes + lay->frame_previous);
        else if (pyro_target_read_u64(s->target, at + (uint64_t)lay->frame_previous, &at) != 0)
            break;
    }
    return added && hops < MAX_OFF; /* a longer chain is never held whole */
}

/* Is the thread in another interpreter, or was it a tick ago? */
static bool is_inside(const struct pyro_sampler *s, const struct thread *t)
{
    for (const struct thread *inner = t->inner; t->is_main && inner != NULL; inner = inner->inner)
        if (inner->has_frames && inner->sample_tick + 1 >= s->tick)
            return true;
    return false;
}

void sampler_emit(struct pyro_sampler *s, struct thread *t, uint32_t node, uint32_t flags,
                  uint32_t unverified, uint32_t second, bool ran)
{
    const bool moved = node != t->last_node;
    t->sample_tick = s->tick;
    t->last_node = node;
    t->last_flags = flags;
    t->last_sure = unverified == 0 && !(flags & (PYRO_SAMPLE_DISCARDED | PYRO_SAMPLE_TOP_MOVED));
    t->has_frames = node != PYRO_NO_NODE;
    if (unverified == 0 && !moved && is_inside(s, t))
        return;
    if (!t->is_main && !t->has_frames)
        return; /* between two calls into its interpreter */
    bool discarded = flags & PYRO_SAMPLE_DISCARDED;
    struct pyro_sample sample = {
        .thread = t->id,
        .node = node,
        .unverified = unverified,
        .flags = flags,
        .second = second == PYRO_NO_NODE ? 0 : second + 1,
        .state = discarded ? 0 : states_of(s, t, ran, moved),
    };
    s->sums.planned++;
    if (discarded)
        s->sums.discarded++;
    else
        s->sums.taken++;
    if (flags & PYRO_SAMPLE_ASSUMED)
        s->sums.assumed++;
    pyro_format_stream_sample(s->stream, &sample);
}

static uint32_t top_node(const struct thread *t)
{
    return t->depth > 0 ? t->stack[t->depth - 1].node : PYRO_NO_NODE;
}

static const struct item *top_of(const struct item *items, int count)
{
    for (int i = count - 1; i >= 0; i--)
        if (!items[i].code->facts.hidden)
            return &items[i];
    return NULL;
}

bool sampler_recheck(struct pyro_sampler *s, const struct thread *t, int from, int to,
                     const struct walk *w)
{
    struct code *due[256];
    size_t n = 0;
    for (int i = from; i < to && n < sizeof due / sizeof *due; i++)
        if (codes_is_due(t->stack[i].code, s->now, s->generation))
            due[n++] = t->stack[i].code;
    for (int i = 0; i < w->count && n < sizeof due / sizeof *due; i++)
        if (codes_is_due(w->items[i].code, s->now, s->generation))
            due[n++] = w->items[i].code;
    return n > 0 && codes_recheck(s->codes, due, n, s->now, s->generation);
}

bool sampler_find_start(struct pyro_sampler *s, struct thread *t, const struct view *view,
                        struct start *start)
{
    if (!t->stack_known || t->depth == 0)
        return false;
    if (!t->lower_fresh && s->tick - t->lower_tick >= REFRESH_TICKS)
        return false;
    int anchor = t->lower_fresh ? t->depth - 1 : stack_anchor(t, view);
    struct item seen;
    if (anchor < 0 || !walk_header(s, view, t->stack[anchor].at, &seen) ||
        !stack_same(&seen, &t->stack[anchor]))
        return false;
    const struct item *kept = &t->stack[anchor];
    if (!t->lower_fresh &&
        (anchor == 0 || anchor >= t->sure || seen.instruction != kept->instruction ||
         seen.previous != kept->previous))
        return false;
    start->anchor = anchor;
    start->from = seen.at;
    start->chunk = stack_chunk_of(t, seen.at);
    start->assumed = !t->lower_fresh;
    return true;
}

/* Frames whose bytes are those of the last tick need no walk: begin at the topmost of them. */
static void skip_unchanged(const struct thread *t, struct start *start, int unchanged)
{
    if (unchanged < 2)
        return;
    start->anchor += unchanged - 1;
    start->from = t->stack[start->anchor].at;
    start->chunk = stack_chunk_of(t, start->from);
}

static const struct item *under(const struct thread *t, const struct start *start,
                                struct item *copy)
{
    if (start->anchor == 0)
        return NULL;
    *copy = t->stack[start->anchor - 1]; /* the kept stack may move while it grows */
    return copy;
}

/* How much of the first copy's stack is believed: what is below the frame that its caller speaks
 * against, if the second copy does not show that one as well. */
static int believed_depth(const struct thread *t, uint64_t unsure)
{
    int top = t->depth;
    for (int i = t->sure; i < t->depth && unsure != 0; i++)
        if (t->stack[i].at == unsure)
            top = i;
    return top;
}

/* Walks the second copy and compares it with the kept stack, which is the first one's: how many
 * frames at the top are not in both?  Adds TOP_MOVED to flags if the tops differ.  *second: the
 * node of the second copy's path, if the first one's is not wholly in it. */
static uint32_t compare(struct pyro_sampler *s, struct thread *t, const struct view *one,
                        const struct view *two, int low, uint32_t *flags, uint32_t *second)
{
    struct start start = {.from = t->window_low, .chunk = t->window_chunk, .anchor = low};
    if (low > 0 && low < t->depth) {
        start.from = t->stack[low].at;
        start.chunk = stack_chunk_of(t, start.from);
    }
    skip_unchanged(t, &start, stack_unchanged(t, two, one, low));
    struct walk *w = &s->two;
    struct item below;
    walk_view(s, t, two, start.from, start.chunk, under(t, &start, &below), w);
    int mine = t->depth - start.anchor, common = 0;
    const struct item *stack = t->stack + start.anchor;
    while (common < mine && common < w->count && stack_same(&stack[common], &w->items[common]) &&
           (common == 0 || stack[common - 1].instruction == w->items[common - 1].instruction))
        common++;
    t->sure = start.anchor + common;
    walk_agree(s);
    t->depth = believed_depth(t, s->one.unsure);
    mine = t->depth - start.anchor;
    uint32_t unverified = 0;
    for (int i = common; i < mine; i++)
        unverified += !stack[i].code->facts.hidden;
    const struct item *top_one = top_of(stack, mine), *top_two = top_of(w->items, w->count);
    if ((top_one == NULL) != (top_two == NULL) ||
        (top_one != NULL && !stack_same(top_one, top_two)))
        *flags |= PYRO_SAMPLE_TOP_MOVED;
    if (unverified > 0)
        *second =
            stack_path(s, start.anchor > 0 ? t->stack[start.anchor - 1].node : PYRO_NO_NODE, w);
    return unverified;
}

/* Is the frame not the same in both copies? */
static bool frame_differs(const struct view *one, const struct view *two, const struct item *item)
{
    size_t rest, size = (size_t)item->code->facts.frame_bytes;
    const uint8_t *bytes = walk_locate(one, item->at, 1, &rest);
    return bytes != NULL &&
           memcmp(bytes, walk_locate(two, item->at, 1, NULL), size < rest ? size : rest) != 0;
}

/* Has the thread written into its stack between the two copies?  What was read besides, between
 * frames off the chunks or where some have been, other threads may have by now. */
static bool differ(const struct thread *t, const struct view *one, const struct view *two)
{
    for (int i = 0; i < one->blocks; i++) {
        const struct region *r = &one->regions[i];
        if (memcmp(r->bytes, two->regions[i].bytes, r->end - r->start) != 0)
            return true;
    }
    int at = t->depth;
    while (at > 0 && (at = t->stack[at - 1].barrier) >= 0)
        if (frame_differs(one, two, &t->stack[at]))
            return true;
    return one->current != two->current || one->top != two->top;
}

/* Does what was walked end in another chunk than the newest, though that one has frames? */
static bool ends_below(const struct thread *t, const struct start *start, const struct walk *w)
{
    if (t->chunk_count < 2)
        return false;
    const struct chunk *newest = &t->chunks[t->chunk_count - 1];
    if (t->top <= newest->first || t->top > newest->end)
        return false;
    int chunk = -1;
    for (int i = w->count - 1; i >= 0 && chunk < 0; i--)
        chunk = stack_chunk_of(t, w->items[i].at);
    if (chunk < 0 && start->anchor > 0)
        chunk = stack_chunk_of(t, t->stack[start->anchor - 1].at);
    return chunk != t->chunk_count - 1;
}

/* What it holds changes faster than it can be read twice: the sample is what one read of all of it
 * shows, bottom up; the part that stays is shown, for each frame waits for those above it. */
static void take_hasty(struct pyro_sampler *s, struct thread *t)
{
    if (pyro_layout_is_linked(s->lay)) {
        linked_take_hasty(s, t);
        return;
    }
    if (t->chunk_count == 0 && t->chunk_cap > 0)
        t->chunk_count = 1; /* the bottom one stays as long as the thread */
    t->window_chunk = t->chunk_count - 1;
    if (t->window_chunk >= 0) {
        const struct chunk *newest = &t->chunks[t->window_chunk];
        bool in_it = t->top >= newest->first && t->top <= newest->end;
        t->window_low = in_it ? t->top : newest->end;
    }
    lower_read(s, t);
    const struct walk none = {0};
    if (sampler_recheck(s, t, 0, t->depth, &none)) {
        t->stack_known = false;
        t->depth = 0;
    }
    sampler_emit(s, t, top_node(t), PYRO_SAMPLE_TOP_MOVED, 0, PYRO_NO_NODE, true);
}

/* Both copies show a frame whose function has another code: a frame's header is written too fast
 * for that, so the function's code was exchanged while it ran.  True if that is news. */
static bool both_doubt(struct pyro_sampler *s)
{
    const struct walk *one = &s->one, *two = &s->two;
    return one->doubt.at != 0 && one->doubt.at == two->doubt.at &&
           one->doubt.function == two->doubt.function && one->doubt.code == two->doubt.code &&
           codes_exchange(s->codes, one->doubt.function, one->doubt.code);
}

static enum verdict judge(struct pyro_sampler *s, struct thread *t, const uint8_t *bytes, bool slow,
                          bool last_try)
{
    struct view one, two;
    if (pyro_layout_is_linked(s->lay))
        return linked_judge(s, t, bytes, slow, last_try);
    plan_view(s, t->plan, t->plan_count, t->plan_blocks, bytes, &one);
    bytes += t->plan_bytes + t->gap_bytes;
    plan_view(s, t->plan, t->plan_count, t->plan_blocks, bytes, &two);
    if ((int64_t)one.tid != t->tid)
        return DEAD;
    t->top = one.top;
    uint64_t newest = t->chunk_count > 0 ? t->chunks[t->chunk_count - 1].at : 0;
    if (one.chunk != newest) {
        plan_learn_chunks(s, t, one.chunk, one.top);
        if (!last_try)
            return AGAIN;
        if (slow)
            sampler_emit(s, t, PYRO_NO_NODE, PYRO_SAMPLE_DISCARDED, 0, PYRO_NO_NODE, false);
        else
            take_hasty(s, t);
        return TAKEN;
    }
    if (t->chunk_count > 0) {
        const struct chunk *c = &t->chunks[t->chunk_count - 1];
        if (one.top > c->first && one.top <= c->end && one.top - c->first > t->reach && !last_try)
            return AGAIN;
    }
    if (slow) {
        sampler_emit(s, t, PYRO_NO_NODE, PYRO_SAMPLE_DISCARDED, 0, PYRO_NO_NODE, false);
        return TAKEN;
    }
    struct start start = {.from = t->window_low, .chunk = t->window_chunk};
    if (!t->window_whole && !sampler_find_start(s, t, &one, &start)) {
        if (last_try) {
            take_hasty(s, t);
            return TAKEN;
        }
        lower_read(s, t);
        t->lower_fresh = true;
        return AGAIN;
    }
    uint32_t flags = start.assumed ? PYRO_SAMPLE_ASSUMED : 0;
    int low = start.anchor;
    struct walk *w = &s->one;
    struct item below;
    int unchanged = t->stack_known ? stack_unchanged(t, &one, NULL, low) : 0;
    skip_unchanged(t, &start, unchanged);
    walk_view(s, t, &one, start.from, start.chunk, under(t, &start, &below), w);
    if (!last_try) {
        if (low > 0 && start.anchor == low && w->count == 0) {
            lower_read(s, t); /* it went down past the window's beginning in between */
            return AGAIN;
        }
        if (w->need != 0 && chase(s, t, &one, w->need))
            return AGAIN;
        /* A chunk may be given back and taken again, above others of another fill. */
        if (t->chunks_tick != s->tick && ends_below(t, &start, w)) {
            t->chunks_tick = s->tick;
            t->chunk_count = t->depth = 0;
            t->stack_known = false;
            return AGAIN;
        }
        if (w->need_cframe && plan_find_off(t, one.cframe) == NULL) {
            plan_add_off(s, t, one.cframe, true);
            return AGAIN;
        }
    }
    if (sampler_recheck(s, t, t->lower_fresh ? 0 : low, start.anchor, w)) {
        t->stack_known = false;
        t->depth = 0;
        if (!last_try)
            return AGAIN;
        sampler_emit(s, t, PYRO_NO_NODE, PYRO_SAMPLE_TOP_MOVED, 0, PYRO_NO_NODE, false);
        return TAKEN;
    }
    if (one.cframe != 0)
        plan_add_off(s, t, one.cframe, true);
    if (stack_keep(s, t, start.anchor, w) != 0)
        return DEAD;
    stack_note(t, &one);
    uint32_t second = PYRO_NO_NODE;
    uint32_t unverified = compare(s, t, &one, &two, low, &flags, &second);
    if (!last_try && both_doubt(s))
        return AGAIN;
    if (unverified > 0)
        s->hasty = t;
    sampler_emit(s, t, top_node(t), flags, unverified, second,
                 unverified > 0 || differ(t, &one, &two));
    return TAKEN;
}

/* More than a tick can spend between two reads, or in one? */
static bool is_long(const struct pyro_sampler *s, uint64_t ns)
{
    uint64_t most = HELD_NS + HELD_THREAD_NS * (uint64_t)s->thread_count, frames = 0;
    if (ns <= most)
        return false;
    for (int i = 0; i < s->thread_count; i++)
        frames += (uint64_t)s->threads[i]->depth;
    if (frames < s->frames) /* some of them may be forgotten by now */
        frames = s->frames;
    return ns > most + HELD_FRAME_NS * (frames + (uint64_t)s->one.count);
}

/* As read_threads, until no read is interrupted for a short while.  first: what is read gives the
 * tick its time.  Where the sampler had no CPU after that, all that the tick still reads is of long
 * after: such calls are slow. */
static ssize_t read_calmly(struct pyro_sampler *s, struct thread **threads, int count, bool first,
                           struct batch *batch)
{
    ssize_t got;
    int tries = TRIES;
    bool again;
    do {
        got = read_threads(s, threads, count, batch);
        again = batch->slow && batch->ns < AGAIN_MOST_NS;
        if (!first && !batch->learnt && is_long(s, batch->since))
            s->held = true;
    } while (again && !s->held && --tries > 0);
    batch->slow = batch->slow || s->held;
    if (!first && batch->slow && !again && is_long(s, batch->ns))
        s->held = true;
    return got;
}

/* Reads one thread again until its plan holds what its sample needs. */
static enum verdict settle(struct pyro_sampler *s, struct thread *t)
{
    for (int i = 0; i < TRIES; i++) {
        struct batch batch;
        plan_thread(s, t);
        ssize_t got = read_calmly(s, &t, 1, false, &batch);
        if (got < 0 && (got == -ESRCH || got == -EPERM))
            return DEAD;
        if (got < (ssize_t)copied_bytes(t)) {
            /* something of the plan is not mapped any more: begin with little */
            plan_forget_off(t);
            t->chunk_count = 0;
            t->lower_fresh = false;
            t->depth = 0;
            t->stack_known = false;
            if (t->plan_count == 1)
                return DEAD;
            continue;
        }
        enum verdict verdict = judge(s, t, s->copies, batch.slow, i == TRIES - 1);
        if (verdict != AGAIN)
            return verdict;
    }
    take_hasty(s, t);
    return TAKEN;
}

/* ---- a tick */

enum { NO_TICK = 1 };

/* Programs whose stacks or code are new all the time would fill the memory: now and then all that
 * is known is forgotten, and a new stream begins, in which ids count from 0 again. */
static void begin_epoch(struct pyro_sampler *s)
{
    struct pyro_stream_fact fact = s->fact;
    struct pyro_stream *stream = NULL;
    struct codes *codes = codes_new(s->target);
    if (codes != NULL)
        pyro_format_stream_open(s->writer, &fact, &stream); /* a full disk is the writer's to say */
    if (stream == NULL) {
        codes_free(codes);
        return;
    }
    pyro_format_stream_close(s->writer, s->stream);
    s->fact = fact;
    s->stream = stream;
    codes_free(s->codes);
    s->codes = codes;
    pyro_base_map_release(&s->nodes);
    for (int i = 0; i < s->thread_count; i++) {
        struct thread *t = s->threads[i];
        t->stack_known = t->lower_fresh = t->last_sure = false;
        t->depth = 0;
        t->last_node = PYRO_NO_NODE;
        threads_name(s, t);
    }
}

static void keep_tick(struct pyro_sampler *s, uint64_t number, uint64_t at)
{
    pyro_format_stream_tick(s->stream, number, at);
    s->sums.ticks++;
    s->sums.missed += s->skipped;
    s->skipped = 0;
}

/* Walks the list of threads again and samples those that this tick has no sample of. */
static void sample_new_threads(struct pyro_sampler *s)
{
    if (threads_refresh(s) != 0) {
        s->head = 0; /* again at the next tick */
        return;
    }
    for (int i = 0; i < s->thread_count; i++)
        if (s->threads[i]->sample_tick != s->tick && settle(s, s->threads[i]) == DEAD)
            s->head = 0;
}

/* Python's frames are written by whoever holds the GIL alone.  If it has not gone from one thread
 * to another since the last tick began, whose copies were made after that was asked, none but its
 * last holder can have run since.  Returns that one's state; 0: others can have run. */
static uint64_t only_runner(struct pyro_sampler *s)
{
    const struct pyro_layout *lay = s->lay;
    const size_t size = (size_t)lay->gil_switches + 8;
    uint8_t gil[256];
    if (s->gil == 0 || s->thread_count < MANY || size > sizeof gil ||
        pyro_target_read(s->target, s->gil, gil, size) != 0)
        return 0;
    uint64_t switches = word(gil + lay->gil_switches);
    bool same =
        switches == s->switches && s->switches_tick + 1 == s->tick && s->tick % ALL_EVERY != 0;
    s->switches = switches;
    s->switches_tick = s->tick;
    return same ? word(gil + lay->gil_holder) : 0;
}

/* The threads that have to be read in this tick.  The others' samples are as at the last one. */
static int choose_threads(struct pyro_sampler *s)
{
    if (s->thread_count > s->todo_cap) {
        struct thread **more = realloc(s->todo, (size_t)s->thread_count * sizeof(struct thread *));
        if (more == NULL)
            return PYRO_E_NOMEM;
        s->todo = more;
        s->todo_cap = s->thread_count;
    }
    uint64_t runner = only_runner(s);
    int count = 0;
    s->frames = 0;
    for (int i = 0; i < s->thread_count; i++) {
        struct thread *t = s->threads[i];
        s->frames += (uint64_t)t->depth;
        t->rests = runner != 0 && t->state != runner && t->has_gil && t->last_sure &&
                   t->sample_tick + 1 == s->tick;
        if (!t->rests)
            s->todo[count++] = t;
    }
    if (count == 0) { /* one at least, for what is read with it */
        s->threads[0]->rests = false;
        s->todo[count++] = s->threads[0];
    }
    return count;
}

/* Of the threads that were not read. */
static void repeat_samples(struct pyro_sampler *s)
{
    for (int i = 0; i < s->thread_count; i++) {
        struct thread *t = s->threads[i];
        if (t->rests)
            sampler_emit(s, t, t->last_node, t->last_flags, 0, PYRO_NO_NODE, false);
    }
}

/* Those that rested may have run since that was asked: they are read after all.  How many. */
static int choose_rested(struct pyro_sampler *s)
{
    int count = 0;
    for (int i = 0; i < s->thread_count; i++) {
        if (s->threads[i]->rests)
            s->todo[count++] = s->threads[i];
        s->threads[i]->rests = false;
    }
    return count;
}

/* The samples of the first `todo` of s->todo, in as few calls as can be.  number: the tick's, if it
 * begins with these.  Sets *late if what rests cannot be taken to rest still, *stale if a thread
 * has ended.  0 or PYRO_E_GONE. */
static int read_chosen(struct pyro_sampler *s, int todo, const uint64_t *number, bool *late,
                       bool *stale)
{
    for (int begin = 0; begin < todo;) {
        int count = 0, iovecs = 0;
        while (begin + count < todo) {
            struct thread *t = s->todo[begin + count];
            t->lower_fresh = false;
            plan_thread(s, t);
            int more = 2 * t->plan_count + GAP_MOST;
            if (count > 0 && iovecs + more > IOVECS_MOST)
                break;
            iovecs += more;
            count++;
        }
        struct batch batch;
        const bool first = begin == 0 && number != NULL;
        ssize_t got = read_calmly(s, &s->todo[begin], count, first, &batch);
        if (got == -ESRCH || got == -EPERM)
            return PYRO_E_GONE;
        if (first) {
            keep_tick(s, *number, batch.middle);
            *late = batch.middle > s->now + RESTED_NS;
            if (!*late)
                repeat_samples(s);
        }
        size_t at = 0;
        struct thread *again[IOVECS_MOST];
        int again_count = 0;
        for (int i = 0; i < count; i++) {
            struct thread *t = s->todo[begin + i];
            size_t size = copied_bytes(t);
            enum verdict verdict = AGAIN;
            if (got >= 0 && at + size <= (size_t)got)
                verdict = judge(s, t, s->copies + at, batch.slow, false);
            at += size;
            if (verdict == AGAIN)
                again[again_count++] = t;
            else if (verdict == DEAD)
                *stale = true;
        }
        for (int i = 0; i < again_count; i++)
            if (settle(s, again[i]) == DEAD)
                *stale = true;
        begin += count;
    }
    return 0;
}

/* A program may execute itself again, with all that does not move at the same addresses. */
static uint64_t memory_of(const struct pyro_sampler *s)
{
    struct pyro_proc_stat stat;
    pid_t pid = pyro_target_pid(s->target);
    return pid != PYRO_CORE_PID && pyro_target_proc_stat(pid, 0, &stat) == 0 ? stat.memory : 0;
}

static bool is_another(struct pyro_sampler *s, uint64_t now)
{
    bool was_there = s->skipped == 0;
    if (was_there && now < s->exec_ns + EXEC_NS)
        return false;
    uint64_t memory = memory_of(s);
    s->exec_ns = now;
    return memory != 0 && memory != s->memory;
}

static int take_tick(struct pyro_sampler *s, uint64_t number, uint64_t now)
{
    if (s->nodes.len > s->nodes_most || codes_bytes(s->codes) > CODES_MOST)
        begin_epoch(s);
    uint64_t every = pyro_target_has_others(s->target) ? OTHERS_EVERY : THREADS_EVERY;
    if (s->head_now != s->head || s->tick - s->threads_tick >= every || s->thread_count == 0) {
        int rc = threads_refresh(s);
        if (rc != 0)
            return rc;
        s->head_now = s->head;
    }
    if (s->thread_count == 0)
        return NO_TICK; /* the interpreter is ending (or not begun) */
    if (is_another(s, now))
        return PYRO_E_GONE;
    s->tick++;
    s->hasty = NULL;
    s->held = false;
    s->now = now;
    states_tick(s);
    const int todo = choose_threads(s);
    if (todo < 0)
        return todo;
    bool stale = false, late = false;
    int rc = read_chosen(s, todo, &number, &late, &stale);
    if (rc == 0 && late)
        rc = read_chosen(s, choose_rested(s), NULL, &late, &stale);
    if (rc != 0)
        return rc;
    if (stale) /* threads ended; others may have taken their places */
        sample_new_threads(s);
    threads_rename(s);
    delays_tick(s);
    still_tick(s);
    return 0;
}

int pyro_sample_new(struct pyro_sampler **out, struct pyro_target *target,
                    struct pyro_writer *writer, uint32_t process, struct pyro_sample_clock *clock,
                    const struct pyro_sampler_options *options, struct pyro_error *err)
{
    struct pyro_sampler *s = calloc(1, sizeof *s);
    if (s == NULL)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory while preparing to sample.");
    s->target = target;
    s->lay = pyro_target_layout(target);
    s->writer = writer;
    s->options = *options;
    s->clock = clock;
    s->next_tick = clock->next;
    s->random = clock->schedule.seed + process;
    s->nodes_most = NODES_MOST;
    s->codes = codes_new(target);
    s->apart = pyro_target_is_apart(pyro_target_pid(target));
    uint32_t unit = 256;
    while (unit * 2 <= clock->schedule.period_ns / 64)
        unit *= 2;
    s->fact = (struct pyro_stream_fact){
        .kind = {"samples", strlen("samples")},
        .process = process,
        .period_ns = clock->schedule.period_ns,
        .first_ns = clock->schedule.first_ns,
        .seed = clock->schedule.seed,
        .lateness_unit_ns = unit,
    };
    int rc =
        s->codes == NULL ? PYRO_E_NOMEM : pyro_format_stream_open(writer, &s->fact, &s->stream);
    if (rc == 0)
        rc = threads_refresh(s);
    if (rc != 0) {
        pyro_sample_free(s);
        return pyro_base_fail(err, rc, "The threads of process %d cannot be read: %s.",
                              (int)pyro_target_pid(target), pyro_base_code_text(rc));
    }
    s->kept_ns = s->exec_ns = pyro_base_monotonic_ns();
    s->memory = memory_of(s);
    *out = s;
    return 0;
}

void pyro_sample_free(struct pyro_sampler *s)
{
    if (s == NULL)
        return;
    variables_tell(s);
    still_forget(s);
    if (s->stream != NULL)
        pyro_format_stream_close(s->writer, s->stream);
    for (int i = 0; i < s->thread_count; i++)
        threads_free_one(s, s->threads[i]);
    free(s->threads);
    free(s->states);
    free(s->todo);
    free(s->buffer);
    free(s->lower[0]);
    free(s->lower[1]);
    free(s->iovecs);
    free(s->shapes);
    free(s->one.items);
    free(s->two.items);
    pyro_base_map_release(&s->nodes);
    pyro_base_map_release(&s->tasks);
    codes_free(s->codes);
    free(s);
}

int pyro_sample_take(struct pyro_sampler *s)
{
    uint64_t number = s->clock->tick, now = s->clock->now;
    if (s->resumed)
        s->next_tick = number;
    s->resumed = false;
    if (s->fact.period_ns > 0 && number > s->next_tick)
        s->sums.missed += number - s->next_tick;
    s->next_tick = number + 1;
    int rc = take_tick(s, number, now);
    if (rc == PYRO_E_GONE || rc == PYRO_E_PERMISSION)
        return PYRO_E_GONE;
    if (rc == 0) {
        s->misses = 0;
        s->kept_ns = now;
        return 0;
    }
    s->skipped++;
    if (rc != NO_TICK) {
        s->sums.broken++;
        s->misses++;
    }
    bool gone = s->misses >= MISSES_MOST || (s->misses > 0 && s->fact.period_ns > MISSED_MOST_NS);
    return gone || now > s->kept_ns + MISSED_MOST_NS ? PYRO_E_GONE : 0;
}

void pyro_sample_resume(struct pyro_sampler *s)
{
    begin_epoch(s);
    for (int i = 0; i < s->thread_count; i++)
        s->threads[i]->delay_at = 0; /* how it was scheduled meanwhile is nobody's to know */
    s->resumed = true;
    s->kept_ns = pyro_base_monotonic_ns();
}

void pyro_sample_status(const struct pyro_sampler *s, struct pyro_status_fact *out)
{
    out->ticks = s->sums.ticks + s->sums.missed;
    out->missed = s->sums.missed;
    out->planned = s->sums.planned;
    out->discarded = s->sums.discarded;
    out->taken = s->sums.taken;
    out->assumed = s->sums.assumed;
    out->broken = s->sums.broken;
}
