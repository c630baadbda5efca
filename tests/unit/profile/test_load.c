/* Loading: unifying over streams, gaps, inferred modules, and facts that make no sense. */
#include "feed.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pyro_str str(const char *text)
{
    return (struct pyro_str){text, strlen(text)};
}

static bool is(struct pyro_str s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.bytes, text, s.size) == 0;
}

/* The same code in two streams is one function; other code of the same name is not. */
static void test_unify(void **state)
{
    struct pyro_profile_builder *b = pyro_profile_builder_new();
    const struct pyro_visitor *v = &b->visitor;
    struct pyro_process_fact process = {.pid = 5, .python = str("3.12.1")};
    uint64_t times[] = {1000, 3000, 5000};
    assert_int_equal(v->process(v->ctx, &process), 0);
    for (uint32_t s = 0; s < 2; s++) {
        struct pyro_stream_fact stream = {.id = s, .kind = str("samples"), .period_ns = 2000};
        struct pyro_function_fact other = {.file = str("a.py"),
                                           .qualname = str("f"),
                                           .name = str("f"),
                                           .first_line = 1,
                                           .table_hash = 2};
        struct pyro_function_fact f = other;
        f.table_hash = 1;
        f.module = str(s == 0 ? "" : "a");
        struct pyro_frame_fact frame = {.function = 1 - s, .instruction = 4, .line = 2};
        struct pyro_node_fact node = {.parent = PYRO_NO_NODE, .frame = 0};
        struct pyro_thread_fact thread = {.tid = 9, .start_ticks = 100};
        struct pyro_sample sample = {.thread = 0, .node = 0};
        assert_int_equal(v->stream(v->ctx, &stream), 0);
        if (s == 0)
            assert_int_equal(v->function(v->ctx, s, 0, &other), 0);
        assert_int_equal(v->function(v->ctx, s, 1 - s, &f), 0);
        assert_int_equal(v->frame(v->ctx, s, 0, &frame), 0);
        assert_int_equal(v->node(v->ctx, s, 0, &node), 0);
        assert_int_equal(v->thread(v->ctx, s, 0, &thread), 0);
        assert_int_equal(v->ticks(v->ctx, s, times, 3), 0);
        assert_int_equal(v->samples(v->ctx, s, &sample, 0, 3), 0);
    }
    struct pyro_profile *p = NULL;
    assert_int_equal(pyro_profile_builder_finish(b, PYRO_ENDED_KILLED, &p, NULL), 0);
    assert_int_equal(p->function_count, 2);
    assert_int_equal(p->frame_count, 1);
    assert_int_equal(p->node_count, 1);
    assert_int_equal(p->thread_count, 1);
    assert_int_equal(p->nodes[0].self, 6);
    assert_int_equal(p->tick_count, 6);
    assert_int_equal(p->run_count, 1);
    assert_int_equal(p->ns_per_sample, 2000);
    assert_int_equal(p->ending, PYRO_ENDED_KILLED);
    assert_true(is(p->functions[1].module, "a"));
    assert_true(is(p->functions[0].module, "a")); /* the other function of the file tells */
    assert_true(is(p->python, "3.12.1"));
    assert_int_equal(p->exit_status, INT32_MIN);
    pyro_profile_free(p);
}

