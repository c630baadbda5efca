/* The sampler on an interpreter made of bytes: what it shows is what runs there. */
#include "fake.h"
#include "profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Seeded, so that a failure comes again. */
static uint64_t seed;

static int draw(void)
{
    return (int)(pyro_base_mix(seed++) >> 33);
}

enum { NO_TASK = 1 << 23 }; /* the kernel gives no such number to a thread */

static const uint32_t versions[] = {0x030b07f0, 0x030c01f0, 0x030d00f0, 0x030e00f0, 0x030f00f0};

/* A tick whose sample is not discarded. */
static void step(struct fake *f)
{
    struct pyro_status_fact before, after;
    pyro_sample_status(f->sampler, &before);
    do {
        assert_int_equal(fake_tick(f), 0);
        pyro_sample_status(f->sampler, &after);
    } while (after.taken == before.taken);
}

/* Two ticks: the first may learn, the second goes by what the first kept. */
static void check(struct fake *f)
{
    for (int i = 0; i < 2; i++) {
        step(f);
        assert_true(fake_agrees(f));
    }
}

#define EACH_VERSION(f)                                                                            \
    static struct fake f;                                                                          \
    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++)                                \
        for (int once = (fake_begin(&f, versions[v]), 1); once; once = 0, fake_end(&f))

static void test_calls(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 0);
        fake_sample(&f);
        check(&f);
        fake_call(&f, &a);
        check(&f);
        for (int i = 0; i < 40; i++) {
            fake_call(&f, i % 3 == 0 ? &a : &b);
            check(&f);
        }
        for (int i = 0; i < 41; i++) {
            fake_return(&f);
            check(&f);
        }
        struct pyro_status_fact status = {0};
        pyro_sample_status(f.sampler, &status);
        assert_int_equal(status.planned, status.ticks);
        assert_int_equal(status.taken + status.discarded, status.planned);
    }
}

/* Words that were no frame are not asked about at every tick, but after a while they are. */
static void test_no_frame_becomes_one(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 0);
        fake_sample(&f);
        fake_call(&f, &a);
        check(&f);
        uint64_t type = word((const uint8_t *)b.code + f.lay->object_type);
        fake_put(b.code, f.lay->object_type, f.str_type);
        fake_call(&f, &b);
        for (int i = 0; i < 3; i++) {
            step(&f);
            assert_int_equal(f.sampler->threads[0]->depth, 1);
        }
        fake_put(b.code, f.lay->object_type, type);
        for (int i = 0; i < REFRESH_TICKS; i++)
            step(&f);
        check(&f);
    }
}

/* What is in the recording, which ends here. */
static struct pyro_profile *end_recording(struct fake *f)
{
    struct pyro_status_fact status;
    struct pyro_profile *profile;
    struct pyro_error error;
    pyro_sample_status(f->sampler, &status);
    pyro_sample_free(f->sampler);
    f->sampler = NULL;
    assert_int_equal(pyro_format_finish(f->writer, &status, NULL, &error), 0);
    f->writer = NULL;
    assert_int_equal(pyro_profile_load(f->path, &profile, &error), 0);
    assert_int_equal(profile->samples, status.taken);
    return profile;
}

/* When too much is known, a new stream begins and nothing is lost. */
static void test_epochs(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 0);
        fake_sample(&f);
        f.sampler->nodes_most = 50;
        fake_call(&f, &a);
        for (int i = 0; i < 200; i++) {
            fake_return_to(&f, 1);
            while (f.depth < 10)
                fake_call(&f, draw() % 2 ? &a : &b);
            check(&f);
            assert_in_range(f.sampler->nodes.len, 1, 50 + 20);
        }
        assert_true(f.sampler->fact.id > 10);
        struct pyro_status_fact status = {0};
        pyro_sample_status(f.sampler, &status);
        assert_int_equal(status.taken + status.discarded, status.ticks);
        struct pyro_profile *profile = end_recording(&f);
        assert_int_equal(profile->function_count, 2);
        pyro_profile_free(profile);
    }
}

/* Threads that rest are not read, and their samples repeat the last one's path: not that of before
 * in a stream that counts its paths anew. */
