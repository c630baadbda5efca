/*
 * walk: from the copied bytes of one read to the frames in them, bottom up, by the frames' own
 * marks.  The copy was made while the thread ran, so each frame must prove that it is alive before
 * it is believed; at the first that cannot, the walk stops and its caller is charged.  What each
 * mark means in each version is in docs/internals/sampling.md.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_311 0x030b
#define VERSION_313 0x030d
#define CHAIN_MOST 512
#define OFTEN 1000    /* in one of so many ticks, ... */
#define OFTEN_LEAST 8 /* ... and in so many at least */

struct header {
    uint64_t at, previous, executable, function;
    int stacktop;        /* -1: running; -2: not one */
    bool entry;          /* 3.11: a C function called it */
    int32_t raw;         /* the instruction pointer's offset */
    int32_t instruction; /* the instruction it belongs to */
    struct code *code;
};

struct tail { /* the frame under the one that is looked at */
    uint64_t at;
    const uint8_t *bytes;
    size_t size; /* bytes of it that were read */
    struct code *code;
    int stacktop;
    bool calls;   /* its instruction can push a function's frame, as far as we know, ... */
    bool resumes; /* ... or that of a generator */
    int32_t raw;  /* where that is */
};

const uint8_t *walk_locate(const struct view *view, uint64_t at, size_t size, size_t *rest)
{
    for (int i = view->count - 1; i >= 0; i--) {
        const struct region *r = &view->regions[i];
        if (at >= r->start && at < r->end && r->end - at >= size) {
            if (rest != NULL)
                *rest = r->end - at;
            return r->bytes + (at - r->start);
        }
    }
    return NULL;
}

static bool on_chunk(const struct thread *t, uint64_t at)
{
    for (int i = t->chunk_count - 1; i >= 0; i--)
        if (at >= t->chunks[i].at && at < t->chunks[i].end)
            return true;
    return false;
}

static int stacktop_of(const struct pyro_layout *lay, const uint8_t *bytes, uint64_t at)
{
    if (lay->frame_stacktop >= 0)
        return word32(bytes + lay->frame_stacktop);
    uint64_t slots = word(bytes + lay->frame_stackpointer) - at - (uint64_t)lay->frame_locals;
    return (slots & 7) != 0 || slots > 8 * 65536 ? -2 : (int)(slots / 8);
}

static void read_marks(const struct pyro_sampler *s, const uint8_t *bytes, uint64_t at,
                       struct header *h)
{
    const struct pyro_layout *lay = s->lay;
    uint64_t tags = (uint64_t)lay->tag_mask;
    h->at = at;
    h->previous = word(bytes + lay->frame_previous);
    h->executable = word(bytes + lay->frame_executable) & ~tags;
    h->function = word(bytes + lay->frame_function) & ~tags;
    h->stacktop = stacktop_of(lay, bytes, at);
    h->entry = lay->frame_is_entry >= 0 && bytes[lay->frame_is_entry] != 0;
    h->code = NULL;
    h->raw = h->instruction = -1;
}

/* What stands above the top of a stack is left over from other frames, and is looked at in every
 * copy.  The very words that were no frame need not be asked about again for a while. */
static struct no_frame *known_no_frame(struct pyro_sampler *s, const struct header *h, uint64_t ip,
                                       bool *known)
{
    struct no_frame *slot = &s->no_frames[pyro_base_mix(h->executable) % NO_FRAMES];
    *known = slot->executable == h->executable && slot->ip == ip && slot->previous == h->previous &&
             slot->function == h->function && s->tick < slot->until;
    return slot;
}

