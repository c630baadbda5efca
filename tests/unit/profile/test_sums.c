/* Sums, threads, sampling counts: every expected figure is counted by hand from the tree. */
#include "feed.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

/*  m:1 ─ f:10 ─ g:20      4
 *      └ f:11 ─ g:21      3      (another call site of f)
 *      └ f:11             2
 *  m:2 ─ g:20             1      in all 10 */
static struct pyro_profile *small(void)
{
    struct feed feed;
    feed_start(&feed, 10);
    feed_sample(&feed, "main", "m:1 > f:10 > g:20", 4);
    feed_sample(&feed, "main", "m:1 > f:11 > g:21", 3);
    feed_sample(&feed, "main", "m:1 > f:11", 2);
    feed_sample(&feed, "main", "m:2 > g:20", 1);
    return feed_finish(&feed);
}

static void test_functions(void **state)
{
    struct pyro_profile *p = small();
    assert_int_equal(p->samples, 10);
    assert_int_equal(p->outside, 0);
    assert_int_equal(sums_of(p, "m").total, 10);
    assert_int_equal(sums_of(p, "f").self, 2);
    assert_int_equal(sums_of(p, "f").total, 9);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(sums_of(p, "m").self, 0);
    assert_int_equal(line_of(p, "m", 2).total, 1);
    assert_int_equal(sums_of(p, "g").self, 8);
    pyro_profile_free(p);
}

static void test_functions_whole(void **state)
{
    struct feed feed;
    feed_start(&feed, 11);
    feed_sample(&feed, "main", "m:1 > f:10 > g:20", 4);
    feed_sample(&feed, "main", "m:1 > f:11 > g:21", 3);
    feed_sample(&feed, "main", "m:1 > f:11", 2);
    feed_sample(&feed, "main", "m:2 > g:20", 2);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(sums_of(p, "g").self, 9);
    assert_int_equal(sums_of(p, "g").total, 9);
    assert_int_equal(edge_of(p, NULL, "m"), 11);
    assert_int_equal(edge_of(p, "m", "f"), 9);
    assert_int_equal(edge_of(p, "f", "g"), 7);
    assert_int_equal(edge_of(p, "m", "g"), 2);
    assert_int_equal(p->edge_count, 4);
    assert_int_equal(line_of(p, "m", 1).total, 9);
    assert_int_equal(line_of(p, "m", 2).total, 2);
    assert_int_equal(line_of(p, "f", 10).total, 4);
    assert_int_equal(line_of(p, "f", 10).self, 0);
    assert_int_equal(line_of(p, "f", 11).total, 5);
    assert_int_equal(line_of(p, "f", 11).self, 2);
    assert_int_equal(line_of(p, "g", 20).self, 6);
    for (size_t i = 1; i < p->line_count; i++) /* by function, then line */
        assert_true(p->lines[i - 1].function < p->lines[i].function ||
                    (p->lines[i - 1].function == p->lines[i].function &&
                     p->lines[i - 1].line < p->lines[i].line));
    for (size_t i = 0; i < p->node_count; i++)
        assert_true(p->nodes[i].parent == PYRO_NONE || p->nodes[i].parent < i);
    pyro_profile_free(p);
}

/* f calls itself and, through g, itself again; each counts once a sample. */
static void test_recursion(void **state)
{
    struct feed feed;
    feed_start(&feed, 30);
    feed_sample(&feed, "main", "m:1 > f:5 > f:5 > f:6", 10);
    feed_sample(&feed, "main", "m:1 > f:5 > g:9 > f:5 > g:9", 20);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(sums_of(p, "f").total, 30);
    assert_int_equal(sums_of(p, "f").self, 10);
    assert_int_equal(sums_of(p, "g").total, 20);
    assert_int_equal(line_of(p, "f", 5).total, 30);
    assert_int_equal(line_of(p, "f", 6).total, 10);
    assert_int_equal(edge_of(p, "f", "f"), 10); /* twice in each of 10 stacks */
    assert_int_equal(edge_of(p, "f", "g"), 20); /* twice in each of 20 */
    assert_int_equal(edge_of(p, "g", "f"), 20);
    assert_int_equal(edge_of(p, "m", "f"), 30);
    pyro_profile_free(p);
}

static void test_moved_and_no_frame(void **state)
{
    struct feed feed;
    feed_start(&feed, 20);
    feed_sample(&feed, "main", "m:1 > f:5", 9);
    feed_flagged(&feed, "main", "m:1 > f:5", 3, 1, PYRO_SAMPLE_TOP_MOVED);
    feed_flagged(&feed, "main", "", 2, 0, PYRO_SAMPLE_DISCARDED);
    feed_flagged(&feed, "main", "", 4, 0, 0); /* no Python frame */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(sums_of(p, "f").self, 12);
    assert_int_equal(sums_of(p, "f").moved, 3);
    assert_int_equal(p->samples, 16);
    assert_int_equal(p->outside, 4);
    assert_int_equal(p->sampling.discarded, 2);
    assert_int_equal(p->sampling.taken, 12);
    assert_int_equal(p->sampling.planned, 14);
    assert_int_equal(p->sampling.lost, 0);
    pyro_profile_free(p);
}