/* Ticks of several batches, of years, and (in no sound file) back again. */
static void test_tick_times(void **state)
{
    static const uint64_t batches[3][4] = {
        {1000, 2000, 2000 + UINT64_C(4294967295), 2001 + UINT64_C(4294967295)},
        {5, UINT64_C(1) << 60, (UINT64_C(1) << 60) + 7, 6},
        {UINT64_MAX, 0, 1, UINT64_MAX},
    };
    struct feed feed;
    feed_start(&feed, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(feed.b->visitor.ticks(feed.b, 0, batches[i], 4), 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->tick_count, 12);
    for (size_t i = 0; i < 12; i++)
        assert_true(pyro_profile_tick_ns(p, i) == batches[i / 4][i % 4]);
    pyro_profile_free(p);
}

static void test_modules(void **state)
{
    struct feed feed;
    feed_start(&feed, 10);
    feed_function(&feed, "body", "/x/a.py", "<module>", "", 1, 9);
    feed_function(&feed, "f", "/x/a.py", "f", "pkg.a", 2, 3);
    feed_function(&feed, "g", "/x/a.py", "g", "pkg.a", 4, 5);
    feed_function(&feed, "body2", "/x/b.py", "<module>", "", 1, 9);
    feed_function(&feed, "h", "/x/b.py", "h", "pkg.b", 2, 3);
    feed_function(&feed, "i", "/x/b.py", "i", "__main__", 4, 5); /* loaded twice: they disagree */
    feed_function(&feed, "body3", "/x/c.py", "<module>", "", 1, 9);
    feed_function(&feed, "given", "<string>", "<module>", "", 1, 9); /* `-c` */
    feed_function(&feed, "made", "<string>", "f", "namedtuple_P", 1, 1);
    feed_sample(&feed, "t", "body:1", 10);
    struct pyro_profile *p = feed_finish(&feed);
    assert_true(is(p->functions[0].module, "pkg.a"));
    assert_true(is(p->functions[3].module, ""));
    assert_true(is(p->functions[6].module, ""));
    assert_true(is(p->functions[7].module, "")); /* no file, that all in it would be one module */
    pyro_profile_free(p);
}

/* What refers to what is not there is left out and counted; nothing else is touched. */
static void test_dangling(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    const struct pyro_visitor *v = &feed.b->visitor;
    feed_sample(&feed, "t", "m:1 > f:2", 10);
    struct pyro_frame_fact frame = {.function = 999};
    struct pyro_node_fact no_parent = {.parent = 4000000000u, .frame = 0};
    struct pyro_node_fact no_frame = {.parent = PYRO_NO_NODE, .frame = 4000000000u};
    struct pyro_node_fact itself = {.parent = 50, .frame = 0};
    assert_int_equal(v->frame(v->ctx, 0, 90, &frame), 0);
    assert_int_equal(v->frame(v->ctx, 7, 90, &frame), 0); /* no such stream */
    assert_int_equal(v->node(v->ctx, 0, 40, &no_parent), 0);
    assert_int_equal(v->node(v->ctx, 0, 41, &no_frame), 0);
    assert_int_equal(v->node(v->ctx, 0, 50, &itself), 0);
    struct pyro_sample lost = {.thread = 0, .node = 40}, nobody = {.thread = 77, .node = 0};
    assert_int_equal(v->samples(v->ctx, 0, &lost, 10, 5), 0);
    assert_int_equal(v->samples(v->ctx, 0, &nobody, 15, 4), 0);
    assert_int_equal(v->samples(v->ctx, 0, &lost, 95, SIZE_MAX), 0); /* 5 at most */
    assert_int_equal(v->samples(v->ctx, 0, &lost, SIZE_MAX, SIZE_MAX), 0);
    assert_int_equal(v->damage(v->ctx, 1000, 24, "bad checksum"), 0);
    assert_int_equal(v->unknown(v->ctx, "stream kind \"calls\"", 100), 0);
    assert_int_equal(v->unknown(v->ctx, "stream kind \"calls\"", 100), 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.taken, 24);
    assert_int_equal(p->sampling.lost, 14);
    assert_int_equal(p->samples, 10);
    assert_int_equal(p->unknown_count, 1);
    assert_true(is(p->unknown[0], "stream kind \"calls\""));
    assert_int_equal(p->warning_count, 4); /* damage, lost samples, odd entries, unknown stream */
    assert_memory_equal(p->warnings[0].bytes, "24 bytes of the recording from byte 1000", 40);
    assert_memory_equal(p->warnings[1].bytes, "14 samples were lost", 20);
    assert_true(is(p->warnings[3], "The recording also holds stream kind \"calls\", which this "
                                   "version does not read."));
    pyro_profile_free(p);
}

/* Ids behind a lost batch, however high, cost no memory and mean what they say. */
static void test_ids(void **state)
{
    struct pyro_ids ids;
    pyro_profile_ids_init(&ids);
    assert_int_equal(pyro_profile_ids_get(&ids, 0), PYRO_NONE);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(pyro_profile_ids_add(&ids, i, 100 + i), 0);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(pyro_profile_ids_add(&ids, 4000000000u + i, 200 + i), 0);
    assert_int_equal(pyro_profile_ids_add(&ids, 9, 1), PYRO_E_INVALID);
    assert_int_equal(pyro_profile_ids_add(&ids, 4000000009u, 1), PYRO_E_INVALID);
    assert_int_equal(pyro_profile_ids_add(&ids, UINT32_MAX, 300), 0);
    assert_int_equal(pyro_profile_ids_get(&ids, 0), 100);
    assert_int_equal(pyro_profile_ids_get(&ids, 9), 109);
    assert_int_equal(pyro_profile_ids_get(&ids, 10), PYRO_NONE);
    assert_int_equal(pyro_profile_ids_get(&ids, 4000000005u), 205);
    assert_int_equal(pyro_profile_ids_get(&ids, 4000000010u), PYRO_NONE);
    assert_int_equal(pyro_profile_ids_get(&ids, UINT32_MAX), 300);
    assert_int_equal(ids.segments.len, 3);
    pyro_profile_ids_release(&ids);
}

static void test_empty(void **state)
{
    struct pyro_profile_builder *b = pyro_profile_builder_new();
    struct pyro_profile *p = NULL, *filtered = NULL;
    assert_int_equal(pyro_profile_builder_finish(b, PYRO_ENDED_TRUNCATED, &p, NULL), 0);
    assert_int_equal(p->samples, 0);
    assert_false(p->has_samples);
    struct pyro_filter filter = {.mine = "/app"};
    assert_int_equal(pyro_profile_filter(p, &filter, &filtered, NULL), 0);
    pyro_profile_free(p);
    pyro_profile_free(filtered);
    pyro_profile_builder_free(pyro_profile_builder_new());
}

static uint64_t seed = 42;

static uint32_t roll(uint32_t n)
{
    seed = pyro_base_mix(seed + 1);
    return (uint32_t)(seed % n);
}

/* Random facts, most of them nonsense: nothing may crash, and the sums must agree. */
static void expect_delays(const struct pyro_thread *thread)
{
    static const struct pyro_delay rows[] = {
        {999500, 50000000, 20000000, 10000000},
        {50999500, 100000000, 90000000, 0},
        {1799999500, 200000000, 0, 150000000}, /* what was between is missing */
        {1999999500, 100000000, 50000000, 50000000},
    };
    assert_int_equal(thread->delay_count, 4);
    assert_memory_equal(thread->delays, rows, sizeof rows);
    assert_int_equal(thread->watched_ns, 450000000);
    assert_int_equal(thread->ran_ns, 160000000);
    assert_int_equal(thread->delayed_ns, 210000000);
}

/* Each begins where the one before ended, the first with the first sample; and ended in its batch,
 * or after. */
static void test_delays(void **state)
{
    static const uint64_t later[] = {2000000000, 2001000000};
    struct pyro_filter filter = {.thread = "t"};
    struct pyro_profile *filtered;
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "m:1", 10);
    feed_delay(&feed, "t", 50, 20, 10);
    feed_delay(&feed, "t", 100, 90, 0);
    feed_sample(&feed, "other", "m:1", 10);
    assert_int_equal(feed.b->visitor.ticks(feed.b, 0, later, 2), 0);
    feed_delay(&feed, "t", 200, 0, 150);
    feed_delay(&feed, "t", 100, 50, 50);
    struct pyro_profile *p = feed_finish(&feed);
    expect_delays(&p->threads[0]);
    assert_int_equal(p->threads[1].delay_count, 0);
    assert_int_equal(pyro_profile_filter(p, &filter, &filtered, NULL), 0);
    pyro_profile_free(p);
    expect_delays(&filtered->threads[0]);
    pyro_profile_free(filtered);
}

