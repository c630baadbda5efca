#include "feed.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pyro_str str(const char *text)
{
    return (struct pyro_str){text, strlen(text)};
}

void feed_start(struct feed *feed, size_t ticks)
{
    static const struct pyro_str argv[] = {{"python3", 7}, {"app.py", 6}};
    memset(feed, 0, sizeof *feed);
    feed->b = pyro_profile_builder_new();
    assert_non_null(feed->b);
    const struct pyro_visitor *v = &feed->b->visitor;
    struct pyro_recording_head head = {.boot_id = "",
                                       .wall_ns = 1000,
                                       .mono_ns = 500,
                                       .tool = "pyrometer 0.1.0",
                                       .host = "here",
                                       .cwd = str("/app"),
                                       .argv = argv,
                                       .argc = 2};
    struct pyro_process_fact process = {
        .id = 0, .pid = 77, .ppid = 1, .python = str("3.13.0"), .argv = argv, .argc = 2};
    struct pyro_stream_fact stream = {
        .id = 0, .kind = str("samples"), .process = 0, .period_ns = 1000000};
    assert_int_equal(v->head(v->ctx, &head), 0);
    assert_int_equal(v->process(v->ctx, &process), 0);
    assert_int_equal(v->stream(v->ctx, &stream), 0);
    uint64_t *times = calloc(ticks + 1, sizeof(*times));
    for (size_t i = 0; i < ticks; i++)
        times[i] = 1000000 * (i + 1);
    assert_int_equal(v->ticks(v->ctx, 0, times, ticks), 0);
    free(times);
}

void feed_function(struct feed *feed, const char *name, const char *file, const char *qualname,
                   const char *module, uint32_t first_line, uint32_t last_line)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    const char *last = strrchr(qualname, '.');
    struct pyro_function_fact fact = {.file = str(file),
                                      .name = str(last ? last + 1 : qualname),
                                      .qualname = str(qualname),
                                      .module = str(module),
                                      .first_line = first_line,
                                      .last_line = last_line,
                                      .table_hash = 1};
    assert_true(feed->function_count < FEED_MAX);
    strncpy(feed->functions[feed->function_count].name, name, 31);
    assert_int_equal(v->function(v->ctx, 0, feed->function_count, &fact), 0);
    feed->functions[feed->function_count].id = feed->function_count;
    feed->function_count++;
}

static uint32_t function_named(struct feed *feed, const char *name)
{
    for (uint32_t i = 0; i < feed->function_count; i++) {
        if (strcmp(feed->functions[i].name, name) == 0)
            return i;
    }
    char file[64];
    snprintf(file, sizeof file, "/app/%s.py", name);
    feed_function(feed, name, file, name, "", 1, 0);
    return feed->function_count - 1;
}

uint32_t feed_node(struct feed *feed, const char *path)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    uint32_t node = PYRO_NO_NODE;
    while (*path) {
        char name[32];
        uint32_t line = 0;
        int used = 0;
        assert_int_equal(sscanf(path, " %31[^: ]:%u%n", name, &line, &used), 2);
        path += used;
        path += strspn(path, " >");
        uint32_t function = function_named(feed, name);
        uint32_t frame = pyro_base_map_get(&feed->frames, function, line);
        if (frame == PYRO_MAP_NONE) {
            struct pyro_frame_fact fact = {.function = function,
                                           .instruction = (int32_t)line * 2,
                                           .line = line,
                                           .end_line = line};
            frame = feed->frame_count++;
            assert_int_equal(v->frame(v->ctx, 0, frame, &fact), 0);
            pyro_base_map_put(&feed->frames, function, line, frame);
        }
        uint32_t next = pyro_base_map_get(&feed->nodes, node, frame);
        if (next == PYRO_MAP_NONE) {
            struct pyro_node_fact fact = {.parent = node, .frame = frame};
            next = feed->node_count++;
            assert_int_equal(v->node(v->ctx, 0, next, &fact), 0);
            pyro_base_map_put(&feed->nodes, node, frame, next);
        }
        node = next;
    }
    return node;
}