/* Is there a code object, and is the instruction pointer within it? */
static bool read_code(struct pyro_sampler *s, const uint8_t *bytes, struct header *h)
{
    uint64_t ip = word(bytes + s->lay->frame_ip);
    int64_t offset = (int64_t)(ip - h->executable - (uint64_t)s->lay->code_adaptive);
    if (offset < -2 || offset >= PYRO_CODE_SIZE_MAX || (h->previous & 7) != 0)
        return false;
    bool known;
    struct no_frame *slot = known_no_frame(s, h, ip, &known);
    if (known)
        return false;
    struct code *code = codes_get(s->codes, h->executable);
    if (code == NULL)
        *slot =
            (struct no_frame){h->executable, ip, h->previous, h->function, s->tick + REFRESH_TICKS};
    if (code == NULL || offset >= code->facts.size)
        return false;
    h->code = code;
    h->raw = (int32_t)offset;
    h->instruction = offset >= 0 && code->starts != NULL ? code->starts[offset / 2] : h->raw;
    return true;
}

static bool is_returning(const struct pyro_sampler *s, const struct header *h)
{
    int op = h->code->facts.bytecode[h->raw < 0 ? 0 : h->raw];
    for (const int *known = s->lay->op_return; *known >= 0; known++)
        if (*known == op)
            return true;
    return false;
}

/* Has a generator's frame moved into its object?  That is done by the first instruction but those
 * that make cells; what stays on the chunk is left over. */
static bool has_moved(const struct pyro_sampler *s, const struct header *h)
{
    const uint8_t *bytecode = h->code->facts.bytecode;
    int made = s->lay->op_return[1];
    if (h->raw < 0 || h->raw > 2 * (h->code->facts.nlocalsplus + 2))
        return false;
    return (bytecode[h->raw] == made && h->stacktop >= 0 && s->lay->frame_stacktop >= 0) ||
           (h->raw >= 2 && bytecode[h->raw - 2] == made);
}

static bool has_op(const uint32_t bits[8], uint8_t op)
{
    return (bits[op / 32] >> op % 32 & 1) != 0;
}

/* Is the instruction one of those?  On 3.11 and 3.12 it is followed by inline caches, on the last
 * of which the pointer of a caller stands: any unit from the location's beginning on will do. */
static bool is_one_of(const uint32_t ops[8], const struct code *code, int32_t instruction,
                      int32_t raw)
{
    if (code->facts.hidden || instruction < 0)
        return code->facts.hidden;
    for (int32_t at = instruction; at <= raw; at += 2) {
        if (has_op(ops, code->facts.bytecode[at]))
            return true;
    }
    return false;
}

static bool owns(struct pyro_sampler *s, const struct header *h)
{
    return h->code->facts.hidden || codes_function_has(s->codes, h->function, h->code);
}

/* Does the callable of this frame stand in the stack slot that the caller popped it from? */
static bool is_callee(const struct pyro_sampler *s, const struct tail *tail, const struct header *h)
{
    size_t slot = (size_t)s->lay->frame_locals + (size_t)tail->stacktop * 8;
    if (tail->bytes == NULL || tail->stacktop < 0 || slot + 16 > tail->size)
        return false;
    uint64_t tags = (uint64_t)s->lay->tag_mask;
    return (word(tail->bytes + slot) & ~tags) == h->function ||
           (word(tail->bytes + slot + 8) & ~tags) == h->function;
}

/* A caller that pushed this frame itself still has the callable in the stack slot it popped it
 * from.  False if another Python function stands there. */
static bool called_by(struct pyro_sampler *s, const struct tail *tail, const struct header *h)
{
    size_t slot = (size_t)s->lay->frame_locals + (size_t)tail->stacktop * 8;
    if (tail->code->facts.hidden || h->code->facts.hidden)
        return true;
    if (slot + 16 > (size_t)tail->code->facts.frame_bytes || slot + 16 > tail->size)
        return slot + 16 <= (size_t)tail->code->facts.frame_bytes; /* not read: no objection */
    uint64_t tags = (uint64_t)s->lay->tag_mask;
    uint64_t first = word(tail->bytes + slot) & ~tags,
             second = word(tail->bytes + slot + 8) & ~tags;
    if (first == h->function || second == h->function)
        return true;
    uint64_t callable = first;
    if (s->lay->version < VERSION_313 && first == 0)
        callable = second;
    return !codes_is_function(s->codes, callable, false) ||
           !codes_is_function(s->codes, callable, true);
}

