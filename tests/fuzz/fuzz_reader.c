/*
 * Fuzzes the reader: any bytes at all, and what the visitor is promised is checked on the way
 * (dense ids, references to what was defined, ticks within their batch).  With clang's
 * -fsanitize=fuzzer this is a libFuzzer target (with mutator.c); with replay.c it runs a corpus
 * through once.
 */
#include "format.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS 64

struct seen {
    uint32_t processes, streams;
    uint32_t functions[STREAMS], frames[STREAMS], nodes[STREAMS], threads[STREAMS];
    size_t ticks[STREAMS];
    uint8_t sum; /* every borrowed byte is read */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool kept)
{
    if (!kept)
        abort();
}

static void touch(struct seen *s, struct pyro_str str)
{
    for (size_t i = 0; i < str.size; i++)
        s->sum = (uint8_t)(s->sum + str.bytes[i]);
}

static int on_head(void *ctx, const struct pyro_recording_head *f)
{
    promise(strlen(f->boot_id) < 64 && strlen(f->tool) < 128 && strlen(f->host) < 256);
    touch(ctx, f->cwd);
    for (size_t i = 0; i < f->argc; i++)
        touch(ctx, f->argv[i]);
    return 0;
}

static int on_process(void *ctx, const struct pyro_process_fact *f)
{
    struct seen *s = ctx;
    promise(f->id == s->processes++);
    touch(s, f->python);
    for (size_t i = 0; i < f->argc; i++)
        touch(s, f->argv[i]);
    return 0;
}

static int on_stream(void *ctx, const struct pyro_stream_fact *f)
{
    struct seen *s = ctx;
    promise(f->id == s->streams++ && f->process < s->processes);
    touch(s, f->kind);
    return s->streams == STREAMS; /* enough */
}

static int on_function(void *ctx, uint32_t st, uint32_t id, const struct pyro_function_fact *f)
{
    struct seen *s = ctx;
    promise(st < s->streams && id == s->functions[st]++);
    touch(s, f->file);
    touch(s, f->name);
    touch(s, f->qualname);
    touch(s, f->module);
    return 0;
}

static int on_frame(void *ctx, uint32_t st, uint32_t id, const struct pyro_frame_fact *f)
{
    struct seen *s = ctx;
    promise(st < s->streams && id == s->frames[st]++ && f->function < s->functions[st]);
    return 0;
}

static int on_node(void *ctx, uint32_t st, uint32_t id, const struct pyro_node_fact *f)
{
    struct seen *s = ctx;
    promise(st < s->streams && id == s->nodes[st]++ && f->frame < s->frames[st]);
    promise(f->parent == PYRO_NO_NODE || f->parent < id);
    return 0;
}

static int on_thread(void *ctx, uint32_t st, uint32_t id, const struct pyro_thread_fact *f)
{
    struct seen *s = ctx;
    promise(st < s->streams && id == s->threads[st]++);
    touch(s, f->name);
    return 0;
}

static int on_ticks(void *ctx, uint32_t st, const uint64_t *times, size_t count)
{
    struct seen *s = ctx;
    promise(st < s->streams);
    s->ticks[st] = count;
    for (size_t i = 0; i < count; i++)
        s->sum = (uint8_t)(s->sum + times[i]);
    return 0;
}

static int on_samples(void *ctx, uint32_t st, const struct pyro_sample *f, size_t first,
                      size_t count)
{
    struct seen *s = ctx;
    promise(st < s->streams && count && first < s->ticks[st] && count <= s->ticks[st] - first);
    promise(f->thread < s->threads[st] && f->flags < 8);
    promise(f->node == PYRO_NO_NODE || f->node < s->nodes[st]);
    return 0;
}

static int on_seconds(void *ctx, uint32_t st, uint32_t thread, uint32_t node, size_t first,
                      size_t count)
{
    struct seen *s = ctx;
    promise(st < s->streams && count && first < s->ticks[st] && count <= s->ticks[st] - first);
    promise(thread < s->threads[st] && (node == PYRO_NO_NODE || node < s->nodes[st]));
    return 0;
}

static int on_states(void *ctx, uint32_t st, uint32_t thread, uint32_t state, size_t first,
                     size_t count)
{
    struct seen *s = ctx;
    promise(st < s->streams && count && first < s->ticks[st] && count <= s->ticks[st] - first);
    promise(thread < s->threads[st]);
    promise(state < 1u << PYRO_STATE_BITS);
    return 0;
}

static int on_delay(void *ctx, uint32_t st, const struct pyro_delay_fact *f)
{
    struct seen *s = ctx;
    promise(st < s->streams && f->thread < s->threads[st]);
    s->sum ^= (uint8_t)(f->over_ns ^ f->ran_ns ^ f->delayed_ns);
    return 0;
}

static int on_still(void *ctx, uint32_t st, uint32_t node)
{
    struct seen *s = ctx;
    promise(st < s->streams && node < s->nodes[st]);
    return 0;
}

static int on_exit_fact(void *ctx, const struct pyro_exit_fact *f)
{
    struct seen *s = ctx;
    promise(f->process < s->processes);
    s->sum ^= (uint8_t)f->exit_status;
    return 0;
}

static int on_source(void *ctx, const struct pyro_source_fact *f)
{
    touch(ctx, f->file);
    touch(ctx, f->text);
    return 0;
}

static int on_warning(void *ctx, struct pyro_str sentence)
{
    touch(ctx, sentence);
    return 0;
}

static int on_status(void *ctx, const struct pyro_status_fact *f)
{
    ((struct seen *)ctx)->sum ^= (uint8_t)f->lost;
    return 0;
}

static int on_end(void *ctx, const struct pyro_end_fact *f)
{
    ((struct seen *)ctx)->sum ^= (uint8_t)f->exit_status;
    return 0;
}

static int on_unknown(void *ctx, const char *what, uint64_t bytes)
{
    for (; *what; what++)
        promise(*what >= ' ' && *what < 0x7f);
    return 0;
}

static int on_damage(void *ctx, uint64_t offset, uint64_t bytes, const char *why)
{
    promise(*why);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {0};
    const struct pyro_visitor visitor = {
        .ctx = &seen,
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
        .exit = on_exit_fact,
        .source = on_source,
        .warning = on_warning,
        .status = on_status,
        .end = on_end,
        .unknown = on_unknown,
        .damage = on_damage,
    };
    enum pyro_ending ending;
    struct pyro_error err = {0};
    int rc = pyro_format_read_memory(data, size, &visitor, &ending, &err);
    promise(rc == 0 || rc == 1 || err.code == rc); /* refused with a sentence */
    return 0;
}
