/* Folding: which paths are kept, and where the samples of the others go. */
#include "feed.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A path seen above the verified part twice, never verified: into the caller at its call site. */
static void test_unverified_top(void **state)
{
    struct feed feed;
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 100);
    feed_sample(&feed, "t", "a:5 > d:6 > e:7", 100);
    feed_flagged(&feed, "t", "a:1 > b:2 > e:7", 2, 1, PYRO_SAMPLE_TOP_MOVED); /* a mix */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 2);
    assert_int_equal(p->sampling.taken, 202);
    assert_int_equal(edge_of(p, "b", "e"), 0);
    assert_int_equal(sums_of(p, "e").total, 100);
    assert_int_equal(sums_of(p, "b").self, 2);
    assert_int_equal(sums_of(p, "b").moved, 2);
    assert_int_equal(line_of(p, "b", 2).self, 2); /* at the call it was in */
    pyro_profile_free(p);
}

/* Three of them are enough, if that is enough of their caller's samples. */
static void test_seen_often(void **state)
{
    struct feed feed;
    feed_start(&feed, 40000);
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 10000);
    feed_flagged(&feed, "t", "a:1 > b:2 > e:7", 3, 1, 0);  /* 3 of 10,003: over 2e-4 */
    feed_sample(&feed, "t", "a:1 > w:2 > c:3", 20000);
    feed_flagged(&feed, "t", "a:1 > w:2 > e:7", 3, 1, 0);  /* 3 of 20,003: under 2e-4 */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(edge_of(p, "b", "e"), 3);
    assert_int_equal(edge_of(p, "w", "e"), 0);
    assert_int_equal(p->sampling.folded, 3);
    assert_int_equal(sums_of(p, "w").self, 3);
    pyro_profile_free(p);
}

/* Verified twice is kept, however rare; the top's own line is no part of the path. */
static void test_verified(void **state)
{
    struct feed feed;
    feed_start(&feed, 100000);
    feed_sample(&feed, "t", "a:1 > b:2", 90000);
    feed_sample(&feed, "t", "a:1 > c:3", 1);
    feed_sample(&feed, "t", "a:1 > c:4", 1); /* the same path at another line */
    feed_sample(&feed, "t", "a:2 > c:3", 1); /* another call site: its own path, once only */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(edge_of(p, "a", "c"), 2);
    assert_int_equal(p->sampling.folded, 1);
    assert_int_equal(line_of(p, "a", 2).self, 1);
    pyro_profile_free(p);
}

/* Verified frames below an unverified top count for their own paths. */
static void test_verified_prefix(void **state)
{
    struct feed feed;
    feed_start(&feed, 1000);
    feed_sample(&feed, "t", "a:1 > x:1", 900);
    feed_flagged(&feed, "t", "a:1 > b:2 > c:3", 1, 1, 0);
    feed_flagged(&feed, "t", "a:1 > b:2 > d:3", 1, 1, 0);
    feed_flagged(&feed, "t", "a:1 > y:2 > d:3", 2, 3, 0); /* nothing of it is verified */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 4);
    assert_int_equal(sums_of(p, "b").self, 2); /* a > b was verified by both */
    assert_int_equal(sums_of(p, "y").total, 0);
    assert_int_equal(sums_of(p, "a").self, 2); /* folded twice over */
    assert_int_equal(line_of(p, "a", 1).self, 2);
    pyro_profile_free(p);
}

/* Random deep recursion: paths that come once, of calls that are well known. */
static void test_known_edges(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "a:1 > f:2 > g:3 > f:4", 1); /* f:2>g, g:3>f: verified 1 and more ... */
    feed_sample(&feed, "t", "a:1 > f:2 > g:3 > g:9", 1);
    feed_sample(&feed, "t", "a:1 > g:3 > f:2 > g:5", 1);
    feed_sample(&feed, "t", "a:1 > g:3 > f:2 > f:5", 1);
    struct pyro_profile *p = feed_finish(&feed);
    /* a:1>f 2, a:1>g 2, f:2>g 3, g:3>f 3, but g:3>g 1 and f:2>f 1 */
    assert_int_equal(p->sampling.folded, 2);
    assert_int_equal(sums_of(p, "f").self, 1 + 1);
    assert_int_equal(line_of(p, "f", 4).self, 1);
    assert_int_equal(line_of(p, "g", 3).self, 1);
    assert_int_equal(line_of(p, "f", 2).self, 1);
    assert_int_equal(line_of(p, "g", 5).self, 1);
    pyro_profile_free(p);
}