/* Self time is unsure where the two reads disagree in more than 5 % of the function's samples. */
static void test_unsure(void **state)
{
    for (uint32_t moved = 5; moved <= 6; moved++) {
        struct feed feed;
        feed_start(&feed, 100);
        feed_sample(&feed, "main", "m:1 > f:5", 100 - moved);
        feed_flagged(&feed, "main", "m:1 > f:5", moved, 1, PYRO_SAMPLE_TOP_MOVED);
        struct pyro_profile *p = feed_finish(&feed);
        struct pyro_function_sums f = sums_of(p, "f");
        assert_int_equal(f.self, 100);
        assert_int_equal(pyro_profile_is_unsure(&f), moved == 6);
        pyro_profile_free(p);
    }
}

/* Stretches that follow each other are one; a discarded tick parts them. */
static void test_runs(void **state)
{
    struct feed feed;
    feed_start(&feed, 20);
    feed_sample(&feed, "one", "m:1 > f:5", 3);
    feed_sample(&feed, "two", "m:2 > w:5", 7);
    feed_sample(&feed, "one", "m:1 > f:5", 2);
    feed_flagged(&feed, "one", "", 1, 0, PYRO_SAMPLE_DISCARDED);
    feed_sample(&feed, "one", "m:1 > f:5", 4);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->run_count, 3);
    assert_int_equal(p->threads[0].run_count, 2);
    assert_int_equal(p->threads[0].runs[0].tick, 0);
    assert_int_equal(p->threads[0].runs[0].count, 5);
    assert_int_equal(p->threads[0].runs[1].tick, 6);
    assert_int_equal(p->threads[0].runs[1].count, 4);
    assert_int_equal(p->threads[1].run_count, 1);
    assert_int_equal(p->threads[1].runs[0].count, 7);
    for (size_t i = 0; i < p->tick_count; i++)
        assert_int_equal(pyro_profile_tick_ns(p, i), 1000000 * (i + 1));
    assert_int_equal(p->threads[0].samples, 9);
    assert_int_equal(p->threads[1].samples, 7);
    assert_int_equal(p->threads[1].tid, 101);
    assert_true(p->ns_per_sample > 1000000.0 && p->ns_per_sample < 1100000.0); /* 17/16 ms */
    pyro_profile_free(p);
}

static void test_sampling_counts(void **state)
{
    struct feed feed;
    feed_start(&feed, 10);
    feed_sample(&feed, "main", "m:1 > f:5", 8);
    struct pyro_status_fact status = {.mono_ns = 1,
                                      .ticks = 12,
                                      .missed = 2,
                                      .planned = 11,
                                      .discarded = 1,
                                      .taken = 10,
                                      .lost = 2,
                                      .assumed = 5,
                                      .target_cpu_ns = 33,
                                      .target_wall_ns = 44,
                                      .sampler_cpu_ns = 3,
                                      .target_peak_rss = 4096};
    struct pyro_end_fact end = {.exit_status = 3, .wall_ns = 2000, .cpu_ns = 1000};
    const struct pyro_visitor *v = &feed.b->visitor;
    assert_int_equal(v->status(v->ctx, &status), 0);
    assert_int_equal(v->end(v->ctx, &end), 0);
    struct pyro_profile *p = feed_finish(&feed);
    const struct pyro_sampling *s = &p->sampling;
    assert_true(s->rate_hz > 999.9 && s->rate_hz < 1000.1);
    assert_int_equal(s->ticks, 12);
    assert_int_equal(s->missed, 2);
    assert_int_equal(s->taken, 10);
    assert_int_equal(s->lost, 2); /* two were taken and not written */
    assert_int_equal(s->taken - s->lost, sums_of(p, "f").self + sums_of(p, "m").self);
    assert_int_equal(s->discarded, 1);
    assert_int_equal(s->planned, 11);
    assert_int_equal(s->assumed, 5);
    assert_int_equal(p->exit_status, 3);
    assert_int_equal(p->wall_ns, 2000);
    assert_int_equal(p->cpu_ns, 1000);
    assert_int_equal(p->peak_rss, 4096);
    assert_int_equal(p->warning_count, 1);
    assert_memory_equal(p->warnings[0].bytes, "2 samples were taken but are not", 32);
    assert_int_equal(p->ns_per_sample, 1000000); /* 10 ticks, 9 ms between the first and last */
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),      cmocka_unit_test(test_functions_whole),
        cmocka_unit_test(test_recursion),      cmocka_unit_test(test_moved_and_no_frame),
        cmocka_unit_test(test_unsure),         cmocka_unit_test(test_runs),
        cmocka_unit_test(test_sampling_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
