/*
 * Every kind of samples stream goes through the writer and the reader and comes back as a
 * straightforward model in memory says.  Random, with a fixed seed.
 */
#include "collect.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* behind the above */
#include <cmocka.h>

#define NODES_MOST 200000

struct shape {
    const char *name;
    uint64_t period_ns;
    uint32_t ticks, flush_every, threads;
    uint32_t nodes;     /* at most; 0: new ones all the time */
    uint32_t new_nodes; /* a sample, where nodes is 0 */
    uint32_t stay;      /* how many ticks a thread stays where it is, on average */
    uint32_t absent;    /* one sample in this many is not there; 0: none */
    uint32_t flagged;   /* one in this many has flags or unverified frames */
    uint32_t missed;    /* one tick in this many is missed */
    double most;        /* bytes a sample, all in; 0: not checked */
};

static const struct shape shapes[] = {
    {"idle", 1000000, 5000, 1000, 3, 4, 0, 100000, 0, 0, 0, 0.5},
    {"few stacks", 1000000, 10000, 1000, 1, 60, 0, 1, 0, 50, 1000, 1.7},
    {"few stacks, runs", 1000000, 10000, 1000, 1, 60, 0, 20, 0, 0, 1000, 1.0},
    {"many stacks", 1000000, 10000, 1000, 1, 0, 10, 1, 0, 50, 1000, 16},
    {"many stacks, deep", 1000000, 2000, 1000, 1, 0, 40, 1, 0, 20, 0, 0},
    {"threads", 1000000, 1000, 250, 40, 30, 0, 3, 50, 10, 100, 0},
    {"absent", 1000000, 2000, 100, 4, 10, 0, 2, 3, 4, 5, 0},
    {"rate max", 0, 60000, 20000, 2, 2000, 0, 2, 1000, 50, 0, 0},
    {"one tick a flush", 10000, 200, 1, 2, 5, 0, 2, 4, 4, 3, 0},
    {"slow", 3600000000000, 50, 7, 1, 5, 0, 1, 0, 4, 3, 0},
};

static uint64_t state;
static uint32_t draw(uint32_t below)
{
    return below ? (uint32_t)((pyro_base_mix(state++) >> 16) % below) : 0;
}

static struct pyro_str str(const char *text)
{
    return (struct pyro_str){text, strlen(text)};
}

struct model {
    struct pyro_buf log; /* definitions only */
    struct collected_stream stream;
    uint32_t functions, frames, nodes;
    uint32_t node_frames[NODES_MOST], parents[NODES_MOST];
    uint64_t samples;
};

static void define_function(struct model *m, struct pyro_stream *s)
{
    char file[64], name[64];
    snprintf(file, sizeof file, "/src/app/module_%u.py", draw(8));
    snprintf(name, sizeof name, "function_%u", m->functions);
    struct pyro_function_fact f = {str(file),
                                   str(name),
                                   str(name),
                                   str(draw(2) ? "app" : ""),
                                   draw(2000),
                                   0,
                                   pyro_base_mix(state++)};
    f.last_line = f.first_line + draw(40);
    assert_int_equal(pyro_format_stream_function(s, &f), m->functions);
    log_function(&m->log, 0, m->functions++, &f);
    /* some frames of it */
    for (uint32_t i = draw(4) + 1; i; i--) {
        struct pyro_frame_fact at = {
            m->functions - 1, (int32_t)draw(300) - 1, f.first_line + draw(30), 0, draw(80),
            draw(100)};
        at.end_line = draw(9) ? at.line : 0;
        assert_int_equal(pyro_format_stream_frame(s, &at), m->frames);
        log_frame(&m->log, 0, m->frames++, &at);
    }
}

/* Which frame comes under a frame: each call site calls one of two functions, and some places in
 * a function are more frequent than others. */
static uint32_t callee(const struct model *m, uint32_t frame)
{
    uint64_t site = pyro_base_mix(frame + (uint64_t)(draw(8) == 0) * 1000000);
    uint32_t base = (uint32_t)(site % m->frames), spread = draw(draw(5) + 1);
    return base + spread < m->frames ? base + spread : base;
}

