/* plan.c: the window over the chunks, and the list of frames off them. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK(n) (UINT64_C(0x100000) * (uint64_t)(n))

struct plan {
    struct pyro_layout lay;
    struct pyro_sampler s;
    struct thread t;
    struct chunk chunks[64];
};

/* Chunks of 16 kB, all full but the newest, which holds `used` bytes of frames. */
static void begin(struct plan *p, int chunks, uint64_t used)
{
    memset(p, 0, sizeof *p);
    p->lay = target_layout_of(0x030e00f0)->layout;
    p->lay.thread_size = 512;
    p->s.lay = &p->lay;
    p->s.tick = 1;
    for (int i = 0; i < chunks; i++)
        p->chunks[i] = (struct chunk){CHUNK(i + 1), CHUNK(i + 1) + 32, CHUNK(i + 1) + FAKE_CHUNK,
                                      CHUNK(i + 1) + FAKE_CHUNK - 8};
    p->t.state = 4096;
    p->t.chunks = p->chunks;
    p->t.chunk_count = chunks;
    p->t.top = CHUNK(chunks) + 32 + used;
}

static void test_whole(void **state)
{
    static struct plan p;
    begin(&p, 1, 1000);
    plan_thread(&p.s, &p.t);
    assert_true(p.t.window_whole);
    assert_int_equal(p.t.plan_blocks, 1);
    assert_int_equal(p.t.plan[0].start, p.chunks[0].first);
    assert_true(p.t.plan[0].end >= p.t.top && p.t.plan[0].end <= p.chunks[0].end);
    begin(&p, 0, 0);
    plan_thread(&p.s, &p.t);
    assert_int_equal(p.t.plan_count, 1); /* the thread state, which is the last of any plan */
    assert_int_equal(p.t.plan[0].start, p.t.state);
    begin(&p, 1, 1 << 30); /* a top beyond the chunk is not believed */
    plan_thread(&p.s, &p.t);
    assert_true(p.t.plan[0].end <= p.chunks[0].end);
}

static void test_over_several_chunks(void **state)
{
    static struct plan p;
    for (uint64_t used = 0; used < FAKE_CHUNK - 32; used += 504) {
        begin(&p, 5, used);
        plan_thread(&p.s, &p.t);
        assert_false(p.t.window_whole);
        uint64_t bytes = used;
        for (int i = 0; i < p.t.plan_blocks; i++) {
            const struct region *r = &p.t.plan[i];
            const struct chunk *c = &p.chunks[r->chunk];
            assert_true(r->start >= c->first && r->end <= c->end && r->start < r->end);
            if (i > 0) {
                assert_int_equal(r->chunk, r[-1].chunk + 1);
                assert_int_equal(r->start, c->first);
            }
            if (i < p.t.plan_blocks - 1) {
                assert_int_equal(r->end, c->used);
                bytes += r->end - r->start;
            }
        }
        assert_int_equal(p.t.plan[p.t.plan_blocks - 1].chunk, 4);
        assert_in_range(bytes, WINDOW_BYTES, WINDOW_BYTES + 256);
    }
}

/* Copies follow one another without a gap: each block must begin in a cache line where the one
 * before it ends in one, and so must what comes after a thread. */
static void test_copies_lie_in_lines_as_their_sources(void **state)
{
    static struct plan p;
    for (uint64_t used = 0; used <= 14000; used += 8) {
        begin(&p, 3, used);
        for (int i = 0; i < 2; i++)
            p.chunks[i].used -= 8 * (8 + used % 13);
        plan_thread(&p.s, &p.t);
        for (int i = 1; i < p.t.plan_blocks; i++)
            assert_int_equal((p.t.plan[i].start - p.t.plan[i - 1].end) % LINE, 0);
        assert_int_equal(p.t.plan_bytes % LINE, 0);
        size_t bytes = 0;
        for (int i = 0; i < p.t.plan_count; i++)
            bytes += p.t.plan[i].end - p.t.plan[i].start;
        assert_int_equal(p.t.plan_bytes, bytes);
    }
}

static void test_goes_on_where_the_lower_part_ended(void **state)
{
    static struct plan p;
    struct code code = {.facts.frame_bytes = 160};
    struct item lower = {.at = CHUNK(3) + 32 + 1600, .code = &code};
    begin(&p, 6, 5000);
    p.t.stack = &lower;
    p.t.depth = 1;
    p.t.stack_known = p.t.lower_fresh = true;
    plan_thread(&p.s, &p.t);
    assert_true(p.t.lower_fresh);
    assert_false(p.t.window_whole);
    assert_int_equal(p.t.window_low, lower.at); /* that frame is read again: does it still run? */
    assert_int_equal(p.t.window_chunk, 2);
    assert_int_equal(p.t.plan_blocks, 4);
    /* it went down below that frame */
    begin(&p, 3, 1600);
    p.t.stack = &lower;
    p.t.depth = 1;
    p.t.stack_known = p.t.lower_fresh = true;
    plan_thread(&p.s, &p.t);
    assert_false(p.t.lower_fresh);
    /* it went up by more chunks than a window has: no gap is left */
    begin(&p, 3 + MAX_REGIONS, 1600);
    p.t.stack = &lower;
    p.t.depth = 1;
    p.t.stack_known = p.t.lower_fresh = true;
    plan_thread(&p.s, &p.t);
    assert_false(p.t.lower_fresh);
    assert_true(p.t.window_chunk > 2 + 20);
}