/* Does the caller stand where nothing else runs, not even through C?  Instructions are rewritten
 * while the program runs, and one that is traced calls: it is asked what stands there now.  One
 * that calls is not asked again for a while. */
static bool is_quiet(struct pyro_sampler *s, const struct tail *tail)
{
    uint64_t at = tail->code->facts.address + (uint64_t)s->lay->code_adaptive + (uint64_t)tail->raw;
    struct calling *known = &s->callings[pyro_base_mix(at) % CALLINGS];
    uint8_t op;
    if (tail->bytes == NULL || tail->raw < 0 || (known->at == at && s->tick < known->until) ||
        pyro_target_read(s->target, at, &op, 1) != 0)
        return false;
    if (has_op(s->lay->op_quiet, op))
        return true;
    *known = (struct calling){at, s->tick + REFRESH_TICKS};
    return false;
}

struct item *walk_push(struct walk *out)
{
    if (out->count == out->cap) {
        int cap = out->cap ? out->cap * 2 : 256;
        struct item *more = realloc(out->items, (size_t)cap * sizeof *more);
        if (more == NULL)
            return NULL;
        out->items = more;
        out->cap = cap;
    }
    return &out->items[out->count++];
}

static void note_marks(const struct pyro_sampler *s, struct tail *tail, const struct header *h)
{
    tail->code = h->code;
    tail->stacktop = h->stacktop;
    tail->raw = h->raw;
    tail->calls = is_one_of(s->lay->op_calls, h->code, h->instruction, h->raw);
    tail->resumes = is_one_of(s->lay->op_resumes, h->code, h->instruction, h->raw);
}

static void set_tail(struct pyro_sampler *s, const struct view *view, const struct item *item,
                     struct tail *tail)
{
    *tail = (struct tail){.at = item->at, .code = item->code, .stacktop = -2};
    tail->calls = tail->resumes = true;
    tail->bytes = walk_locate(view, item->at, (size_t)s->lay->frame_locals, &tail->size);
    if (tail->bytes == NULL)
        return;
    struct header h = {0};
    read_marks(s, tail->bytes, item->at, &h);
    tail->stacktop = h.stacktop;
    if (h.executable == item->code->facts.address && read_code(s, tail->bytes, &h))
        note_marks(s, tail, &h);
}

/* A generator in a copy of its bytes, which say that it is executing. */
struct executing {
    struct item item;
    bool pushes;  /* it stands where it can have called what is on top of it, ... */
    bool resumes; /* ... and have resumed a generator itself, ... */
    bool waits;   /* ... and has put its stack away for what it pushed */
};

static bool read_executing(struct pyro_sampler *s, const struct off *off, const uint8_t *bytes,
                           struct executing *out)
{
    const struct pyro_layout *lay = s->lay;
    uint32_t before = (uint32_t)(lay->generator_frame - lay->generator_state);
    struct header h;
    if (before > off->before || bytes[lay->frame_owner] != lay->owner_generator ||
        (int8_t) * (bytes - before) != lay->state_executing)
        return false;
    read_marks(s, bytes, off->at, &h);
    if (!read_code(s, bytes, &h) || !owns(s, &h))
        return false;
    out->item = (struct item){off->at, h.previous, h.code, h.function, h.instruction, 0, false, -1};
    const bool resumes = is_one_of(lay->op_resumes, h.code, h.instruction, h.raw);
    out->pushes = resumes || is_one_of(lay->op_calls, h.code, h.instruction, h.raw);
    out->resumes = resumes && h.stacktop != -1;
    out->waits = h.stacktop >= 0 && lay->frame_stacktop >= 0;
    return true;
}