static void test_nonsense(void **state)
{
    for (int round = 0; round < 200; round++) {
        struct pyro_profile_builder *b = pyro_profile_builder_new();
        const struct pyro_visitor *v = &b->visitor;
        static const char *const names[] = {"", "f", "g", "\xff\x1b[2J", "<module>"};
        uint64_t times[50];
        for (int i = 0; i < 50; i++)
            times[i] = roll(2) ? roll(1000) : UINT64_MAX - roll(1000);
        for (int i = 0; i < 400; i++) {
            uint32_t stream = roll(3), id = roll(2) ? (uint32_t)i / 8 : roll(40);
            struct pyro_stream_fact s = {.id = stream,
                                         .kind = str(roll(5) ? "samples" : "x"),
                                         .process = roll(3),
                                         .period_ns = roll(3) * 1000};
            struct pyro_process_fact process = {.id = roll(3), .python = str(names[roll(5)])};
            struct pyro_function_fact f = {.file = str(names[roll(5)]),
                                           .name = str(names[roll(5)]),
                                           .qualname = str(names[roll(5)]),
                                           .module = str(names[roll(5)]),
                                           .first_line = roll(3)};
            struct pyro_frame_fact frame = {.function = roll(20),
                                            .instruction = (int)roll(9) - 1,
                                            .line = roll(2) ? roll(9) : UINT32_MAX - roll(9)};
            struct pyro_node_fact node = {.parent = roll(4) ? roll(30) : PYRO_NO_NODE,
                                          .frame = roll(20)};
            struct pyro_thread_fact thread = {.tid = roll(4), .name = str(names[roll(5)])};
            struct pyro_sample sample = {.thread = roll(20),
                                         .node = roll(9) ? roll(30) : PYRO_NO_NODE,
                                         .unverified = roll(2) ? roll(5) : UINT32_MAX,
                                         .flags = roll(8)};
            struct pyro_source_fact source = {
                .file = str(names[roll(5)]), .first_line = roll(9), .text = str("x\n\ty\n")};
            switch (roll(9)) {
            case 0:
                assert_int_equal(v->stream(v->ctx, &s), 0);
                break;
            case 1:
                assert_int_equal(v->function(v->ctx, stream, id, &f), 0);
                break;
            case 2:
                assert_int_equal(v->frame(v->ctx, stream, id, &frame), 0);
                break;
            case 3:
                assert_int_equal(v->node(v->ctx, stream, id, &node), 0);
                break;
            case 4:
                assert_int_equal(v->thread(v->ctx, stream, id, &thread), 0);
                break;
            case 5:
                assert_int_equal(v->ticks(v->ctx, stream, times, roll(50)), 0);
                break;
            case 6:
                assert_int_equal(v->samples(v->ctx, stream, &sample, roll(60), roll(60)), 0);
                break;
            case 7:
                assert_int_equal(v->source(v->ctx, &source), 0);
                break;
            default:
                assert_int_equal(v->process(v->ctx, &process), 0);
            }
        }
        struct pyro_profile *p = NULL, *filtered = NULL;
        assert_int_equal(pyro_profile_builder_finish(b, PYRO_ENDED_TRUNCATED, &p, NULL), 0);
        uint64_t self = 0;
        for (size_t i = 0; i < p->node_count; i++)
            self += p->nodes[i].self;
        assert_int_equal(self + p->outside, p->samples);
        assert_int_equal(p->sampling.taken - p->sampling.lost, self);
        for (size_t i = 0; i < p->function_count; i++)
            assert_true(p->function_sums[i].total >= p->function_sums[i].self);
        const char *only[] = {"f", ":g", "*/x"};
        struct pyro_filter filter = {.only = only, .only_count = 1 + roll(3)};
        assert_int_equal(pyro_profile_filter(p, &filter, &filtered, NULL), 0);
        assert_int_equal(filtered->samples, p->samples);
        struct pyro_walk walk;
        assert_int_equal(pyro_profile_walk(filtered, &walk), 0);
        pyro_profile_walk_release(&walk);
        pyro_profile_free(p);
        pyro_profile_free(filtered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unify),   cmocka_unit_test(test_tick_times),
        cmocka_unit_test(test_modules), cmocka_unit_test(test_dangling),
        cmocka_unit_test(test_ids),     cmocka_unit_test(test_empty),
        cmocka_unit_test(test_delays),  cmocka_unit_test(test_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
