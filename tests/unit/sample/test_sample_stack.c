/* stack.c: the kept stack, and how much of it has the same bytes as before. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FRAMES = 10, SIZE = 128, BASE = 0x10000 };

static struct code code = {.facts.frame_bytes = SIZE, .facts.hidden = true};
static uint8_t bytes[2][FRAMES * SIZE + 512];
static struct chunk chunk = {BASE - 32, BASE, BASE + 0x4000, 0};

static struct thread *a_thread(void)
{
    static struct thread t;
    free(t.stack);
    free(t.last);
    memset(&t, 0, sizeof t);
    memset(bytes, 7, sizeof bytes);
    t.chunks = &chunk;
    t.chunk_count = 1;
    t.stack = calloc(FRAMES, sizeof *t.stack);
    t.depth = t.cap = FRAMES;
    t.stack_known = true;
    for (int i = 0; i < FRAMES; i++)
        t.stack[i] = (struct item){.at = BASE + (uint64_t)i * SIZE, .code = &code, .barrier = -1};
    return &t;
}

static void a_view(struct view *view, int copy, uint64_t from, uint64_t to)
{
    memset(view, 0, sizeof *view);
    view->count = view->blocks = 1;
    view->regions[0] = (struct region){from, to, bytes[copy] + (from - BASE), 0};
}

static void test_unchanged(void **state)
{
    static struct view one, two;
    struct thread *t = a_thread();
    a_view(&one, 0, BASE, BASE + sizeof bytes[0]);
    a_view(&two, 1, BASE, BASE + sizeof bytes[0]);
    assert_int_equal(stack_unchanged(t, &one, NULL, 0), 0); /* nothing kept */
    stack_note(t, &one);
    assert_int_equal(stack_unchanged(t, &two, NULL, 0), FRAMES);
    assert_int_equal(stack_unchanged(t, &two, NULL, 4), FRAMES - 4);
    assert_int_equal(stack_unchanged(t, &two, &one, 0), FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        bytes[1][i * SIZE + SIZE - 1]++; /* the last byte of the frame */
        assert_int_equal(stack_unchanged(t, &two, NULL, 0), i);
        assert_int_equal(stack_unchanged(t, &two, &one, 0), i);
        bytes[1][i * SIZE + SIZE - 1]--;
    }
    /* what stands on a C function is judged again; so is what lies off the chunks, and what is
     * above it */
    for (int i = 6; i < FRAMES; i++)
        t->stack[i].barrier = i < 8 ? 6 : 8;
    assert_int_equal(stack_unchanged(t, &two, NULL, 0), 6);
    assert_int_equal(stack_unchanged(t, &two, NULL, 7), 1);
    assert_int_equal(stack_unchanged(t, &two, NULL, 9), FRAMES - 9);
}

static void test_other_windows(void **state)
{
    static struct view one, two;
    struct thread *t = a_thread();
    a_view(&one, 0, BASE, BASE + sizeof bytes[0]);
    stack_note(t, &one);
    a_view(&two, 1, BASE, BASE + 4 * SIZE); /* less of it was read */
    assert_int_equal(stack_unchanged(t, &two, NULL, 0), 4);
    a_view(&two, 1, BASE + 64, BASE + sizeof bytes[0]);
    assert_int_equal(stack_unchanged(t, &two, NULL, 0), 0);
    two.blocks = 0;
    assert_int_equal(stack_unchanged(t, &two, NULL, 0), 0);
}

static void test_lines_changed(void **state)
{
    static struct view one;
    struct thread *t = a_thread();
    t->plan[0] = (struct region){BASE, BASE + 1000, NULL, 0};
    t->plan_blocks = 1;
    assert_int_equal(stack_lines_changed(t, bytes[1]), 16); /* nothing kept: all of them */
    a_view(&one, 0, BASE, BASE + 1024);
    stack_note(t, &one);
    assert_int_equal(stack_lines_changed(t, bytes[1]), 0);
    bytes[1][64 * 3] = bytes[1][64 * 4 - 1] = bytes[1][999] = 8;
    assert_int_equal(stack_lines_changed(t, bytes[1]), 2);
    t->plan[0].end = BASE + 1024 + 128; /* more than was kept */
    assert_int_equal(stack_lines_changed(t, bytes[1]), 4);
    t->plan[0] = (struct region){BASE + 128, BASE + 256, NULL, 0}; /* a part of it */
    assert_int_equal(stack_lines_changed(t, bytes[1] + 128), 1);
}

static void test_anchor(void **state)
{
    static struct view view;
    struct thread *t = a_thread();
    a_view(&view, 0, BASE, BASE + FRAMES * SIZE);
    assert_int_equal(stack_anchor(t, &view), 0);
    a_view(&view, 0, BASE + 3 * SIZE - 8, BASE + FRAMES * SIZE);
    assert_int_equal(stack_anchor(t, &view), 3);
    t->stack[7].at = 0x900000; /* one off the chunks between those in the window */
    assert_int_equal(stack_anchor(t, &view), 3);
    a_view(&view, 0, BASE + FRAMES * SIZE, BASE + FRAMES * SIZE + 64);
    assert_int_equal(stack_anchor(t, &view), -1);
    t->depth = 0;
    assert_int_equal(stack_anchor(t, &view), -1);
}

static void test_keep(void **state)
{
    struct pyro_sampler s = {0};
    struct thread *t = a_thread();
    struct item items[FRAMES + 5];
    struct walk w = {.items = items, .count = FRAMES + 5};
    for (int i = 0; i < w.count; i++)
        items[i] = (struct item){.at = BASE + (uint64_t)(i + 4) * SIZE, .code = &code, .node = 99};
    for (int i = 0; i < FRAMES; i++)
        t->stack[i].node = (uint32_t)i;
    items[2].instruction = 8; /* at index 6 the two part */
    items[1].called_back = true;
    items[4].at = 0x900000;
    items[6].called_back = true;
    assert_int_equal(stack_keep(&s, t, 4, &w), 0);
    assert_int_equal(t->depth, 4 + FRAMES + 5);
    for (int i = 0; i < t->depth; i++) {
        assert_int_equal(t->stack[i].at, i == 8 ? 0x900000 : BASE + (uint64_t)i * SIZE);
        assert_int_equal(t->stack[i].barrier, i < 5 ? -1 : i < 8 ? 5 : i < 10 ? 8 : 10);
        assert_int_equal(t->stack[i].node, i < 6 ? i : 5); /* hidden ones add no node */
    }
    w.count = 0;
    assert_int_equal(stack_keep(&s, t, 2, &w), 0);
    assert_int_equal(t->depth, 2);
    assert_int_equal(stack_chunk_of(t, BASE), 0);
    assert_int_equal(stack_chunk_of(t, chunk.end), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged),     cmocka_unit_test(test_other_windows),
        cmocka_unit_test(test_lines_changed), cmocka_unit_test(test_anchor),
        cmocka_unit_test(test_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