static void test_epochs_of_resting(void **state)
{
    enum { THREADS = 12 };
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 0),
                           c = fake_function(&f, "c", 0);
        uint64_t gil = fake_gil(&f);
        fake_put32(gil, f.lay->gil_locked, 1);
        fake_put(gil, f.lay->gil_holder, f.thread);
        fake_call(&f, &a);
        fake_call(&f, &c);
        fake_call(&f, &c);
        fake_thread(&f, NO_TASK + 1);
        fake_return_to(&f, 1);
        for (uint64_t i = 2; i < THREADS; i++)
            fake_thread(&f, NO_TASK + i);
        fake_sample(&f);
        fake_call(&f, &b);
        int rested = 0;
        for (int i = 0; i < 100; i++) {
            if (i % 10 == 5)
                pyro_sample_resume(f.sampler); /* a new stream */
            step(&f);
            assert_int_equal(f.sampler->thread_count, THREADS);
            for (int k = 0; k < THREADS; k++)
                rested += f.sampler->threads[k]->rests;
        }
        assert_in_range(rested, 500, 100 * THREADS);
        pyro_profile_free(end_recording(&f));
    }
}

/* What stands above a caller that is at no call was put there after the caller was copied. */
static void test_caller_at_no_call(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 1), b = fake_function(&f, "b", 1);
        memset((uint8_t *)(uintptr_t)a.code + f.lay->code_adaptive, 0, 64);
        fake_sample(&f);
        fake_call(&f, &a);
        fake_call(&f, &b);
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, 1);
    }
}

/* 3.12 and 3.13 mark a frame that is popped: if its caller, copied before it, waits for this very
 * function, it ran when the caller was copied. */
static void test_returned_in_between(void **state)
{
    EACH_VERSION(f)
    {
        if (f.lay->version != 0x030c && f.lay->version != 0x030d)
            continue;
        struct fake_object a = fake_function(&f, "a", 1), b = fake_function(&f, "b", 1),
                           c = fake_function(&f, "c", 1);
        fake_sample(&f);
        fake_call(&f, &a);
        fake_call(&f, &b);
        step(&f);
        fake_put32(f.frames[1], f.lay->frame_stacktop, 0);
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, 2);
        /* the caller waits for another one */
        fake_put(f.frames[0], f.lay->frame_locals + a.slots * 8, c.at);
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, 1);
    }
}

/* It did not if the caller resumes a generator, in whose stack slot it is left over. */
static void test_returned_before(void **state)
{
    EACH_VERSION(f)
    {
        if (f.lay->version != 0x030c && f.lay->version != 0x030d)
            continue;
        struct fake_object a = fake_function(&f, "a", 1), b = fake_function(&f, "b", 1);
        fake_instructions(&f, a.code, true);
        fake_sample(&f);
        fake_call(&f, &a);
        fake_call(&f, &b);
        fake_put32(f.frames[1], f.lay->frame_stacktop, 0);
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, 1);
    }
}

static void test_deep(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 60);
        fake_sample(&f);
        seed = (1);
        for (int i = 0; i < 60; i++) {
            fake_return_to(&f, draw() % (f.depth + 1));
            int more = draw() % 6000;
            while (more-- > 0 && f.depth < 6000)
                fake_call(&f, draw() % 8 == 0 ? &b : &a);
            f.sampler->threads[0]->lower_tick = f.sampler->tick - REFRESH_TICKS; /* none assumed */
            check(&f);
        }
    }
}

/* What lies below the window is as it was at the last tick, if both copies of then showed what
 * stands on it. */
static void test_assumed(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 30);
        fake_sample(&f);
        while (f.depth < 400)
            fake_call(&f, &a);
        step(&f);
        const struct pyro_sampler *s = f.sampler;
        assert_int_equal(s->threads[0]->sure, f.depth);
        uint64_t assumed = s->sums.assumed;
        step(&f);
        assert_int_equal(s->sums.assumed, ++assumed);
        s->threads[0]->sure = 300; /* the window begins above it */
        step(&f);
        assert_int_equal(s->sums.assumed, assumed);
        step(&f);
        assert_int_equal(s->sums.assumed, ++assumed);
    }
}

/* The sampler can be made to have no CPU for a while, between two of its reads, the second of which
 * is then slow, or during one. */
static const struct pyro_sampler *held;
static uint64_t ahead_ns;
static int reads, held_at, looks; /* looks: at the clock, since the last read */
static bool held_within;
static size_t last_size;

uint64_t __real_pyro_base_monotonic_ns(void);
uint64_t __wrap_pyro_base_monotonic_ns(void);
uint64_t __wrap_pyro_base_monotonic_ns(void)
{
    looks++; /* the first one ends the read */
    if (!held_within && reads + 1 == held_at && looks == 2)
        ahead_ns += 5000000;
    return __real_pyro_base_monotonic_ns() + ahead_ns;
}