/* A generator is copied a moment after the frames above it, and may have gone on by then.  That
 * they are alive shows that it waited for them, and how it does is known from earlier. */
static bool recall(struct pyro_sampler *s, const struct off *off, uint64_t above, struct item *out)
{
    for (int i = 0; i < WAITS && off->waits != NULL; i++) {
        const struct waiting *w = &off->waits[i];
        struct code *code = w->above == above ? codes_get(s->codes, w->executable) : NULL;
        if (code == NULL || w->instruction >= code->facts.size ||
            !codes_function_has(s->codes, w->function, code))
            continue;
        *out = (struct item){off->at, w->previous, code, w->function, w->instruction, 0, false, -1};
        return true;
    }
    return false;
}

static void remember(struct thread *t, const struct item *item, uint64_t above)
{
    struct off *off = plan_find_off(t, item->at);
    if (off == NULL || (off->waits == NULL && !(off->waits = calloc(WAITS, sizeof *off->waits))))
        return;
    int i = 0;
    while (i < WAITS - 1 && off->waits[i].above != above)
        i++;
    memmove(off->waits + 1, off->waits, (size_t)i * sizeof *off->waits);
    off->waits[0] = (struct waiting){above, item->previous, item->code->facts.address,
                                     item->function, item->instruction};
}

/* Does the first of `found` wait for the frame of that header? */
static bool waits_for(struct pyro_sampler *s, const struct view *view, const struct item *item,
                      const struct header *h)
{
    struct tail tail;
    if (h->previous != item->at || h->entry) /* called from C: it does not say */
        return true;
    set_tail(s, view, item, &tail);
    return tail.bytes == NULL || (tail.calls && tail.stacktop >= 0 && called_by(s, &tail, h));
}

/* May a function stand there, on a generator that called it through C?  The generator's marks do
 * not say what it called so; and it is copied a moment after what stands on it, and may have gone
 * on.  It is believed where both copies of a sample showed it once, or where it is seen time and
 * again, which the profile can judge. */
static bool is_known(struct pyro_sampler *s, const struct item *under, uint64_t above,
                     struct walk *out)
{
    uint64_t key = pyro_base_mix(under->code->facts.address + (uint64_t)under->instruction +
                                 pyro_base_mix(above));
    struct standing *known = &s->standings[key % STANDINGS];
    if (known->key != key && !known->agreed)
        *known = (struct standing){.key = key, .since = s->tick};
    if (known->key == key && known->last != s->tick) {
        known->seen++;
        known->last = s->tick;
    }
    if (known->key == key && (known->agreed || (known->seen >= OFTEN_LEAST &&
                                                known->seen * OFTEN >= s->tick - known->since)))
        return true;
    if (out->unknown_count < UNKNOWNS)
        out->unknown[out->unknown_count++] = key;
    return false;
}

void walk_agree(struct pyro_sampler *s)
{
    for (int i = 0; i < s->one.unknown_count; i++)
        for (int k = 0; k < s->two.unknown_count; k++)
            if (s->one.unknown[i] == s->two.unknown[k])
                s->standings[s->one.unknown[i] % STANDINGS] =
                    (struct standing){.key = s->one.unknown[i], .agreed = true};
}

/* Follows ->previous from an address off the chunks down to the first frame on one (or to the
 * bottom, 0).  above: the header of the frame on top, or NULL.  Puts the running generators met
 * into found, topmost first.  Returns their number; -1 if what is there does not fit; -2 if
 * something was not read (out->need). */
