/*
 * A samples stream while it is being written: takes definitions, ticks and samples from the
 * sampling thread and gathers them in the current batch.  Samples are run-length encoded as they
 * come, so that a thread that stays where it is costs nothing but a counter.
 * Invariants: runs of one thread do not overlap and are in order; `open[t]` is the index of thread
 * t's last run in this batch, valid where `runs[open[t]].thread == t`.
 * Ignores samples without a tick, of a thread never defined, or a second one in the same tick.
 */
#include "format_priv.h"

#include <stdlib.h>

struct node {
    uint32_t parent, frame;
    uint32_t depth; /* frames up to and with this one */
    uint32_t stack; /* the id under which samples name it, or UINT32_MAX */
};

struct pyro_stream {
    struct pyro_stream_fact fact;
    struct pyro_batch *batch;
    struct pyro_strings *strings;
    struct pyro_vec first_lines;  /* uint32_t, by function */
    struct pyro_vec open;         /* uint32_t, by thread */
    struct pyro_vec open_seconds; /* the same for the batch's seconds ... */
    struct pyro_vec open_states;  /* ... and states */
    struct pyro_vec nodes;        /* struct node */
    uint32_t frames, stacks;
    uint32_t last_stack; /* the node of the batch's last stack, or PYRO_NO_NODE */
    uint64_t last_tick;  /* number of the last kept tick; valid if any */
    bool any;
    uint64_t last_units; /* period 0: of the last kept tick, behind first_ns */
    bool ended;
};

/* ---- batches */

struct pyro_batch *pyro_format_batch_new(uint32_t stream)
{
    struct pyro_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->stream = stream;
    b->string_sizes = PYRO_VEC(uint32_t);
    b->functions = PYRO_VEC(struct pyro_function_row);
    b->frames = PYRO_VEC(struct pyro_frame_row);
    b->stacks = PYRO_VEC(struct pyro_stack_row);
    b->stack_frames = PYRO_VEC(uint32_t);
    b->threads = PYRO_VEC(struct pyro_thread_row);
    b->lateness = PYRO_VEC(uint64_t);
    b->gaps = PYRO_VEC(struct pyro_tick_gap);
    b->runs = PYRO_VEC(struct pyro_entry_run);
    b->seconds = PYRO_VEC(struct pyro_entry_run);
    b->states = PYRO_VEC(struct pyro_entry_run);
    b->delays = PYRO_VEC(struct pyro_delay_fact);
    b->stills = PYRO_VEC(uint32_t);
    return b;
}

void pyro_format_batch_free(struct pyro_batch *b)
{
    if (!b)
        return;
    pyro_base_buf_release(&b->string_bytes);
    pyro_base_vec_release(&b->string_sizes);
    pyro_base_vec_release(&b->functions);
    pyro_base_vec_release(&b->frames);
    pyro_base_vec_release(&b->stacks);
    pyro_base_vec_release(&b->stack_frames);
    pyro_base_vec_release(&b->threads);
    pyro_base_vec_release(&b->lateness);
    pyro_base_vec_release(&b->gaps);
    pyro_base_vec_release(&b->runs);
    pyro_base_vec_release(&b->seconds);
    pyro_base_vec_release(&b->states);
    pyro_base_vec_release(&b->delays);
    pyro_base_vec_release(&b->stills);
    free(b);
}

bool pyro_format_batch_is_empty(const struct pyro_batch *b)
{
    return !(b->string_sizes.len | b->functions.len | b->frames.len | b->stacks.len |
             b->threads.len | b->lateness.len | b->delays.len | b->stills.len);
}

size_t pyro_format_batch_bytes(const struct pyro_batch *b)
{
    const struct pyro_vec *vecs[] = {&b->string_sizes, &b->functions, &b->frames, &b->stacks,
                                     &b->threads,      &b->lateness,  &b->gaps,   &b->runs,
                                     &b->seconds,      &b->states,    &b->delays, &b->stack_frames,
                                     &b->stills};
    size_t bytes = b->string_bytes.len;
    for (size_t i = 0; i < sizeof vecs / sizeof *vecs; i++)
        bytes += vecs[i]->len * vecs[i]->elem;
    return bytes;
}

/* ---- the stream */