ssize_t __real_pyro_target_readv(const struct pyro_target *t, void *to, size_t size,
                                 const struct iovec *pieces, size_t count);
ssize_t __wrap_pyro_target_readv(const struct pyro_target *t, void *to, size_t size,
                                 const struct iovec *pieces, size_t count);
ssize_t __wrap_pyro_target_readv(const struct pyro_target *t, void *to, size_t size,
                                 const struct iovec *pieces, size_t count)
{
    if (held != NULL && pieces == held->iovecs) { /* not a read of code */
        reads += size != last_size;               /* nor one that is made again */
        last_size = size;
        looks = 0;
        if (reads == held_at)
            ahead_ns += held_within ? 5000000 : 150000;
    }
    return __real_pyro_target_readv(t, to, size, pieces, count);
}

/* What a tick reads after its first read is of another time if the sampler had no CPU in between,
 * however often it is read again after that. */
static void test_held_up(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 30);
        fake_sample(&f);
        held = f.sampler;
        const struct pyro_status_fact *sums = &held->sums;
        int later = 0;
        for (int within = 0; within <= 1; within++)
            for (int at = 2; at < 8; at++) {
                fake_return_to(&f, 0);
                check(&f);
                while (f.depth < 400) /* in chunks that are to be learnt */
                    fake_call(&f, &a);
                uint64_t discarded = sums->discarded;
                held_within = within;
                reads = 0;
                last_size = 0;
                held_at = at;
                assert_int_equal(fake_tick(&f), 0);
                if (reads >= at) {
                    assert_int_equal(sums->discarded, discarded + 1);
                    later++;
                }
                held_at = 0;
                check(&f);
            }
        assert_in_range(later, 2, 12);
        held = NULL;
        ahead_ns = 0;
    }
}

/* The time for which sampling was off is in no row of how a thread was scheduled. */
static void test_off(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        fake_sample(&f);
        fake_call(&f, &a);
        step(&f);
        ahead_ns += UINT64_C(10000000000);
        pyro_sample_resume(f.sampler);
        step(&f);
        ahead_ns += 2000000000;
        step(&f);
        struct pyro_profile *profile = end_recording(&f);
        assert_int_equal(profile->thread_count, 1);
        assert_in_range(profile->threads[0].watched_ns, 2000000000, UINT64_C(9999999999));
        pyro_profile_free(profile);
        ahead_ns = 0;
    }
}

/* Below the window, too, a frame at the beginning of a chunk has to belong to the one that is last
 * in the chunk before: they are read one after the other. */
static void test_links_of_chunks(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 30), b = fake_function(&f, "b", 1);
        fake_sample(&f);
        while (f.depth < 400)
            fake_call(&f, &a);
        int last = 0; /* of the first chunk */
        while (f.frames[last + 1] == f.frames[last] + (uint64_t)a.frame_bytes)
            last++;
        uint64_t slot = (uint64_t)f.lay->frame_locals + (uint64_t)a.slots * 8;
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, f.depth);
        fake_put(f.frames[last], (int)slot, b.at); /* it waits for another function */
        f.sampler->threads[0]->lower_tick = f.sampler->tick - REFRESH_TICKS;
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, last + 1);
        fake_put(f.frames[last], (int)slot, a.at);
        fake_put(f.frames[last + 1], f.lay->frame_previous, f.frames[last - 1]);
        step(&f);
        assert_int_equal(f.sampler->threads[0]->depth, last + 1);
        fake_put(f.frames[last + 1], f.lay->frame_previous, f.frames[last]);
        f.sampler->threads[0]->lower_tick = f.sampler->tick - REFRESH_TICKS;
        check(&f);
    }
}

/* A chunk given back and taken again at the same address stands above another fill of the one
 * below it; nothing that a tick reads by itself says so. */
static void test_chunk_taken_again(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 90);
        fake_sample(&f);
        for (int i = 0; i < 50; i++) {
            fake_return_to(&f, 0);
            uint64_t first = f.chunk;
            for (int k = 0; k < i % 7; k++)
                fake_call(&f, &a);
            while (f.chunk == first || f.top - f.chunk < 8000)
                fake_call(&f, &b);
            check(&f);
        }
    }
}

static void test_code_replaced(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        fake_sample(&f);
        fake_call(&f, &a);
        for (int i = 0; i < 100; i++) {
            char name[32];
            snprintf(name, sizeof name, "name%d", i);
            if (i > 0) /* the time to look again has come */
                f.sampler->threads[0]->stack[0].code->check_at = 0;
            fake_code(&f, a.code, name, 3, 1000 + (uint32_t)i);
            for (int k = 0; k < 3; k++) {
                step(&f);
                const struct thread *t = f.sampler->threads[0];
                assert_int_equal(t->depth, 1);
                assert_string_equal(t->stack[0].code->facts.name, name);
            }
        }
    }
}