/* Frames in one page are one piece, whatever the order in which they were met. */
static void test_off_pages(void **state)
{
    static struct plan p;
    begin(&p, 1, 0);
    for (uint64_t at = 0x7000f00; at >= 0x7000100; at -= 0x100)
        plan_add_off(&p.s, &p.t, at, false);
    plan_add_off(&p.s, &p.t, 0x7005000, true);
    plan_thread(&p.s, &p.t);
    assert_int_equal(p.t.plan_count, p.t.plan_blocks + 3);
    const struct region *page = &p.t.plan[p.t.plan_blocks];
    assert_int_equal(page->start, 0x7000100 - plan_find_off(&p.t, 0x7000100)->before);
    assert_int_equal(page->end, 0x7000f00 + plan_find_off(&p.t, 0x7000f00)->size);
    assert_int_equal(page[1].start, 0x7005000);
    size_t bytes = 0;
    for (int i = 0; i < p.t.plan_count; i++)
        bytes += p.t.plan[i].end - p.t.plan[i].start;
    assert_int_equal(p.t.plan_bytes, bytes);
}

static void test_off_list(void **state)
{
    static struct plan p;
    begin(&p, 1, 0);
    for (int i = 0; i < MAX_OFF; i++) {
        p.s.tick = 100 + (uint64_t)(i == 7 ? 0 : i % 50 + 1);
        plan_add_off(&p.s, &p.t, 0x7000000 + (uint64_t)i * 8192, false);
    }
    assert_int_equal(p.t.off_count, MAX_OFF);
    plan_add_off(&p.s, &p.t, 0x7000000 + 9 * 8192, false); /* known: takes no room */
    assert_int_equal(p.t.off_count, MAX_OFF);
    plan_add_off(&p.s, &p.t, 0x9000000, false);
    assert_null(plan_find_off(&p.t, 0x7000000 + 7 * 8192)); /* the one unused for longest */
    assert_non_null(plan_find_off(&p.t, 0x9000000));
    p.s.tick = 151;
    plan_thread(&p.s, &p.t);
    assert_int_equal(p.t.plan_count, 2 + MAX_OFF);
    assert_true(2 * p.t.plan_count + 2 <= 1024); /* one call takes it */
    p.s.tick = 130 + 64;
    plan_thread(&p.s, &p.t); /* those of ticks before 130 are forgotten */
    assert_true(p.t.off_count < MAX_OFF && p.t.off_count > 0);
    assert_null(plan_find_off(&p.t, 0x7000000));
    p.s.tick = 1000;
    plan_thread(&p.s, &p.t);
    assert_int_equal(p.t.off_count, 0);
    /* the place on the C stack of a cframe may become a frame's, and be both in turn */
    plan_add_off(&p.s, &p.t, 0x7000000, true);
    uint32_t size = plan_find_off(&p.t, 0x7000000)->size;
    plan_add_off(&p.s, &p.t, 0x7000000, false);
    assert_int_equal(p.t.off_count, 1);
    size_t frame = plan_find_off(&p.t, 0x7000000)->size;
    assert_true(frame > size);
    plan_add_off(&p.s, &p.t, 0x7000000, true);
    assert_int_equal(plan_find_off(&p.t, 0x7000000)->size, frame);
}

static void test_learn_chunks(void **state)
{
    static struct fake f;
    static struct pyro_sampler s;
    struct thread t = {0};
    fake_begin(&f, 0x030c01f0);
    s.target = &f.target;
    s.lay = f.lay;
    struct fake_object a = fake_function(&f, "a", 40);
    for (int i = 0; i < 200; i++)
        fake_call(&f, &a);
    assert_int_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    assert_int_equal(t.chunks[t.chunk_count - 1].at, f.chunk);
    assert_int_equal(t.chunks[0].first, t.chunks[0].at + (uint64_t)f.lay->chunk_data + 8);
    for (int i = 0; i + 1 < t.chunk_count; i++)
        assert_in_range(t.chunks[i].end - t.chunks[i].used, 0, (uint64_t)a.frame_bytes);
    int all = t.chunk_count;
    assert_int_equal(plan_learn_chunks(&s, &t, t.chunks[1].at, 0), 0); /* back down */
    assert_int_equal(t.chunk_count, 2);
    assert_int_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    assert_int_equal(t.chunk_count, all);
    /* one that was known without those below it: they are learnt all the same */
    t.chunks[0] = t.chunks[1];
    t.chunk_count = 1;
    assert_int_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    assert_int_equal(t.chunk_count, all);
    /* nonsense is refused */
    static const uint64_t sizes[] = {0, 8, UINT64_MAX, UINT64_C(1) << 33};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        t.chunk_count = 0;
        fake_put(f.chunk, f.lay->chunk_size, sizes[i]);
        assert_int_not_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
        assert_int_equal(t.chunk_count, 0);
    }
    fake_put(f.chunk, f.lay->chunk_size, FAKE_CHUNK);
    fake_put(f.chunk, f.lay->chunk_top, UINT64_MAX / 8);
    assert_int_not_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    fake_put(f.chunk, f.lay->chunk_top, 0);
    fake_put(f.chunk, f.lay->chunk_previous, f.chunk); /* a circle */
    assert_int_not_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    assert_int_not_equal(plan_learn_chunks(&s, &t, 16, f.top), 0);
    /* one that was popped and is kept for the next push says that none is below it */
    fake_put(f.chunk, f.lay->chunk_previous, 0);
    assert_int_not_equal(plan_learn_chunks(&s, &t, f.chunk, f.top), 0);
    assert_int_equal(t.chunk_count, 0);
    free(t.chunks);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_over_several_chunks),
        cmocka_unit_test(test_copies_lie_in_lines_as_their_sources),
        cmocka_unit_test(test_goes_on_where_the_lower_part_ended),
        cmocka_unit_test(test_off_pages),
        cmocka_unit_test(test_off_list),
        cmocka_unit_test(test_learn_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
