/*
 * Loading, first half: a visitor that turns a recording's facts into tables, unified over its
 * streams.  Ids come from the file and are not trusted: a fact that refers to what is not there
 * is dropped and counted, and a sample that does is counted as lost.  Memory follows what the file
 * holds.  finish.c makes the profile of the tables.
 */
#include "profile_priv.h"

#include <stdlib.h>
#include <string.h>

#define WARNINGS_MAX 200 /* a file may hold as many damaged stretches as it likes */
#define UNKNOWN_MAX 100
#define TICKS_MOST (UINT64_C(1) << 40) /* as pyro_run.tick can hold */

static struct pyro_str text_of(struct pyro_profile_builder *b, uint32_t id)
{
    return *(struct pyro_str *)pyro_base_vec_at(&b->texts, id);
}

/* The id of a string, which then lives as long as the profile; PYRO_NONE: out of memory. */
static uint32_t intern(struct pyro_profile_builder *b, struct pyro_str text)
{
    bool fresh = false;
    uint32_t id = pyro_base_strings_add(b->strings, text.size ? text.bytes : "", text.size, &fresh);
    if (id == PYRO_MAP_NONE)
        return PYRO_NONE;
    while (b->texts.len <= id) {
        struct pyro_str *slot = pyro_base_vec_push(&b->texts);
        if (slot == NULL)
            return PYRO_NONE;
        slot->bytes = "";
        if (b->texts.len <= id)
            continue;
        slot->bytes =
            pyro_base_arena_copy(b->profile->arena, text.size ? text.bytes : "", text.size);
        slot->size = text.size;
        if (slot->bytes == NULL)
            return PYRO_NONE;
    }
    return id;
}

static int keep_text(struct pyro_profile_builder *b, struct pyro_str text, struct pyro_str *out)
{
    uint32_t id = intern(b, text);
    if (id == PYRO_NONE)
        return PYRO_E_NOMEM;
    *out = text_of(b, id);
    return PYRO_OK;
}

static int keep_argv(struct pyro_profile_builder *b, const struct pyro_str *argv, size_t argc,
                     struct pyro_str **out)
{
    *out = pyro_base_arena_alloc(b->profile->arena, (argc + 1) * sizeof(**out));
    if (*out == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < argc; i++) {
        if (keep_text(b, argv[i], &(*out)[i]) < 0)
            return PYRO_E_NOMEM;
    }
    return PYRO_OK;
}

static struct pyro_str from_c(const char *text)
{
    if (text == NULL)
        text = "";
    return (struct pyro_str){text, strlen(text)};
}

static struct pyro_build_stream *stream_of(struct pyro_profile_builder *b, uint32_t id)
{
    uint32_t at = pyro_base_map_get(&b->stream_map, id, 0);
    if (at == PYRO_MAP_NONE)
        return NULL;
    struct pyro_build_stream *stream = pyro_base_vec_at(&b->streams, at);
    return stream->samples ? stream : NULL;
}

/* A fact that leads nowhere: counted, not an error. */
static int drop(struct pyro_profile_builder *b)
{
    b->dropped_facts++;
    return PYRO_OK;
}

static int add_id(struct pyro_profile_builder *b, struct pyro_ids *ids, uint32_t id, uint32_t value)
{
    int rc = pyro_profile_ids_add(ids, id, value);
    return rc == PYRO_E_INVALID ? drop(b) : rc;
}

static int on_head(void *ctx, const struct pyro_recording_head *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_profile *p = b->profile;
    if (b->saw_head)
        return drop(b);
    b->saw_head = true;
    b->head_mono_ns = fact->mono_ns;
    p->start_wall_ns = fact->wall_ns;
    if (keep_text(b, from_c(fact->tool), &p->tool) < 0 ||
        keep_text(b, from_c(fact->host), &p->host) < 0 || keep_text(b, fact->cwd, &p->cwd) < 0 ||
        keep_argv(b, fact->argv, fact->argc, &p->argv) < 0)
        return PYRO_E_NOMEM;
    p->argc = fact->argc;
    return PYRO_OK;
}