/* Who holds the GIL is read with each tick; that this very thread runs is the kernel's to say. */
static void test_states(void **state)
{
    enum { YES = PYRO_STATE_YES, NO = PYRO_STATE_NO };
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        uint64_t gil = fake_gil(&f);
        fake_sample(&f);
        fake_call(&f, &a);
        struct pyro_sampler *s = f.sampler;
        struct thread *t = s->threads[0];
        for (int locked = 0; locked <= 1; locked++)
            for (int mine = 0; mine <= 1; mine++)
                for (int collecting = 0; collecting <= 1; collecting++) {
                    fake_put32(gil, f.lay->gil_locked, locked);
                    fake_put(gil, f.lay->gil_holder, f.thread + (mine ? 0 : 8));
                    fake_put32(f.interpreter, f.lay->interp_gc + f.lay->gc_collecting, collecting);
                    for (int k = 0; k < 2; k++) /* read when it is known not to have run */
                        step(&f);
                    bool holds = locked && mine;
                    t->runnable = YES;
                    t->asked_tick = s->tick;
                    assert_int_equal(states_of(s, t, false, false),
                                     YES << PYRO_STATE_RUNNABLE |
                                         (holds ? YES : NO) << PYRO_STATE_GIL |
                                         (holds && collecting ? YES : NO) << PYRO_STATE_GC);
                }
        fake_put32(gil, f.lay->gil_locked, -1); /* not made yet */
        step(&f);
        assert_int_equal(states_of(s, t, true, true),
                         YES << PYRO_STATE_RUNNABLE | YES << PYRO_STATE_GIL | NO << PYRO_STATE_GC);
        s->clock->now += 1000000000;
        states_tick(s);
        assert_int_equal(states_of(s, t, false, true), YES << PYRO_STATE_RUNNABLE);
        assert_true(t->stat_file > 0 && s->clock->files == 1);
        s->clock->ask_ns = 0; /* an answer stands for a while, not for ever */
        assert_int_equal(states_of(s, t, false, false), YES << PYRO_STATE_RUNNABLE);
        s->tick += 101;
        assert_int_equal(states_of(s, t, false, false), 0);
    }
}

/* The kernel is asked about threads for a fifth of the time, of all processes together. */
static void test_asked_in_all(void **state)
{
    enum { THREADS = 40, SAMPLERS = 3, TICKS = 20, PERIOD_NS = 1000000, ASKED_NS = 3000 };
    EACH_VERSION(f)
    {
        struct pyro_sample_clock *clock;
        struct pyro_sampler *all[SAMPLERS];
        struct pyro_sampler_options options = {0};
        struct fake_object a = fake_function(&f, "a", 3);
        fake_call(&f, &a);
        for (uint64_t i = 1; i < THREADS; i++)
            fake_thread(&f, NO_TASK + i);
        fake_sample(&f);
        assert_int_equal(pyro_sample_clock_new(&clock, 1e9 / PERIOD_NS, 1), 0);
        for (int i = 0; i < SAMPLERS; i++)
            assert_int_equal(
                pyro_sample_new(&all[i], &f.target, f.writer, 0, clock, &options, NULL), 0);
        uint64_t asked = 0, begin = 0, woke;
        for (int tick = 0; tick < TICKS; tick++) {
            assert_int_equal(pyro_sample_clock_wait(clock, &woke), 0);
            begin = begin == 0 ? clock->now : begin;
            for (int i = 0; i < SAMPLERS; i++) {
                assert_int_equal(pyro_sample_take(all[i]), 0);
                for (int k = 0; k < THREADS; k++)
                    asked += all[i]->threads[k]->asked_tick == all[i]->tick;
            }
        }
        assert_in_range(asked, 10, (clock->now - begin + 2 * PERIOD_NS) / 5 / ASKED_NS);
        for (int i = 0; i < SAMPLERS; i++)
            pyro_sample_free(all[i]);
        pyro_sample_clock_free(clock);
    }
}