static int follow(struct pyro_sampler *s, struct thread *t, const struct view *view, uint64_t at,
                  const struct header *above, struct item *found, struct walk *out, uint64_t *end)
{
    const struct pyro_layout *lay = s->lay;
    int count = 0, seen = 0; /* seen: of those, from the top down, that are as they were read */
    uint64_t function = above != NULL ? above->function : 0;
    bool pushed = above != NULL && !above->entry; /* what is on top, by what is below it */
    for (int hops = 0; at != 0 && !on_chunk(t, at); hops++) {
        if (hops == CHAIN_MOST || (at & 7) != 0)
            return -1;
        struct off *off = plan_find_off(t, at);
        const uint8_t *bytes = NULL;
        if (off != NULL)
            bytes =
                walk_locate(view, at - off->before, off->before + (size_t)lay->frame_locals, NULL);
        if (bytes == NULL) {
            out->need = at;
            return -2;
        }
        bytes += off->before;
        off->last_used = s->tick;
        if (lay->owner_cstack >= 0 && bytes[lay->frame_owner] == lay->owner_cstack) {
            at = word(bytes + lay->frame_previous);
            pushed = false;
            continue;
        }
        struct item *item = &found[count];
        struct executing read = {0};
        const bool executing = read_executing(s, off, bytes, &read);
        bool calls = executing && (function == 0 || read.pushes) &&
                     (count > 0 ? !pushed || read.resumes
                                : above == NULL || waits_for(s, view, &read.item, above));
        const struct item *top = count > 0 ? &found[count - 1] : NULL;
        const bool by_c = calls && function != 0 && !pushed;
        const bool known =
            !by_c || is_known(s, &read.item,
                              top != NULL ? top->code->facts.address : above->executable, out);
        /* What a function leaves behind at its end may run code while its caller waits for it. */
        const bool doubtful = by_c && (read.waits || !known);
        *item = read.item;
        if ((!calls || doubtful) && function != 0 && recall(s, off, function, item)) {
            calls = false;
        } else if (!calls) {
            if (!executing || above != NULL)
                return -1;
            found[0] = *item; /* what it called was read at another moment: it is the top */
            count = seen = 0;
            item = &found[0];
            calls = true;
        }
        if (calls && doubtful && (!known || top != NULL))
            out->unsure = top != NULL ? top->at : above->at;
        else if (calls && count == seen)
            seen++;
        pushed = lay->version != VERSION_311;
        off->size = (uint32_t)item->code->facts.frame_bytes;
        function = item->function;
        at = item->previous;
        count++;
    }
    *end = at;
    for (int i = 0; i < seen; i++) {
        uint64_t on_top = i > 0 ? found[i - 1].function : above != NULL ? above->function : 0;
        if (on_top != 0)
            remember(t, &found[i], on_top);
    }
    return count;
}

static void append_reversed(struct walk *out, const struct item *found, int count)
{
    while (count-- > 0) {
        struct item *slot = walk_push(out);
        if (slot == NULL)
            return;
        *slot = found[count];
    }
}

/* The longest chain of executing generators that stands on the topmost frame walked. */
static int climb(struct pyro_sampler *s, struct thread *t, const struct view *view, uint64_t top,
                 struct item *found, struct walk *out)
{
    struct executing executing[MAX_OFF];
    struct item chain[CHAIN_MOST];
    int count = 0, most = 0;
    for (int i = 0; i < t->off_count; i++) {
        const struct off *off = &t->off[i];
        const uint8_t *bytes = walk_locate(view, off->at - off->before,
                                           off->before + (size_t)s->lay->frame_locals, NULL);
        if (bytes != NULL && read_executing(s, off, bytes + off->before, &executing[count]))
            count++;
    }
    for (int i = 0; i < count; i++) {
        bool topmost = true;
        for (int k = 0; k < count && topmost; k++)
            topmost = executing[k].item.previous != executing[i].item.at;
        uint64_t end;
        int length = topmost ? follow(s, t, view, executing[i].item.at, NULL, chain, out, &end) : 0;
        if (length > most && end == top) {
            most = length;
            memcpy(found, chain, (size_t)length * sizeof *found);
        }
    }
    return most;
}

/* A frame that stands above where the thread runs may be left over from before.  It is if it is
 * there again at another tick. */