static int on_process(void *ctx, const struct pyro_process_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    uint32_t at = pyro_base_map_get(&b->process_map, fact->id, 0);
    struct pyro_process *process;
    if (at == PYRO_MAP_NONE) {
        at = (uint32_t)b->processes.len;
        process = pyro_base_vec_push(&b->processes);
        if (process == NULL || pyro_base_map_put(&b->process_map, fact->id, 0, at) < 0)
            return PYRO_E_NOMEM;
        process->exit_status = INT32_MIN;
    } else {
        process = pyro_base_vec_at(&b->processes, at);
    }
    process->pid = fact->pid;
    process->ppid = fact->ppid;
    process->argc = 0;
    if (keep_text(b, fact->python, &process->python) < 0 ||
        keep_argv(b, fact->argv, fact->argc, &process->argv) < 0)
        return PYRO_E_NOMEM;
    process->argc = fact->argc;
    return PYRO_OK;
}

static int on_stream(void *ctx, const struct pyro_stream_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    if (pyro_base_map_get(&b->stream_map, fact->id, 0) != PYRO_MAP_NONE)
        return drop(b);
    uint32_t at = (uint32_t)b->streams.len;
    struct pyro_build_stream *stream = pyro_base_vec_push(&b->streams);
    if (stream == NULL || pyro_base_map_put(&b->stream_map, fact->id, 0, at) < 0)
        return PYRO_E_NOMEM;
    stream->samples = fact->kind.size == 7 && memcmp(fact->kind.bytes, "samples", 7) == 0;
    stream->process = pyro_base_map_get(&b->process_map, fact->process, 0);
    stream->period_ns = fact->period_ns;
    pyro_profile_ids_init(&stream->functions);
    pyro_profile_ids_init(&stream->frames);
    pyro_profile_ids_init(&stream->nodes);
    pyro_profile_ids_init(&stream->threads);
    return PYRO_OK;
}

/* Identity: file, first line, qualname, hash of the line table. */
static int on_function(void *ctx, uint32_t stream_id, uint32_t id,
                       const struct pyro_function_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    if (stream == NULL)
        return drop(b);
    uint32_t file = intern(b, fact->file), qualname = intern(b, fact->qualname);
    if (file == PYRO_NONE || qualname == PYRO_NONE)
        return PYRO_E_NOMEM;
    uint32_t pair = pyro_base_map_get(&b->pair_map, file, qualname);
    if (pair == PYRO_MAP_NONE) {
        pair = b->pairs++;
        if (pyro_base_map_put(&b->pair_map, file, qualname, pair) < 0)
            return PYRO_E_NOMEM;
    }
    uint64_t key = (uint64_t)pair << 32 | fact->first_line;
    uint32_t at = pyro_base_map_get(&b->function_map, key, fact->table_hash);
    struct pyro_function *f;
    if (at == PYRO_MAP_NONE) {
        at = (uint32_t)b->functions.len;
        f = pyro_base_vec_push(&b->functions);
        if (f == NULL || pyro_base_map_put(&b->function_map, key, fact->table_hash, at) < 0)
            return PYRO_E_NOMEM;
        f->file = text_of(b, file);
        f->qualname = text_of(b, qualname);
        f->module = from_c("");
        f->first_line = fact->first_line;
        f->table_hash = fact->table_hash;
        if (keep_text(b, fact->name, &f->name) < 0)
            return PYRO_E_NOMEM;
    } else {
        f = pyro_base_vec_at(&b->functions, at);
    }
    if (f->last_line < fact->last_line)
        f->last_line = fact->last_line;
    if (f->module.size == 0 && keep_text(b, fact->module, &f->module) < 0)
        return PYRO_E_NOMEM;
    return add_id(b, &stream->functions, id, at);
}

/* A function's line table says where each of its instructions is: the instruction decides. */
static int on_frame(void *ctx, uint32_t stream_id, uint32_t id, const struct pyro_frame_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    uint32_t function =
        stream == NULL ? PYRO_NONE : pyro_profile_ids_get(&stream->functions, fact->function);
    if (function == PYRO_NONE)
        return drop(b);
    uint64_t key = (uint64_t)function << 32 | (uint32_t)fact->instruction;
    const size_t known = b->frames.len;
    uint32_t at = pyro_base_map_enter(&b->frame_map, &b->frames, key, fact->line);
    if (at == PYRO_MAP_NONE)
        return PYRO_E_NOMEM;
    if (at == known) {
        struct pyro_frame *frame = pyro_base_vec_at(&b->frames, at);
        *frame = (struct pyro_frame){function,       fact->instruction, fact->line,
                                     fact->end_line, fact->column,      fact->end_column};
    }
    return add_id(b, &stream->frames, id, at);
}