static void test_generators(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), g = fake_function(&f, "g", 2);
        fake_sample(&f);
        fake_call(&f, &a);
        fake_call(&f, &a);
        uint64_t at = f.frames[1];
        for (int i = 0; i < 300; i++)
            at = fake_generator(&f, &g, at);
        fake_running(&f, at);
        for (int i = 0; i < 3; i++)
            step(&f);
        const struct thread *t = f.sampler->threads[0];
        assert_int_equal(t->depth, 302);
        assert_int_equal(t->stack[301].at, at);
        assert_string_equal(t->stack[301].code->facts.name, "g");
    }
}

/* What pushes a function's frame resumes no generator itself (on 3.11 nothing does, but C code), so
 * that one on top of it was read at another moment. */
static void test_generator_at_a_call(void **state)
{
    EACH_VERSION(f)
    {
        const bool by_c = f.lay->version == 0x030b;
        struct fake_object a = fake_function(&f, "a", 3), g = fake_function(&f, "g", 2),
                           caller = fake_function(&f, "caller", 2);
        fake_sample(&f);
        fake_call(&f, &a);
        uint64_t low = fake_generator(&f, &caller, f.frames[0]), high = fake_generator(&f, &g, low);
        fake_instructions(&f, caller.code, false);
        fake_running(&f, high);
        const struct thread *t = f.sampler->threads[0];
        for (int i = 0; i < 3; i++) {
            step(&f);
            assert_int_equal(t->depth, by_c ? 3 : 2);
            assert_int_equal(t->stack[t->depth - 1].at, by_c ? high : low);
        }
        if (by_c) { /* what a function leaves behind at its end: its caller waits for it */
            fake_put32(low, f.lay->frame_stacktop, 2);
            step(&f);
            assert_int_equal(t->stack[t->depth - 1].at, high);
        }
    }
}

/* Walks one copy of what the next tick would read.  Which frame is believed only if the second copy
 * shows it too? */
static uint64_t unsure_of_one_copy(struct fake *f)
{
    struct pyro_sampler *s = f->sampler;
    struct thread *t = s->threads[0];
    static uint8_t bytes[FAKE_CHUNK * 2];
    struct view view;
    size_t size = 0;
    s->tick++;
    plan_thread(s, t);
    assert_in_range(t->plan_bytes, 1, sizeof bytes);
    for (int i = 0; i < t->plan_count; i++) {
        const struct region *r = &t->plan[i];
        memcpy(bytes + size, (const void *)(uintptr_t)r->start, r->end - r->start);
        size += r->end - r->start;
    }
    plan_view(s, t->plan, t->plan_count, t->plan_blocks, bytes, &view);
    walk_view(s, t, &view, t->window_low, t->window_chunk, NULL, &s->one);
    assert_int_equal(s->one.count, 3);
    return s->one.unsure;
}

/* On 3.11 C code resumes all generators, and what it called is nowhere said: what stands on a
 * generator is believed where both copies showed it there once, or it is seen there again and
 * again. */
static void test_called_by_c(void **state)
{
    struct fake f;
    fake_begin(&f, 0x030b0000);
    struct fake_object a = fake_function(&f, "a", 3), g = fake_function(&f, "g", 2),
                       other = fake_function(&f, "other", 2),
                       caller = fake_function(&f, "caller", 2);
    fake_sample(&f);
    fake_call(&f, &a);
    uint64_t low = fake_generator(&f, &caller, f.frames[0]);
    fake_running(&f, low);
    step(&f);
    uint64_t high = fake_generator(&f, &g, low);
    fake_running(&f, high);
    plan_add_off(f.sampler, f.sampler->threads[0], high, false);
    assert_int_equal(unsure_of_one_copy(&f), high);
    step(&f);
    assert_int_equal(unsure_of_one_copy(&f), 0);
    /* at another instruction */
    fake_put(low, f.lay->frame_ip, caller.code + (uint64_t)f.lay->code_adaptive + 12);
    fake_put32(low, f.lay->frame_stacktop, -1);
    assert_int_equal(unsure_of_one_copy(&f), 0); /* it is taken to be where it was */
    assert_int_equal(f.sampler->one.items[1].instruction, 8);
    step(&f);
    assert_int_equal(unsure_of_one_copy(&f), 0);
    assert_int_equal(f.sampler->one.items[1].instruction, 12); /* both copies showed it */
    /* another function, of which nothing is known */
    fake_put(high, f.lay->frame_executable, other.code);
    fake_put(high, f.lay->frame_function, other.at);
    fake_put(high, f.lay->frame_ip, other.code + (uint64_t)f.lay->code_adaptive + 8);
    fake_instructions(&f, other.code, true);
    for (int i = 0; i < 7; i++)
        assert_int_equal(unsure_of_one_copy(&f), high);
    assert_int_equal(unsure_of_one_copy(&f), 0);
    fake_end(&f);
}