int pyro_format_stream_new(const struct pyro_stream_fact *fact, struct pyro_stream **out)
{
    struct pyro_stream *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return PYRO_E_NOMEM;
    s->fact = *fact;
    s->first_lines = PYRO_VEC(uint32_t);
    s->nodes = PYRO_VEC(struct node);
    s->last_stack = PYRO_NO_NODE;
    s->open = PYRO_VEC(uint32_t);
    s->open_seconds = PYRO_VEC(uint32_t);
    s->open_states = PYRO_VEC(uint32_t);
    s->strings = pyro_base_strings_new();
    s->batch = pyro_format_batch_new(fact->id);
    if (!s->strings || !s->batch) {
        pyro_format_stream_free(s);
        *out = NULL;
        return PYRO_E_NOMEM;
    }
    s->batch->first[PYRO_TABLE_STRINGS] = 1; /* string 0, the empty one, needs no definition */
    return 0;
}

void pyro_format_stream_free(struct pyro_stream *s)
{
    if (!s)
        return;
    pyro_format_batch_free(s->batch);
    pyro_base_strings_free(s->strings);
    pyro_base_vec_release(&s->first_lines);
    pyro_base_vec_release(&s->nodes);
    pyro_base_vec_release(&s->open);
    pyro_base_vec_release(&s->open_seconds);
    pyro_base_vec_release(&s->open_states);
    free(s);
}

void pyro_format_stream_end(struct pyro_stream *s)
{
    s->ended = true;
}

bool pyro_format_stream_is_over(const struct pyro_stream *s)
{
    return s->ended && pyro_format_batch_is_empty(s->batch);
}

struct pyro_batch *pyro_format_stream_seal(struct pyro_stream *s)
{
    if (pyro_format_batch_is_empty(s->batch))
        return NULL;
    struct pyro_batch *fresh = pyro_format_batch_new(s->fact.id), *sealed = s->batch;
    if (!fresh)
        return NULL; /* goes on into the one it has */
    fresh->first[PYRO_TABLE_STRINGS] = (uint32_t)pyro_base_strings_count(s->strings);
    fresh->first[PYRO_TABLE_FUNCTIONS] = (uint32_t)s->first_lines.len;
    fresh->first[PYRO_TABLE_FRAMES] = s->frames;
    fresh->first[PYRO_TABLE_STACKS] = s->stacks;
    fresh->first[PYRO_TABLE_THREADS] = (uint32_t)s->open.len;
    s->batch = fresh;
    s->last_stack = PYRO_NO_NODE;
    return sealed;
}

uint64_t pyro_format_stream_shed(struct pyro_stream *s, size_t max)
{
    struct pyro_batch *b = s ? s->batch : NULL;
    if (!b || pyro_format_batch_bytes(b) <= max)
        return 0;
    uint64_t lost = b->taken;
    b->taken = 0;
    b->lateness.len = b->gaps.len = b->runs.len = b->seconds.len = b->states.len = 0;
    return lost;
}

/* ---- definitions */

static uint32_t string_id(struct pyro_stream *s, struct pyro_str str)
{
    bool fresh;
    if (str.size > UINT32_MAX)
        return UINT32_MAX;
    uint32_t id = pyro_base_strings_add(s->strings, str.bytes, str.size, &fresh);
    if (id == PYRO_MAP_NONE || !fresh)
        return id;
    uint32_t *size = pyro_base_vec_push(&s->batch->string_sizes);
    if (!size)
        return UINT32_MAX;
    *size = (uint32_t)str.size;
    pyro_base_put(&s->batch->string_bytes, str.bytes, str.size);
    return id;
}

uint32_t pyro_format_stream_function(struct pyro_stream *s, const struct pyro_function_fact *fact)
{
    struct pyro_function_row row = {
        .file = string_id(s, fact->file),
        .name = string_id(s, fact->name),
        .qualname = string_id(s, fact->qualname),
        .module = string_id(s, fact->module),
        .first_line = fact->first_line,
        .last_line = fact->last_line,
        .table_hash = fact->table_hash,
    };
    if (row.file == UINT32_MAX || row.name == UINT32_MAX || row.qualname == UINT32_MAX ||
        row.module == UINT32_MAX || s->first_lines.len >= UINT32_MAX)
        return UINT32_MAX;
    uint32_t *line = pyro_base_vec_push(&s->first_lines);
    struct pyro_function_row *to = line ? pyro_base_vec_push(&s->batch->functions) : NULL;
    if (!to) {
        s->first_lines.len -= line != NULL;
        return UINT32_MAX;
    }
    *to = row;
    *line = row.first_line;
    return (uint32_t)s->first_lines.len - 1;
}