static int on_node(void *ctx, uint32_t stream_id, uint32_t id, const struct pyro_node_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    uint32_t frame =
        stream == NULL ? PYRO_NONE : pyro_profile_ids_get(&stream->frames, fact->frame);
    uint32_t parent = PYRO_NONE;
    if (frame == PYRO_NONE)
        return drop(b);
    if (fact->parent != PYRO_NO_NODE) {
        parent = pyro_profile_ids_get(&stream->nodes, fact->parent);
        if (parent == PYRO_NONE)
            return drop(b);
    }
    uint32_t at = pyro_base_map_get(&b->node_map, parent, frame);
    if (at == PYRO_MAP_NONE) {
        if (b->nodes.len >= PYRO_NONE - 1)
            return PYRO_E_NOMEM;
        at = (uint32_t)b->nodes.len;
        if (pyro_base_vec_push(&b->nodes) == NULL ||
            pyro_base_map_put(&b->node_map, parent, frame, at) < 0)
            return PYRO_E_NOMEM;
        struct pyro_build_node *nodes = b->nodes.data;
        nodes[at].parent = parent;
        nodes[at].frame = frame;
        nodes[at].depth = parent == PYRO_NONE ? 1 : nodes[parent].depth + 1;
        nodes[at].jump = pyro_profile_jump(nodes, at, parent);
    }
    return add_id(b, &stream->nodes, id, at);
}

/* A thread = process, tid, start time; its newest name counts. */
static int on_thread(void *ctx, uint32_t stream_id, uint32_t id,
                     const struct pyro_thread_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    if (stream == NULL)
        return drop(b);
    /* processes are few: the top bits of a start time (ticks of 10 ms) are free for them */
    uint64_t key = fact->start_ticks ^ (uint64_t)stream->process << 40;
    uint32_t at = pyro_base_map_get(&b->thread_map, (uint64_t)fact->tid, key);
    if (at == PYRO_MAP_NONE) {
        at = (uint32_t)b->threads.len;
        struct pyro_thread *thread = pyro_base_vec_push(&b->threads);
        if (thread == NULL || pyro_base_map_put(&b->thread_map, (uint64_t)fact->tid, key, at) < 0)
            return PYRO_E_NOMEM;
        thread->process = stream->process;
        thread->tid = fact->tid;
        thread->name = from_c("");
        struct pyro_track *track = pyro_base_vec_push(&b->tracks);
        if (track == NULL)
            return PYRO_E_NOMEM;
        track->runs = PYRO_VEC(struct pyro_run);
        track->seconds = PYRO_VEC(uint32_t);
        track->delays = PYRO_VEC(struct pyro_delay);
    }
    struct pyro_thread *thread = pyro_base_vec_at(&b->threads, at);
    if (fact->name.size > 0 && keep_text(b, fact->name, &thread->name) < 0)
        return PYRO_E_NOMEM;
    return add_id(b, &stream->threads, id, at);
}

/* Ticks are kept as what they are after a base, which is made anew for each batch, and wherever 32
 * bits do not do. */
static int add_ticks(struct pyro_profile_builder *b, const uint64_t *times, size_t count)
{
    size_t at = b->ticks.len;
    uint64_t base_ns = 0;
    if (count > SIZE_MAX / sizeof(uint32_t) - at || at + count >= TICKS_MOST ||
        pyro_base_vec_resize(&b->ticks, at + count) < 0)
        return PYRO_E_NOMEM;
    uint32_t *ticks = b->ticks.data;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || times[i] < base_ns || times[i] - base_ns > UINT32_MAX) {
            struct pyro_tick_base *base = pyro_base_vec_push(&b->tick_bases);
            if (base == NULL)
                return PYRO_E_NOMEM;
            *base = (struct pyro_tick_base){at + i, times[i]};
            base_ns = times[i];
        }
        ticks[at + i] = (uint32_t)(times[i] - base_ns);
    }
    return PYRO_OK;
}