/* A thread's state may be given to the next one while the list looks the same. */
static void test_state_taken_again(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        fake_call(&f, &a);
        fake_sample(&f);
        for (uint64_t i = 0; i < 20; i++) {
            fake_put(f.thread, f.lay->thread_native_id, (uint64_t)getpid() + i);
            check(&f);
            assert_int_equal(f.sampler->threads[0]->tid, (int64_t)((uint64_t)getpid() + i));
        }
        struct pyro_status_fact status = {0};
        pyro_sample_status(f.sampler, &status);
        assert_true(status.ticks >= 40);
        assert_int_equal(status.planned, status.ticks);
    }
}

/* Of many threads each that stays is known again, whichever end and start. */
static void test_many_threads(void **state)
{
    enum { MANY = 1000 };
    static uint64_t states[MANY + 1];
    static struct thread *before[MANY + 1];
    EACH_VERSION(f)
    {
        struct pyro_sampler *s;
        fake_sample(&f);
        s = f.sampler;
        states[0] = f.thread;
        for (int i = 1; i <= MANY; i++)
            states[i] = fake_thread(&f, NO_TASK + (uint64_t)i);
        assert_int_equal(threads_refresh(s), 0);
        assert_int_equal(s->thread_count, MANY + 1);
        for (int i = 0; i <= MANY; i++)
            before[i] = s->threads[i];
        for (int i = 2; i < MANY; i += 2) { /* every other one ends */
            fake_put(states[i + 1], f.lay->thread_next, states[i - 1]);
            fake_put(states[i - 1], f.lay->thread_prev, states[i + 1]);
        }
        for (int i = 1; i <= MANY / 2; i++)
            states[MANY] = fake_thread(&f, 2 * NO_TASK + (uint64_t)i);
        assert_int_equal(threads_refresh(s), 0);
        assert_int_equal(s->thread_count, MANY + 2);
        for (int i = 0, at = 0; i <= MANY; i++) {
            int number = i == 0 ? 0 : MANY + 1 - i; /* before[]: the fake's own, then the newest */
            if (number == 0 || number == MANY || number % 2 == 1)
                assert_ptr_equal(s->threads[at++], before[i]);
        }
        assert_int_equal(threads_refresh(s), 0);
        assert_int_equal(s->thread_count, MANY + 2);
    }
}

/* A program that has executed itself again is another one, though all be where it was. */
static void test_executed(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        fake_sample(&f);
        fake_call(&f, &a);
        check(&f);
        f.sampler->memory++;
        for (int i = 0; i < 10; i++) { /* it is not asked at each tick, ... */
            assert_int_equal(fake_tick(&f), 0);
            ahead_ns += 1000000;
        }
        fake_put(f.interpreter, f.lay->interp_threads_head, 0);
        while (f.sampler->thread_count > 0)
            assert_int_equal(fake_tick(&f), 0);
        fake_put(f.interpreter, f.lay->interp_threads_head, f.thread); /* ... but when it is new */
        assert_int_equal(fake_tick(&f), PYRO_E_GONE);
        f.sampler->memory--;
        step(&f);
        f.sampler->memory++;
        ahead_ns += 100000000;
        assert_int_equal(fake_tick(&f), PYRO_E_GONE);
        ahead_ns = 0;
    }
}

static void test_no_threads(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        fake_call(&f, &a);
        fake_sample(&f);
        check(&f);
        fake_put(f.interpreter, f.lay->interp_threads_head, 0);
        struct pyro_status_fact status = {0};
        while (fake_tick(&f) == 0) /* gone after a while without a thread */
            pyro_sample_status(f.sampler, &status);
        assert_int_equal(status.planned, status.ticks - status.missed);
        assert_int_equal(status.missed, 0);
    }
}

/* Two samplers on one clock: a tick is the same one for both, and so is one that is missed; what
 * was before the second began is not its own. */