uint32_t pyro_format_stream_frame(struct pyro_stream *s, const struct pyro_frame_fact *fact)
{
    if (fact->function >= s->first_lines.len || s->frames == UINT32_MAX)
        return UINT32_MAX;
    struct pyro_frame_row *to = pyro_base_vec_push(&s->batch->frames);
    if (!to)
        return UINT32_MAX;
    const uint32_t *first_line = pyro_base_vec_at(&s->first_lines, fact->function);
    *to = (struct pyro_frame_row){
        .function = fact->function,
        .instruction = fact->instruction,
        .line_delta = (int64_t)fact->line - *first_line,
        .end_delta = (int64_t)fact->end_line - fact->line,
        .column = fact->column,
        .end_column = fact->end_column,
    };
    return s->frames++;
}

uint32_t pyro_format_stream_node(struct pyro_stream *s, uint32_t parent, uint32_t frame)
{
    if ((parent != PYRO_NO_NODE && parent >= s->nodes.len) || frame >= s->frames ||
        s->nodes.len >= PYRO_NO_NODE - 2)
        return UINT32_MAX;
    struct node *to = pyro_base_vec_push(&s->nodes);
    if (!to)
        return UINT32_MAX;
    const struct node *nodes = s->nodes.data;
    *to = (struct node){parent, frame, parent == PYRO_NO_NODE ? 1 : nodes[parent].depth + 1,
                        UINT32_MAX};
    return (uint32_t)s->nodes.len - 1;
}

/* How many frames at their bottoms two nodes share. */
static uint32_t common_depth(const struct node *nodes, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (a == PYRO_NO_NODE || b == PYRO_NO_NODE)
            return 0;
        if (nodes[a].depth > nodes[b].depth)
            a = nodes[a].parent;
        else if (nodes[b].depth > nodes[a].depth)
            b = nodes[b].parent;
        else
            a = nodes[a].parent, b = nodes[b].parent;
    }
    return a == PYRO_NO_NODE ? 0 : nodes[a].depth;
}

/* The id under which samples name a node's stack: given when the first one does. */
static uint32_t stack_id(struct pyro_stream *s, uint32_t node)
{
    struct pyro_batch *b = s->batch;
    struct node *nodes = s->nodes.data;
    if (nodes[node].stack != UINT32_MAX)
        return nodes[node].stack;
    uint32_t kept = common_depth(nodes, node, s->last_stack), above = nodes[node].depth - kept;
    size_t from = b->stack_frames.len;
    if (from + 2 * b->stacks.len + above + 2 > PYRO_SYMBOLS_MOST)
        return UINT32_MAX;
    struct pyro_stack_row *row = pyro_base_vec_push(&b->stacks);
    if (!row || pyro_base_vec_resize(&b->stack_frames, from + above)) {
        b->stacks.len -= row != NULL;
        return UINT32_MAX;
    }
    *row = (struct pyro_stack_row){kept, above};
    uint32_t *frames = b->stack_frames.data, at = node;
    for (uint32_t i = above; i-- > 0; at = nodes[at].parent)
        frames[from + i] = nodes[at].frame;
    s->last_stack = node;
    return nodes[node].stack = s->stacks++;
}

uint32_t pyro_format_stream_thread(struct pyro_stream *s, const struct pyro_thread_fact *fact)
{
    uint32_t name = string_id(s, fact->name);
    if (name == UINT32_MAX || s->open.len >= UINT32_MAX)
        return UINT32_MAX;
    uint32_t *open = pyro_base_vec_push(&s->open);
    struct pyro_thread_row *to = open ? pyro_base_vec_push(&s->batch->threads) : NULL;
    if (!to) {
        s->open.len -= open != NULL;
        return UINT32_MAX;
    }
    *to = (struct pyro_thread_row){fact->tid, fact->start_ticks, name};
    return (uint32_t)s->open.len - 1;
}

/* ---- ticks and samples */

/* Period 0: how long after the last tick; the first of a batch counts from first_ns, so that a
 * batch can be read without the one before. */
static uint64_t units_since(struct pyro_stream *s, uint64_t mono_ns, bool first)
{
    uint64_t since = mono_ns > s->fact.first_ns ? mono_ns - s->fact.first_ns : 0;
    uint64_t units = since / s->fact.lateness_unit_ns, from = first ? 0 : s->last_units;
    uint64_t stored = units > from ? units - from : 0;
    s->last_units = from + stored;
    return stored;
}