static int on_ticks(void *ctx, uint32_t stream_id, const uint64_t *times, size_t count)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    int rc = pyro_profile_settle_batch(b);
    if (rc < 0)
        return rc;
    if (stream == NULL)
        return drop(b);
    stream->batch_first = b->ticks.len;
    stream->batch_count = 0;
    if (count == 0)
        return PYRO_OK;
    rc = add_ticks(b, times, count);
    if (rc < 0)
        return rc;
    stream->batch_count = count;
    stream->batch_ns = times[0];
    if (stream->ticks == 0)
        stream->first_ns = times[0];
    stream->last_ns = times[count - 1];
    stream->ticks += count;
    return PYRO_OK;
}

static int on_samples(void *ctx, uint32_t stream_id, const struct pyro_sample *sample, size_t first,
                      size_t count)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    if (stream == NULL || first >= stream->batch_count)
        return drop(b);
    if (count > stream->batch_count - first)
        count = stream->batch_count - first;
    if (sample->flags & PYRO_SAMPLE_DISCARDED) {
        b->discarded += count;
        return PYRO_OK;
    }
    uint32_t thread = pyro_profile_ids_get(&stream->threads, sample->thread);
    uint32_t node = PYRO_NONE;
    if (sample->node == PYRO_NO_NODE && thread != PYRO_NONE) {
        b->frameless += count;
    } else {
        b->in_file += count;
        node = pyro_profile_ids_get(&stream->nodes, sample->node);
        if (thread == PYRO_NONE || node == PYRO_NONE) {
            b->dangling += count;
            return PYRO_OK;
        }
    }
    struct pyro_build_sample *s = pyro_base_vec_push(&b->samples);
    if (s == NULL)
        return PYRO_E_NOMEM;
    *s = (struct pyro_build_sample){.thread = thread,
                                    .node = node,
                                    .unverified = sample->unverified,
                                    .moved = sample->flags & PYRO_SAMPLE_TOP_MOVED,
                                    .tick = stream->batch_first + first,
                                    .count = count};
    return PYRO_OK;
}

static int put_beside(struct pyro_profile_builder *b, const struct pyro_build_stream *stream,
                      struct pyro_vec *to, uint32_t thread, uint32_t value, size_t first,
                      size_t count)
{
    if (count > stream->batch_count - first)
        count = stream->batch_count - first;
    struct pyro_build_beside *beside = pyro_base_vec_push(to);
    if (beside == NULL)
        return PYRO_E_NOMEM;
    *beside = (struct pyro_build_beside){thread, value, stream->batch_first + first, count};
    return PYRO_OK;
}

static int on_seconds(void *ctx, uint32_t stream_id, uint32_t thread, uint32_t node, size_t first,
                      size_t count)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    if (stream == NULL || first >= stream->batch_count || node == PYRO_NO_NODE)
        return drop(b);
    thread = pyro_profile_ids_get(&stream->threads, thread);
    node = pyro_profile_ids_get(&stream->nodes, node);
    if (thread == PYRO_NONE || node == PYRO_NONE)
        return PYRO_OK;
    return put_beside(b, stream, &b->seconds, thread, node, first, count);
}

static int on_states(void *ctx, uint32_t stream_id, uint32_t thread, uint32_t state, size_t first,
                     size_t count)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    if (stream == NULL || first >= stream->batch_count)
        return drop(b);
    thread = pyro_profile_ids_get(&stream->threads, thread);
    if (thread == PYRO_NONE)
        return PYRO_OK;
    return put_beside(b, stream, &b->states, thread, state, first, count);
}

static int on_delay(void *ctx, uint32_t stream_id, const struct pyro_delay_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    uint32_t id = stream == NULL ? PYRO_NONE : pyro_profile_ids_get(&stream->threads, fact->thread);
    if (id == PYRO_NONE)
        return drop(b);
    struct pyro_track *track = pyro_base_vec_at(&b->tracks, id);
    struct pyro_delay *delay = pyro_base_vec_push(&track->delays);
    if (delay == NULL)
        return PYRO_E_NOMEM;
    *delay = (struct pyro_delay){stream->batch_ns, fact->over_ns, fact->ran_ns, fact->delayed_ns};
    struct pyro_thread *thread = pyro_base_vec_at(&b->threads, id);
    thread->watched_ns += fact->over_ns;
    thread->ran_ns += fact->ran_ns;
    thread->delayed_ns += fact->delayed_ns;
    return PYRO_OK;
}