static uint32_t define_node(struct model *m, struct pyro_stream *s, uint32_t parent)
{
    while (m->functions < 200 && (m->functions < 20 || !draw(10)))
        define_function(m, s);
    uint32_t above = parent == PYRO_NO_NODE ? draw(m->frames) : m->node_frames[parent];
    struct pyro_node_fact f = {parent, callee(m, above)};
    assert_true(m->nodes < NODES_MOST);
    m->node_frames[m->nodes] = f.frame;
    m->parents[m->nodes] = parent;
    assert_int_equal(pyro_format_stream_node(s, f.parent, f.frame), m->nodes);
    return m->nodes++;
}

static uint32_t pick_node(struct model *m, struct pyro_stream *s, const struct shape *shape)
{
    if (!draw(200))
        return PYRO_NO_NODE;
    if (shape->nodes) {
        if (m->nodes < shape->nodes && (m->nodes < 2 || draw(3)))
            return define_node(m, s, m->nodes && draw(4) ? draw(m->nodes) : PYRO_NO_NODE);
        return draw(draw(m->nodes) + 1); /* low ids are frequent */
    }
    /* a few frames returned, as many called */
    uint32_t node = m->nodes ? m->nodes - 1 : PYRO_NO_NODE;
    for (uint32_t i = draw(2 * shape->new_nodes); i && node != PYRO_NO_NODE; i--)
        node = m->parents[node];
    for (uint32_t i = 0; i < shape->new_nodes; i++)
        node = define_node(m, s, node);
    return node;
}

static void take(struct model *m, struct pyro_stream *s, const struct shape *shape, uint32_t thread,
                 size_t tick)
{
    if (shape->absent && !draw(shape->absent))
        return;
    struct cell *before = tick ? collect_cell(&m->stream, thread, tick - 1) : NULL;
    struct cell cell = {0};
    if (before && before->present && draw(shape->stay)) {
        cell = *before;
    } else {
        cell = (struct cell){.node = pick_node(m, s, shape), .present = 1};
        cell.state = draw(500) ? PYRO_STATE_YES << PYRO_STATE_GIL : draw(1 << PYRO_STATE_BITS);
        if (shape->flagged && !draw(shape->flagged)) {
            cell.unverified = draw(4);
            cell.second = cell.unverified && m->nodes ? 1 + draw(m->nodes) : 0;
            cell.flags = draw(8) & (PYRO_SAMPLE_TOP_MOVED | PYRO_SAMPLE_ASSUMED);
            if (!draw(5))
                cell = (struct cell){
                    .node = PYRO_NO_NODE, .flags = PYRO_SAMPLE_DISCARDED, .present = 1};
        }
    }
    *collect_cell(&m->stream, thread, tick) = cell;
    struct pyro_sample sample = {thread,     cell.node,   cell.unverified,
                                 cell.flags, cell.second, cell.state};
    pyro_format_stream_sample(s, &sample);
    if (!draw(100)) { /* a second sample in the tick is ignored */
        sample.node = PYRO_NO_NODE;
        pyro_format_stream_sample(s, &sample);
    }
    m->samples++;
}

/* The reader numbers nodes as it meets them, and knows none that no sample is in. */
static void number_as_read(const struct model *m, const struct collected_stream *got,
                           uint32_t *as_read)
{
    struct pyro_map ids = {0};
    const struct pyro_node_fact *tree = got->tree.data;
    for (uint32_t i = 0; i < got->tree.len; i++) {
        assert_int_equal(pyro_base_map_get(&ids, tree[i].parent, tree[i].frame), PYRO_MAP_NONE);
        assert_int_equal(pyro_base_map_put(&ids, tree[i].parent, tree[i].frame, i), 0);
    }
    for (uint32_t i = 0; i < m->nodes; i++) {
        uint32_t parent = m->parents[i];
        if (parent != PYRO_NO_NODE)
            parent = as_read[parent];
        bool known = m->parents[i] == PYRO_NO_NODE || parent != PYRO_NO_NODE;
        as_read[i] = known ? pyro_base_map_get(&ids, parent, m->node_frames[i]) : PYRO_NO_NODE;
    }
    pyro_base_map_release(&ids);
}