void pyro_format_stream_tick(struct pyro_stream *s, uint64_t number, uint64_t mono_ns)
{
    struct pyro_batch *b = s->batch;
    if (s->any && number <= s->last_tick)
        number = s->last_tick + 1;
    bool first = !b->lateness.len;
    uint64_t *late = pyro_base_vec_push(&b->lateness);
    if (!late)
        return;
    if (first) {
        b->first_tick = number;
    } else if (number - s->last_tick > 1) {
        struct pyro_tick_gap *gap = pyro_base_vec_push(&b->gaps);
        if (!gap) {
            b->lateness.len--;
            return;
        }
        *gap = (struct pyro_tick_gap){(uint32_t)b->lateness.len - 1, number - s->last_tick - 1};
    }
    if (s->fact.period_ns) {
        uint64_t planned = pyro_format_tick_time(&s->fact, number);
        *late = (mono_ns > planned ? mono_ns - planned : 0) / s->fact.lateness_unit_ns;
    } else {
        *late = units_since(s, mono_ns, first);
    }
    s->last_tick = number;
    s->any = true;
}

/* Adds one tick to a thread's last run, or begins another.  False: this thread has this tick. */
static bool put_run(struct pyro_vec *runs, uint32_t *open, uint32_t thread, uint32_t stack,
                    uint32_t packed, uint32_t tick)
{
    struct pyro_entry_run *run = NULL;
    if (*open < runs->len) {
        run = pyro_base_vec_at(runs, *open);
        if (run->thread != thread)
            run = NULL;
        else if (run->first + run->count > tick)
            return false;
    }
    if (run && run->first + run->count == tick && run->stack == stack && run->packed == packed) {
        run->count++;
        return true;
    }
    run = pyro_base_vec_push(runs);
    if (!run)
        return false;
    *open = (uint32_t)runs->len - 1;
    *run = (struct pyro_entry_run){thread, stack, packed, tick, 1};
    return true;
}

/* Beside a sample: another value for its thread and tick. */
static void put_beside(struct pyro_vec *runs, struct pyro_vec *open, uint32_t thread,
                       uint32_t value, uint32_t tick)
{
    if (open->len > thread || pyro_base_vec_resize(open, thread + 1) == 0)
        put_run(runs, pyro_base_vec_at(open, thread), thread, value, 0, tick);
}

void pyro_format_stream_sample(struct pyro_stream *s, const struct pyro_sample *sample)
{
    struct pyro_batch *b = s->batch;
    uint32_t stack = PYRO_NO_NODE, second;
    if (!b->lateness.len || sample->thread >= s->open.len ||
        (sample->node != PYRO_NO_NODE &&
         (sample->node >= s->nodes.len || (stack = stack_id(s, sample->node)) == UINT32_MAX)))
        return;
    uint32_t tick = (uint32_t)b->lateness.len - 1;
    uint32_t unverified = sample->unverified < 1u << 28 ? sample->unverified : 1u << 28;
    uint32_t packed = unverified * 8 + (sample->flags & 7);
    if (!put_run(&b->runs, pyro_base_vec_at(&s->open, sample->thread), sample->thread, stack,
                 packed, tick))
        return;
    b->taken += !(sample->flags & PYRO_SAMPLE_DISCARDED);
    if (sample->second > 0 && sample->second - 1 < s->nodes.len &&
        (second = stack_id(s, sample->second - 1)) != UINT32_MAX)
        put_beside(&b->seconds, &s->open_seconds, sample->thread, second, tick);
    if (sample->state > 0 && sample->state < 1u << PYRO_STATE_BITS)
        put_beside(&b->states, &s->open_states, sample->thread, sample->state, tick);
}

void pyro_format_stream_delay(struct pyro_stream *s, const struct pyro_delay_fact *fact)
{
    struct pyro_delay_fact *to =
        fact->thread < s->open.len ? pyro_base_vec_push(&s->batch->delays) : NULL;
    if (to)
        *to = *fact;
}

void pyro_format_stream_still(struct pyro_stream *s, uint32_t node)
{
    uint32_t stack = node < s->nodes.len ? stack_id(s, node) : UINT32_MAX;
    uint32_t *to = stack != UINT32_MAX ? pyro_base_vec_push(&s->batch->stills) : NULL;
    if (to)
        *to = stack;
}