static int on_still(void *ctx, uint32_t stream_id, uint32_t node)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_build_stream *stream = stream_of(b, stream_id);
    node = stream == NULL ? PYRO_NONE : pyro_profile_ids_get(&stream->nodes, node);
    if (node == PYRO_NONE)
        return PYRO_OK;
    ((struct pyro_build_node *)pyro_base_vec_at(&b->nodes, node))->stills++;
    return PYRO_OK;
}

static int on_source(void *ctx, const struct pyro_source_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_source *source = pyro_base_vec_push(&b->sources);
    if (source == NULL)
        return PYRO_E_NOMEM;
    source->first_line = fact->first_line;
    source->text.bytes = pyro_base_arena_copy(
        b->profile->arena, fact->text.size ? fact->text.bytes : "", fact->text.size);
    source->text.size = fact->text.size;
    if (source->text.bytes == NULL)
        return PYRO_E_NOMEM;
    return keep_text(b, fact->file, &source->file);
}

static int add_warning(struct pyro_profile_builder *b, struct pyro_str sentence)
{
    struct pyro_str kept;
    if (b->warnings.len >= WARNINGS_MAX)
        return PYRO_OK;
    if (keep_text(b, sentence, &kept) < 0)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < b->warnings.len; i++) { /* once is enough */
        if (((struct pyro_str *)pyro_base_vec_at(&b->warnings, i))->bytes == kept.bytes)
            return PYRO_OK;
    }
    struct pyro_str *slot = pyro_base_vec_push(&b->warnings);
    if (slot == NULL)
        return PYRO_E_NOMEM;
    *slot = kept;
    return PYRO_OK;
}

int pyro_profile_build_warning(struct pyro_profile_builder *b, const char *fmt, ...)
{
    char text[1000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return add_warning(b, from_c(text));
}

static int on_warning(void *ctx, struct pyro_str sentence)
{
    return add_warning(ctx, sentence);
}

static int on_status(void *ctx, const struct pyro_status_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    b->saw_status = true;
    b->status = *fact; /* totals: the last one says it all */
    return PYRO_OK;
}

static int on_exit_of(void *ctx, const struct pyro_exit_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    uint32_t at = pyro_base_map_get(&b->process_map, fact->process, 0);
    if (at != PYRO_MAP_NONE)
        ((struct pyro_process *)pyro_base_vec_at(&b->processes, at))->exit_status =
            fact->exit_status;
    return PYRO_OK;
}

static int on_end(void *ctx, const struct pyro_end_fact *fact)
{
    struct pyro_profile_builder *b = ctx;
    b->saw_end = true;
    b->end = *fact;
    return PYRO_OK;
}

static int on_unknown(void *ctx, const char *what, uint64_t bytes)
{
    struct pyro_profile_builder *b = ctx;
    struct pyro_str name;
    if (b->unknown.len >= UNKNOWN_MAX)
        return PYRO_OK;
    if (keep_text(b, from_c(what), &name) < 0)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < b->unknown.len; i++) {
        if (((struct pyro_str *)pyro_base_vec_at(&b->unknown, i))->bytes == name.bytes)
            return PYRO_OK;
    }
    struct pyro_str *slot = pyro_base_vec_push(&b->unknown);
    if (slot == NULL)
        return PYRO_E_NOMEM;
    *slot = name;
    return PYRO_OK;
}

static int on_damage(void *ctx, uint64_t offset, uint64_t bytes, const char *why)
{
    struct pyro_profile_builder *b = ctx;
    if (b->damages++ >= 10) /* the rest is summed up at the end */
        return PYRO_OK;
    return pyro_profile_build_warning(
        b,
        "%llu bytes of the recording from byte %llu on cannot be read (%s); what they held is "
        "missing.",
        (unsigned long long)bytes, (unsigned long long)offset, why ? why : "damaged");
}