static void test_one_clock(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3);
        struct pyro_sample_clock *clock;
        struct pyro_sampler *both[2];
        struct pyro_sampler_options options = {0};
        struct pyro_status_fact first, second, later;
        uint64_t woke;
        fake_call(&f, &a);
        fake_sample(&f);
        assert_int_equal(pyro_sample_clock_new(&clock, 1000, 1), 0);
        assert_int_equal(pyro_sample_new(&both[0], &f.target, f.writer, 0, clock, &options, NULL),
                         0);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(pyro_sample_clock_wait(clock, &woke), 0);
            assert_int_equal(pyro_sample_take(both[0]), 0);
        }
        pyro_sample_status(both[0], &first);
        assert_int_equal(first.ticks - first.missed, 5);
        assert_int_equal(pyro_sample_new(&both[1], &f.target, f.writer, 0, clock, &options, NULL),
                         0);
        for (int i = 0; i < 5; i++) {
            usleep(2500);
            assert_int_equal(pyro_sample_clock_wait(clock, &woke), 0);
            for (int k = 0; k < 2; k++)
                assert_int_equal(pyro_sample_take(both[k]), 0);
        }
        pyro_sample_status(both[0], &later);
        pyro_sample_status(both[1], &second);
        assert_int_equal(second.ticks - second.missed, 5);
        assert_int_equal(second.ticks, later.ticks - first.ticks);
        assert_int_equal(second.missed, later.missed - first.missed);
        assert_in_range(second.missed, 5, 100000);
        /* a time without anything to sample has no ticks that could be missed */
        usleep(20000);
        pyro_sample_clock_restart(clock);
        pyro_sample_free(both[1]);
        assert_int_equal(pyro_sample_new(&both[1], &f.target, f.writer, 0, clock, &options, NULL),
                         0);
        assert_true(both[1]->next_tick >= later.ticks + 19);
        for (int k = 0; k < 2; k++)
            pyro_sample_free(both[k]);
        pyro_sample_clock_free(clock);
    }
}

static void ticks(struct fake *f, int count)
{
    while (count-- > 0)
        assert_int_equal(fake_tick(f), 0);
}

/* Structures that point in circles: the walk ends, what can be known is, and all is well again when
 * they do not any more. */
static void test_circles(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), g = fake_function(&f, "g", 2);
        fake_sample(&f);
        for (int i = 0; i < 3; i++)
            fake_call(&f, &a);
        check(&f);
        const uint64_t interpreter = f.interpreter, thread = f.thread, chunk = f.chunk;

        fake_put(thread, f.lay->thread_next, thread);
        ticks(&f, 70); /* the list is walked again meanwhile */
        assert_int_equal(f.sampler->thread_count, 1);
        check(&f);
        fake_put(thread, f.lay->thread_next, 0);

        uint64_t other = fake_alloc(&f, 4096); /* interpreters that lead to each other */
        fake_put(other, f.lay->interp_next, other);
        uint64_t head = f.target.runtime + (uint64_t)f.lay->runtime_interpreters_head, kept;
        memcpy(&kept, (void *)(uintptr_t)head, 8);
        fake_put(head, 0, other);
        ticks(&f, 70);
        assert_int_equal(f.sampler->thread_count, 1);
        assert_in_range(f.target.others, 1, 2); /* it did not go round and round */
        check(&f);
        fake_put(head, 0, kept);
        assert_int_equal(f.interpreter, interpreter);

        f.sampler->threads[0]->chunk_count = 0; /* they are learnt anew */
        fake_put(chunk, f.lay->chunk_previous, chunk);
        ticks(&f, 3);
        fake_put(chunk, f.lay->chunk_previous, 0);
        ticks(&f, 3);
        check(&f);

        uint64_t low = fake_generator(&f, &g, f.frames[2]), high = fake_generator(&f, &g, low);
        fake_running(&f, high);
        ticks(&f, 3);
        assert_int_equal(f.sampler->threads[0]->depth, 5);
        fake_put(low, f.lay->frame_previous, high);
        ticks(&f, 3);
        assert_in_range(f.sampler->threads[0]->depth, 3, 5);
        fake_put(low, f.lay->frame_previous, low);
        ticks(&f, 3);
        assert_in_range(f.sampler->threads[0]->depth, 3, 5);
        fake_put(low, f.lay->frame_previous, f.frames[2]);
        ticks(&f, 3);
        assert_int_equal(f.sampler->threads[0]->depth, 5);
    }
}