static bool is_left_over(struct pyro_sampler *s, struct thread *t, const struct item *item)
{
    bool again = t->suspect.at == item->at && t->suspect.instruction == item->instruction &&
                 t->suspect.tick != s->tick;
    if (!again && (t->suspect.at != item->at || t->suspect.instruction != item->instruction)) {
        t->suspect.at = item->at;
        t->suspect.instruction = item->instruction;
        t->suspect.tick = s->tick;
    }
    return again;
}

static bool stands_below(const struct walk *w, int end, uint64_t at)
{
    for (int i = 0; i < end; i++)
        if (w->items[i].at == at)
            return true;
    return false;
}

/* The generators on top of the frames on the chunks: by their own marks, or else by what
 * current_frame says, which was read last. */
static void walk_top(struct pyro_sampler *s, struct thread *t, const struct view *view,
                     uint64_t top, bool doubtful, struct walk *out)
{
    struct item found[CHAIN_MOST];
    uint64_t end;
    int count = climb(s, t, view, top, found, out);
    out->need_cframe = !view->current_known && view->cframe != 0;
    if (count > 0) {
        append_reversed(out, found, count);
        out->need = 0;
        if (!view->current_known || view->current == 0 || on_chunk(t, view->current))
            return;
        /* is there one that is not known yet? */
        follow(s, t, view, view->current, NULL, found, out, &end);
        return;
    }
    if (!view->current_known || view->current == 0 || on_chunk(t, view->current))
        return;
    count = follow(s, t, view, view->current, NULL, found, out, &end);
    if (count <= 0)
        return;
    int under = out->count;
    while (under > 0 && out->items[under - 1].at != end)
        under--;
    if ((under == 0 || end == 0) && out->count > 0)
        return; /* made for another moment than the blocks */
    if (under < out->count && (!doubtful || !is_left_over(s, t, &out->items[out->count - 1])))
        return;
    out->count = under;
    append_reversed(out, found, count);
}

bool walk_header(struct pyro_sampler *s, const struct view *view, uint64_t at, struct item *out)
{
    const uint8_t *bytes = walk_locate(view, at, (size_t)s->lay->frame_locals, NULL);
    struct header h;
    if (bytes == NULL)
        return false;
    read_marks(s, bytes, at, &h);
    if (!read_code(s, bytes, &h))
        return false;
    *out = (struct item){at, h.previous, h.code, h.function, h.instruction, 0, false, -1};
    return true;
}

static int region_of_chunk(const struct view *view, int chunk)
{
    for (int i = 0; i < view->blocks; i++)
        if (view->regions[i].chunk == chunk)
            return i;
    return -1;
}