struct pyro_profile_builder *pyro_profile_builder_new(void)
{
    struct pyro_profile_builder *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return NULL;
    b->visitor = (struct pyro_visitor){.ctx = b,
                                       .head = on_head,
                                       .process = on_process,
                                       .stream = on_stream,
                                       .function = on_function,
                                       .frame = on_frame,
                                       .node = on_node,
                                       .thread = on_thread,
                                       .ticks = on_ticks,
                                       .samples = on_samples,
                                       .seconds = on_seconds,
                                       .states = on_states,
                                       .delay = on_delay,
                                       .still = on_still,
                                       .source = on_source,
                                       .warning = on_warning,
                                       .status = on_status,
                                       .exit = on_exit_of,
                                       .end = on_end,
                                       .unknown = on_unknown,
                                       .damage = on_damage};
    b->texts = PYRO_VEC(struct pyro_str);
    b->streams = PYRO_VEC(struct pyro_build_stream);
    b->processes = PYRO_VEC(struct pyro_process);
    b->functions = PYRO_VEC(struct pyro_function);
    b->frames = PYRO_VEC(struct pyro_frame);
    b->nodes = PYRO_VEC(struct pyro_build_node);
    b->threads = PYRO_VEC(struct pyro_thread);
    b->samples = PYRO_VEC(struct pyro_build_sample);
    b->seconds = PYRO_VEC(struct pyro_build_beside);
    b->states = PYRO_VEC(struct pyro_build_beside);
    b->tracks = PYRO_VEC(struct pyro_track);
    b->tick_bases = PYRO_VEC(struct pyro_tick_base);
    b->ticks = PYRO_VEC(uint32_t);
    b->sources = PYRO_VEC(struct pyro_source);
    b->warnings = PYRO_VEC(struct pyro_str);
    b->unknown = PYRO_VEC(struct pyro_str);
    b->strings = pyro_base_strings_new();
    b->profile = calloc(1, sizeof(*b->profile));
    if (b->profile != NULL)
        b->profile->arena = pyro_base_arena_new();
    if (b->strings == NULL || b->profile == NULL || b->profile->arena == NULL) {
        pyro_profile_builder_free(b);
        return NULL;
    }
    struct pyro_str empty = from_c("");
    b->profile->tool = b->profile->host = b->profile->cwd = b->profile->python = empty;
    return b;
}

void pyro_profile_builder_free(struct pyro_profile_builder *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->streams.len; i++) {
        struct pyro_build_stream *stream = pyro_base_vec_at(&b->streams, i);
        pyro_profile_ids_release(&stream->functions);
        pyro_profile_ids_release(&stream->frames);
        pyro_profile_ids_release(&stream->nodes);
        pyro_profile_ids_release(&stream->threads);
    }
    for (size_t i = 0; i < b->tracks.len; i++) {
        struct pyro_track *track = pyro_base_vec_at(&b->tracks, i);
        pyro_base_vec_release(&track->runs);
        pyro_base_vec_release(&track->seconds);
        pyro_base_vec_release(&track->delays);
    }
    struct pyro_vec *vecs[] = {&b->texts,   &b->streams, &b->processes, &b->functions,
                               &b->frames,  &b->nodes,   &b->threads,   &b->samples,
                               &b->seconds, &b->states,  &b->tracks,    &b->tick_bases,
                               &b->ticks,   &b->sources, &b->warnings,  &b->unknown};
    struct pyro_map *maps[] = {&b->stream_map, &b->process_map, &b->pair_map,  &b->function_map,
                               &b->frame_map,  &b->node_map,    &b->thread_map};
    for (size_t i = 0; i < sizeof vecs / sizeof *vecs; i++)
        pyro_base_vec_release(vecs[i]);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        pyro_base_map_release(maps[i]);
    if (b->strings != NULL)
        pyro_base_strings_free(b->strings);
    pyro_profile_free(b->profile);
    free(b);
}

int pyro_profile_load(const char *path, struct pyro_profile **out, struct pyro_error *err)
{
    enum pyro_ending ending = PYRO_ENDED_KILLED;
    struct pyro_profile_builder *b = pyro_profile_builder_new();
    *out = NULL;
    if (b == NULL)
        return pyro_base_fail(err, PYRO_E_NOMEM, "There is not enough memory to read %s.", path);
    int rc = pyro_format_read(path, &b->visitor, &ending, err);
    if (rc < 0) {
        if (rc == PYRO_E_NOMEM) /* it may come from a callback, which has no sentence */
            pyro_base_fail(err, rc, "There is not enough memory to read %s.", path);
        pyro_profile_builder_free(b);
        return rc;
    }
    return pyro_profile_builder_finish(b, ending, out, err);
}