static struct pyro_recording_head some_head(void)
{
    static const struct pyro_str argv[] = {{"python3", 7}, {"app.py", 6}, {"a\0b\xff", 4}};
    return (struct pyro_recording_head){.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
                                        .wall_ns = 1700000000000000000,
                                        .mono_ns = 5000000000,
                                        .tsc = 123456789,
                                        .tool = "pyrometer test",
                                        .host = "host",
                                        .cwd = {"/src", 4},
                                        .argv = argv,
                                        .argc = 3};
}

/* Makes the name and the file. */
static struct pyro_writer *create(char *path, const struct pyro_recording_head *head)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct pyro_writer *w;
    struct pyro_error err = {0};
    assert_int_equal(pyro_format_create(&w, path, true, head, &err), 0);
    return w;
}

static void roundtrip(void **ctx)
{
    const struct shape *shape = *ctx;
    char path[] = "/tmp/pyro-roundtrip-XXXXXX";
    struct pyro_recording_head head = some_head();
    struct pyro_error err = {0};
    struct pyro_writer *w = create(path, &head);
    struct pyro_process_fact process = {.pid = 77,
                                        .ppid = 1,
                                        .start_ticks = 9,
                                        .exec_count = 1,
                                        .python = str("3.13.0"),
                                        .argv = head.argv,
                                        .argc = 2};
    assert_int_equal(pyro_format_write_process(w, &process), 0);
    state = 0x5eed ^ (uint64_t)shape->ticks << 20;
    struct pyro_stream_fact fact = {
        .period_ns = shape->period_ns, .first_ns = 6000000000, .seed = 42};
    struct pyro_stream *s;
    assert_int_equal(pyro_format_stream_open(w, &fact, &s), 0);
    static struct model m;
    m = (struct model){0};
    m.stream.times = PYRO_VEC(uint64_t);
    m.stream.threads = PYRO_VEC(struct pyro_vec);
    for (uint32_t i = 0; i < shape->threads; i++) {
        struct pyro_thread_fact t = {1000 + i, i * 3, str(i ? "worker" : "")};
        assert_int_equal(pyro_format_stream_thread(s, &t), i);
        log_thread(&m.log, 0, i, &t);
    }
    uint64_t number = 0, now = fact.first_ns, discarded = 0;
    struct pyro_status_fact status = {0};
    for (uint32_t i = 0; i < shape->ticks; i++, number++) {
        if (shape->missed && !draw(shape->missed))
            number += 1 + draw(3000);
        uint64_t late = 52000 + draw(draw(60000) + 1);
        now = shape->period_ns ? pyro_format_tick_time(&fact, number) + late
                               : now + 8000 + draw(8000);
        *(uint64_t *)pyro_base_vec_push(&m.stream.times) = now;
        pyro_format_stream_tick(s, number, now);
        for (uint32_t t = 0; t < shape->threads; t++)
            take(&m, s, shape, t, i);
        if ((i + 1) % shape->flush_every == 0) {
            status = (struct pyro_status_fact){.mono_ns = now,
                                               .wall_ns = head.wall_ns + now,
                                               .tsc = now * 3,
                                               .ticks = i,
                                               .taken = m.samples,
                                               .target_peak_rss = 10 << 20};
            assert_int_equal(pyro_format_flush(w, &status), 0);
        }
    }
    struct pyro_end_fact end = {-15, now, now - fact.first_ns, 12345};
    assert_int_equal(pyro_format_finish(w, &status, &end, &err), 0);

    struct collected c = {0};
    struct pyro_visitor visitor = collect_visitor(&c);
    enum pyro_ending ending;
    int rc = pyro_format_read(path, &visitor, &ending, &err);
    if (rc)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    assert_int_equal(ending, PYRO_ENDED_COMPLETE);
    assert_int_equal(c.damages + c.unknowns, 0);
    assert_int_equal(c.end.exit_status, -15);
    assert_int_equal(c.status.taken, status.taken);
    struct collected_stream *got = &c.streams[0];
    assert_int_equal(got->times.len, m.stream.times.len);
    for (size_t i = 0; i < got->times.len; i++) {
        uint64_t truth = *(uint64_t *)pyro_base_vec_at(&m.stream.times, i);
        uint64_t time = *(uint64_t *)pyro_base_vec_at(&got->times, i);
        assert_true((time > truth ? time - truth : truth - time) <= fact.lateness_unit_ns / 2);
    }
    static uint32_t as_read[NODES_MOST];
    number_as_read(&m, got, as_read);
    for (uint32_t t = 0; t < shape->threads; t++)
        for (size_t i = 0; i < shape->ticks; i++) {
            struct cell *want = collect_cell(&m.stream, t, i), *have = collect_cell(got, t, i);
            if (want->present && want->node != PYRO_NO_NODE)
                want->node = as_read[want->node];
            if (want->second)
                want->second = as_read[want->second - 1] + 1;
            assert_memory_equal(want, have, sizeof *want);
            discarded += want->flags & PYRO_SAMPLE_DISCARDED;
        }
    /* the definitions: the log's lines of those kinds, in the order of the model, kind by kind */
    const char *kinds[] = {"function ", "frame ", "thread "};
    pyro_base_put_u8(&m.log, 0);
    pyro_base_put_u8(&c.log, 0);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const char *a = (char *)m.log.data, *b = (char *)c.log.data;
        size_t lines = 0, len = strlen(kinds[k]);
        for (;;) {
            while (*a && strncmp(a, kinds[k], len))
                a = strchr(a, '\n') + 1;
            while (*b && strncmp(b, kinds[k], len))
                b = strchr(b, '\n') + 1;
            if (!*a || !*b)
                break;
            size_t size = (size_t)(strchr(a, '\n') - a);
            assert_memory_equal(a, b, size + 1);
            a += size + 1;
            b += size + 1;
            lines++;
        }
        assert_int_equal(*a, *b);
        assert_true(lines > 0);
    }
    FILE *f = fopen(path, "r");
    fseek(f, 0, SEEK_END);
    double each = (double)ftell(f) / (double)m.samples;
    fclose(f);
    print_message("%s: %.2f bytes a sample, %u nodes, %llu discarded\n", shape->name, each, m.nodes,
                  (unsigned long long)discarded);
    if (getenv("KEEP"))
        rename(path, shape->name);
    unlink(path);
    collect_release(&c);
    struct collected own = {.stream_count = 1};
    own.streams[0] = m.stream;
    own.log = m.log;
    collect_release(&own);
    assert_true(!shape->most || each <= shape->most);
}