void walk_view(struct pyro_sampler *s, struct thread *t, const struct view *view, uint64_t from,
               int chunk, const struct item *below, struct walk *out)
{
    const struct pyro_layout *lay = s->lay;
    const bool has_stacktop = lay->frame_stacktop >= 0, is_311 = lay->version == VERSION_311;
    struct tail tail = {0};
    struct item found[CHAIN_MOST];
    int boundary = -1; /* items above which a C function called back */
    bool last_running = true;
    out->count = 0;
    out->need = 0;
    out->need_cframe = false;
    out->unsure = 0;
    out->unknown_count = 0;
    out->doubt.at = 0;
    int r = region_of_chunk(view, chunk);
    /* The frame at `from` was believed before, but in the pieces of what lies below the window, and
     * its link is not judged again. */
    bool first = below == NULL || !view->partial;
    const uint64_t below_at = below != NULL ? below->at : 0;
    if (below != NULL)
        set_tail(s, view, below, &tail);
    uint64_t at = from;
    if (!view->partial && chunk == 0 && from == t->chunks[0].first && view->top == from)
        r = -1; /* nothing runs: what stands there is of before */
    while (r >= 0 && out->count < MAX_DEPTH) {
        const struct region *region = &view->regions[r];
        if (at < region->start || at + (uint64_t)lay->frame_locals > region->end) {
            /* the next frame was pushed on the next chunk, if there is one */
            if (r + 1 >= view->blocks || region->chunk + 1 != view->regions[r + 1].chunk)
                break;
            r++;
            at = view->regions[r].start;
            if (at != t->chunks[view->regions[r].chunk].first)
                break;
            continue;
        }
        const uint8_t *bytes = region->bytes + (at - region->start);
        struct header h;
        read_marks(s, bytes, at, &h);
        bool adjacent = h.previous == tail.at;
        bool previous_on_chunk = on_chunk(t, h.previous), gone = false;
        if (!first && has_stacktop) {
            /* 3.11 links a frame called from C to its caller directly */
            if (is_311 && tail.stacktop == -1)
                adjacent = false;
            if (tail.stacktop == -1 && (adjacent || (!is_311 && previous_on_chunk)))
                break; /* the caller runs: what stands above it is stale */
        }
        if (h.executable < 4096 || !read_code(s, bytes, &h) || has_moved(s, &h))
            break;
        if (has_stacktop && !first) {
            bool returning = h.stacktop != -1 && is_returning(s, &h);
            /* 3.12 and 3.13 zero the mark of a frame that is popped; without locals it can be 0
             * in a call as well */
            bool zeroed =
                !is_311 && h.stacktop == 0 && (returning || h.code->facts.nlocalsplus > 0);
            /* The caller was copied before: if it waits for this very function, the function
             * returned in between. */
            gone = zeroed;
            if ((zeroed && !(adjacent && tail.calls && is_callee(s, &tail, &h))) ||
                (tail.stacktop == -1 && returning))
                break;
        }
        if (!owns(s, &h)) {
            out->doubt.at = at;
            out->doubt.function = h.function;
            out->doubt.code = h.executable;
            break;
        }
        if (!first) {
            int under = 0;
            if (!adjacent && previous_on_chunk && !(is_311 && h.previous == tail.at))
                break;
            if (!adjacent && !previous_on_chunk) {
                uint64_t end;
                under = follow(s, t, view, h.previous, &h, found, out, &end);
                if (under < 0 || end != tail.at)
                    break;
                if (under == 0 && !tail.calls && !tail.resumes && is_quiet(s, &tail))
                    break;
                append_reversed(out, found, under);
                adjacent = under > 0 && h.previous == found[0].at && !h.entry;
            } else {
                /* 3.11 links a frame that a C function called to the caller directly, but marks
                 * it */
                if (is_311 && adjacent == h.entry)
                    break;
                if (adjacent && tail.bytes != NULL &&
                    (!tail.calls || tail.stacktop < 0 || !called_by(s, &tail, &h)))
                    break;
            }
            if (!adjacent && boundary < 0)
                boundary = out->count;
        }
        struct item *item = walk_push(out);
        if (item == NULL)
            break;
        *item =
            (struct item){at, h.previous, h.code, h.function, h.instruction, 0, boundary >= 0, -1};
        first = false;
        last_running = h.stacktop == -1;
        if (gone || (h.raw <= 0 && !h.code->facts.hidden))
            break; /* just pushed: its slots are still another's */
        if (has_stacktop && h.stacktop >= 0 && is_returning(s, &h))
            break; /* on its way out */
        tail = (struct tail){.at = at, .bytes = bytes, .size = region->end - at};
        note_marks(s, &tail, &h);
        at += (uint64_t)h.code->facts.frame_bytes;
    }
    if (view->partial)
        return;
    /* 3.11 leaves the marks of a frame as they were when an exception took it away. */
    bool doubtful = is_311 && !last_running;
    if (doubtful && boundary > 0 && stands_below(out, boundary, view->current) &&
        is_left_over(s, t, &out->items[out->count - 1]))
        out->count = boundary;
    uint64_t need = out->need;
    walk_top(s, t, view, out->count > 0 ? out->items[out->count - 1].at : below_at, doubtful, out);
    if (need != 0)
        out->need = need;
}