/* An edge that recurs within one sample is still one sample's word. */
static void test_edge_once_a_sample(void **state)
{
    struct feed feed;
    feed_start(&feed, 100);
    feed_sample(&feed, "t", "a:1 > x:1", 50);
    feed_sample(&feed, "t", "a:1 > f:2 > f:2 > f:2", 1);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 1);
    assert_int_equal(sums_of(p, "f").total, 0);
    pyro_profile_free(p);
}

/* The bottom has no caller to go to; a recording of one sample still says where it was. */
static void test_bottom(void **state)
{
    struct feed feed;
    feed_start(&feed, 10);
    feed_flagged(&feed, "t", "a:1 > b:2", 1, 2, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(sums_of(p, "a").self, 1);
    assert_int_equal(p->sampling.folded, 1);
    assert_int_equal(p->node_count, 1);
    pyro_profile_free(p);
}

/* Ancestors by jumps, against the plain way up. */
static void test_ancestors(void **state)
{
    enum { N = 3000 };
    struct pyro_build_node *nodes = calloc(N, sizeof(*nodes));
    uint64_t seed = 7;
    for (uint32_t i = 0; i < N; i++) {
        seed = pyro_base_mix(seed + i);
        uint32_t parent = i == 0 ? PYRO_NONE : seed % 4 ? i - 1 : (uint32_t)(seed / 4 % i);
        nodes[i].parent = parent;
        nodes[i].depth = parent == PYRO_NONE ? 1 : nodes[parent].depth + 1;
        nodes[i].jump = pyro_profile_jump(nodes, i, parent);
    }
    for (uint32_t i = 0; i < N; i += 7) {
        uint32_t at = i;
        for (uint32_t depth = nodes[i].depth; depth >= 1; depth--) {
            assert_int_equal(pyro_profile_ancestor(nodes, i, depth), at);
            at = nodes[at].parent;
        }
    }
    free(nodes);
}

/* 5,000 deep, and a wide and deep tree whose samples are unverified at any depth: still quick. */
static void test_deep(void **state)
{
    enum { DEEP = 5000, TOPS = 200000 };
    struct feed feed;
    feed_start(&feed, 2 * TOPS);
    const struct pyro_visitor *v = &feed.b->visitor;
    uint32_t node = feed_node(&feed, "f:1"), thread = feed_thread(&feed, "t");
    for (uint32_t i = 1; i < DEEP; i++) {
        struct pyro_node_fact fact = {.parent = node, .frame = 0};
        assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
        node = feed.node_count++;
    }
    for (uint32_t i = 0; i < TOPS; i++) { /* as many different places at the top */
        struct pyro_frame_fact frame = {.function = 0, .instruction = (int32_t)i + 10, .line = 2};
        struct pyro_node_fact fact = {.parent = node, .frame = i + 1};
        assert_int_equal(v->frame(v->ctx, 0, i + 1, &frame), 0);
        assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
        struct pyro_sample sample = {.thread = thread, .node = feed.node_count++,
                                     .unverified = i % DEEP};
        assert_int_equal(v->samples(v->ctx, 0, &sample, i, 1), 0);
    }
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(sums_of(p, "f").total, TOPS);
    assert_int_equal(sums_of(p, "f").self, TOPS);
    assert_int_equal(line_of(p, "f", 1).total, TOPS);
    assert_int_equal(edge_of(p, "f", "f"), TOPS);
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unverified_top), cmocka_unit_test(test_seen_often),
        cmocka_unit_test(test_verified),       cmocka_unit_test(test_verified_prefix),
        cmocka_unit_test(test_known_edges),    cmocka_unit_test(test_edge_once_a_sample),
        cmocka_unit_test(test_bottom),         cmocka_unit_test(test_ancestors),
        cmocka_unit_test(test_deep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