/* One function that calls itself: next to no code tells of stacks of many frames. */
/* Of a process that was told of; any other is nobody's. */
static void exits(void **ctx)
{
    char path[] = "/tmp/pyro-exits-XXXXXX";
    struct pyro_recording_head head = some_head();
    struct pyro_error err = {0};
    struct pyro_writer *w = create(path, &head);
    for (uint32_t i = 0; i < 2; i++) {
        struct pyro_process_fact process = {.id = i, .pid = 70 + (int)i, .python = str("3.13.0")};
        assert_int_equal(pyro_format_write_process(w, &process), 0);
    }
    assert_int_equal(pyro_format_write_exit(w, &(struct pyro_exit_fact){1, -9}), 0);
    assert_int_equal(pyro_format_write_exit(w, &(struct pyro_exit_fact){5, 3}), 0);
    assert_int_equal(pyro_format_finish(w, NULL, NULL, &err), 0);
    struct collected c = {0};
    struct pyro_visitor visitor = collect_visitor(&c);
    enum pyro_ending ending;
    assert_int_equal(pyro_format_read(path, &visitor, &ending, &err), 0);
    assert_int_equal(c.damages + c.unknowns, 0);
    pyro_base_put_u8(&c.log, 0);
    assert_non_null(strstr((char *)c.log.data, "exit of 1: -9"));
    assert_null(strstr((char *)c.log.data, ": 3"));
    collect_release(&c);
    unlink(path);
}