uint32_t feed_thread(struct feed *feed, const char *name)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    for (uint32_t i = 0; i < feed->thread_count; i++) {
        if (strcmp(feed->threads[i].name, name) == 0)
            return i;
    }
    assert_true(feed->thread_count < FEED_MAX);
    struct pyro_thread_fact fact = {.tid = 100 + feed->thread_count, .name = str(name)};
    assert_int_equal(v->thread(v->ctx, 0, feed->thread_count, &fact), 0);
    strncpy(feed->threads[feed->thread_count].name, name, 31);
    return feed->thread_count++;
}

void feed_flagged(struct feed *feed, const char *thread, const char *path, size_t count,
                  uint32_t unverified, uint32_t flags)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    struct pyro_sample sample = {.thread = feed_thread(feed, thread),
                                 .node = flags & PYRO_SAMPLE_DISCARDED ? PYRO_NO_NODE
                                                                       : feed_node(feed, path),
                                 .unverified = unverified,
                                 .flags = flags};
    assert_int_equal(v->samples(v->ctx, 0, &sample, feed->at[sample.thread], count), 0);
    feed->at[sample.thread] += count;
}

void feed_sample(struct feed *feed, const char *thread, const char *path, size_t count)
{
    feed_flagged(feed, thread, path, count, 0, 0);
}

void feed_second(struct feed *feed, const char *thread, const char *path, size_t back, size_t count)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    uint32_t id = feed_thread(feed, thread);
    size_t first = feed->at[id] - back - count;
    assert_int_equal(v->seconds(v->ctx, 0, id, feed_node(feed, path), first, count), 0);
}

void feed_state(struct feed *feed, const char *thread, uint32_t state, size_t back, size_t count)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    uint32_t id = feed_thread(feed, thread);
    assert_int_equal(v->states(v->ctx, 0, id, state, feed->at[id] - back - count, count), 0);
}

void feed_delay(struct feed *feed, const char *thread, uint64_t over, uint64_t ran,
                uint64_t delayed)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    struct pyro_delay_fact fact = {feed_thread(feed, thread), over * 1000000, ran * 1000000,
                                   delayed * 1000000};
    assert_int_equal(v->delay(v->ctx, 0, &fact), 0);
}

void feed_still(struct feed *feed, const char *path, size_t count)
{
    const struct pyro_visitor *v = &feed->b->visitor;
    while (count-- > 0)
        assert_int_equal(v->still(v->ctx, 0, feed_node(feed, path)), 0);
}

struct pyro_profile *feed_finish(struct feed *feed)
{
    struct pyro_profile *p = NULL;
    assert_int_equal(pyro_profile_builder_finish(feed->b, PYRO_ENDED_COMPLETE, &p, NULL), 0);
    pyro_base_map_release(&feed->frames);
    pyro_base_map_release(&feed->nodes);
    return p;
}

static uint32_t look_up(const struct pyro_profile *p, const char *qualname)
{
    for (size_t i = 0; i < p->function_count; i++) {
        struct pyro_str q = p->functions[i].qualname;
        if (q.size == strlen(qualname) && memcmp(q.bytes, qualname, q.size) == 0)
            return (uint32_t)i;
    }
    return PYRO_NONE;
}

uint32_t find_function(const struct pyro_profile *p, const char *qualname)
{
    uint32_t id = look_up(p, qualname);
    if (id == PYRO_NONE)
        fail_msg("no function %s", qualname);
    return id;
}

struct pyro_function_sums sums_of(const struct pyro_profile *p, const char *qualname)
{
    return p->function_sums[find_function(p, qualname)];
}

uint64_t edge_of(const struct pyro_profile *p, const char *caller, const char *callee)
{
    uint32_t from = caller == NULL ? PYRO_NONE : find_function(p, caller);
    uint32_t to = find_function(p, callee);
    for (size_t i = 0; i < p->edge_count; i++) {
        if (p->edges[i].caller == from && p->edges[i].callee == to)
            return p->edges[i].total;
    }
    return 0;
}

struct pyro_line_sums line_of(const struct pyro_profile *p, const char *qualname, uint32_t line)
{
    uint32_t function = find_function(p, qualname);
    for (size_t i = 0; i < p->line_count; i++) {
        if (p->lines[i].function == function && p->lines[i].line == line)
            return p->lines[i];
    }
    return (struct pyro_line_sums){.function = function, .line = line};
}