/* Objects made of noise are shown as something that ends, whatever they point at. */
static void test_show_noise(void **state)
{
    EACH_VERSION(f)
    {
        fake_function(&f, "a", 3); /* makes the types */
        const uint64_t types[] = {f.str_type, f.bytes_type, f.code_type, f.function_type};
        const size_t from = f.used;
        uint64_t at = fake_alloc(&f, 64 * 1024);
        f.target.image_start = (uint64_t)(uintptr_t)f.memory;
        f.target.image_end = f.target.image_start + f.used;
        static const char *const names[] = {"list",  "tuple", "dict",     "int",
                                            "float", "bytes", "NoneType", "bool"};
        uint64_t made[8];
        for (int i = 0; i < 8; i++) { /* types of the builtins, by name */
            made[i] = fake_alloc(&f, 512);
            char *name = (char *)(uintptr_t)fake_alloc(&f, 16);
            snprintf(name, 16, "%s", names[i]);
            fake_put(made[i], f.lay->type_name, (uint64_t)(uintptr_t)name);
        }
        f.target.image_end = f.target.image_start + f.used;
        seed = 5;
        size_t shown = 0;
        for (int i = 0; i < 20000; i++) {
            uint64_t object = at + (uint64_t)draw() % (64 * 1024 - 64) / 8 * 8;
            for (int k = 0; k < 6; k++)
                fake_put(object, 8 * k,
                         draw() % 3 == 0   ? (uint64_t)draw() % 100
                         : draw() % 2 == 0 ? (uint64_t)draw() << 33 | (uint64_t)draw()
                                           : at + (uint64_t)draw() % (64 * 1024) / 8 * 8);
            fake_put(object, f.lay->object_type,
                     draw() % 4 == 0 ? types[draw() % 4] : made[draw() % 8]);
            char text[300];
            memset(text, 'x', sizeof text);
            assert_int_equal(pyro_target_show(&f.target, object, text, sizeof text), 0);
            assert_non_null(memchr(text, 0, sizeof text));
            shown += strlen(text);
        }
        assert_true(shown > 100000);
        f.used = from;
    }
}

/* Whatever stands there: no crash, no endless loop. */
static void test_noise(void **state)
{
    EACH_VERSION(f)
    {
        struct fake_object a = fake_function(&f, "a", 3), b = fake_function(&f, "b", 60);
        struct fake_object g = fake_function(&f, "g", 2);
        fake_sample(&f);
        seed = (7);
        for (int i = 0; i < 400; i++) {
            fake_return_to(&f, 0);
            for (int k = 0; k < 300; k++)
                fake_call(&f, draw() % 8 == 0 ? &b : &a);
            fake_running(&f, fake_generator(&f, &g, f.frames[f.depth - 1]));
            assert_int_equal(fake_tick(&f), 0);
            size_t chunks = 3 * FAKE_CHUNK;
            uint8_t *from = f.memory + f.used - chunks;
            uint8_t *kept = malloc(chunks);
            uint8_t head[1024];
            memcpy(kept, from, chunks);
            memcpy(head, (void *)(uintptr_t)f.thread, sizeof head);
            for (int k = 0; k < 1 + i % 20; k++) {
                static const uint64_t odd[] = {0,
                                               1,
                                               8,
                                               UINT64_MAX,
                                               UINT64_MAX - 7,
                                               UINT64_C(1) << 63,
                                               0x7fffffff,
                                               4096,
                                               0x8000000000000008};
                uint64_t value = draw() % 2 ? odd[draw() % 9]
                                            : (uint64_t)(uintptr_t)f.memory +
                                                  ((uint64_t)draw() % f.used & ~UINT64_C(7));
                memcpy(from + ((size_t)draw() % (chunks / 8)) * 8, &value, 8);
                const int words[] = {f.lay->thread_chunk, f.lay->thread_chunk_top,
                                     f.lay->thread_cframe, f.lay->thread_current_frame};
                int word = words[draw() % 4];
                if (k % 5 == 4 && word >= 0)
                    fake_put(f.thread, word, value);
            }
            assert_int_equal(fake_tick(&f), 0);
            memcpy(from, kept, chunks);
            memcpy((void *)(uintptr_t)f.thread, head, sizeof head);
            free(kept);
            assert_int_equal(fake_tick(&f), 0);
            f.used -= 128; /* the generator's place is used again */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_one_clock),
        cmocka_unit_test(test_circles),
        cmocka_unit_test(test_show_noise),
        cmocka_unit_test(test_no_frame_becomes_one),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_epochs_of_resting),
        cmocka_unit_test(test_held_up),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_caller_at_no_call),
        cmocka_unit_test(test_returned_in_between),
        cmocka_unit_test(test_returned_before),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_assumed),
        cmocka_unit_test(test_links_of_chunks),
        cmocka_unit_test(test_chunk_taken_again),
        cmocka_unit_test(test_code_replaced),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_asked_in_all),
        cmocka_unit_test(test_generators),
        cmocka_unit_test(test_generator_at_a_call),
        cmocka_unit_test(test_called_by_c),
        cmocka_unit_test(test_state_taken_again),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_executed),
        cmocka_unit_test(test_no_threads),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