static void recursion(void **ctx)
{
    enum { DEEPEST = 20000, TICKS = 300 };
    char path[] = "/tmp/pyro-recursion-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct pyro_recording_head head = some_head();
    struct pyro_process_fact process = {.pid = 7, .python = str("3.13.0")};
    struct pyro_stream_fact fact = {.period_ns = 1000000, .first_ns = 6000000000, .seed = 42};
    struct pyro_function_fact function = {str("a"), str("f"), str("f"), str(""), 1, 2, 3};
    struct pyro_frame_fact frame = {0, 4, 2, 2, 1, 9};
    struct pyro_thread_fact thread = {7, 7, str("")};
    struct pyro_status_fact status = {0};
    struct pyro_writer *w;
    struct pyro_stream *s;
    struct pyro_error err = {0};
    assert_int_equal(pyro_format_create(&w, path, true, &head, &err), 0);
    assert_int_equal(pyro_format_write_process(w, &process), 0);
    assert_int_equal(pyro_format_stream_open(w, &fact, &s), 0);
    assert_int_equal(pyro_format_stream_function(s, &function), 0);
    assert_int_equal(pyro_format_stream_frame(s, &frame), 0);
    assert_int_equal(pyro_format_stream_thread(s, &thread), 0);
    for (uint32_t i = 0; i < DEEPEST; i++)
        assert_int_equal(pyro_format_stream_node(s, i ? i - 1 : PYRO_NO_NODE, 0), i);
    uint32_t nodes[TICKS];
    for (uint32_t i = 0; i < TICKS; i++) {
        nodes[i] = i ? draw(DEEPEST) : DEEPEST - 1;
        pyro_format_stream_tick(s, i, pyro_format_tick_time(&fact, i));
        pyro_format_stream_sample(s, &(struct pyro_sample){.node = nodes[i]});
        if (i == TICKS / 2)
            assert_int_equal(pyro_format_flush(w, &status), 0);
    }
    assert_int_equal(pyro_format_finish(w, &status, NULL, &err), 0);
    struct collected c = {0};
    struct pyro_visitor visitor = collect_visitor(&c);
    enum pyro_ending ending;
    assert_int_equal(pyro_format_read(path, &visitor, &ending, &err), 0);
    assert_int_equal(c.damages, 0);
    assert_int_equal(c.streams[0].nodes, DEEPEST);
    for (uint32_t i = 0; i < TICKS; i++)
        assert_int_equal(collect_cell(&c.streams[0], 0, i)->node, nodes[i]);
    unlink(path);
    collect_release(&c);
}

/* The schedule: gaps of half a period to one and a half, the mean a period, known values. */
static void schedule(void **ctx)
{
    struct pyro_stream_fact s = {.period_ns = 1000000, .first_ns = 1000, .seed = 7};
    uint64_t last = pyro_format_tick_time(&s, 0), lowest = UINT64_MAX, highest = 0;
    for (uint64_t i = 1; i < 100000; i++) {
        uint64_t at = pyro_format_tick_time(&s, i), gap = at - last;
        lowest = gap < lowest ? gap : lowest;
        highest = gap > highest ? gap : highest;
        last = at;
    }
    assert_true(lowest > 500000 && lowest < 520000);
    assert_true(highest < 1500000 && highest > 1480000);
    assert_int_equal((last - 1000) / 1000000, 99999);
    assert_int_equal(pyro_format_tick_time(&s, 0),
                     1000 + (pyro_base_mix(7) >> 32) * 500000 / 0x100000000);
}

int main(void)
{
    enum { N = sizeof shapes / sizeof *shapes };
    struct CMUnitTest tests[N + 2] = {cmocka_unit_test(schedule), cmocka_unit_test(recursion),
                                      cmocka_unit_test(exits)};
    for (size_t i = 0; i < N; i++)
        tests[i + 2] = (struct CMUnitTest){
            .name = shapes[i].name, .test_func = roundtrip, .initial_state = (void *)&shapes[i]};
    return _cmocka_run_group_tests("format_roundtrip", tests, N + 2, NULL, NULL);
}
