/*
 * The shared mapping: what a child publishes until it is killed is what the parent takes, whole
 * and in order, whatever the moment; full rings count what they drop; a hostile ring is left alone.
 */
#include "base.h"
#include "mapping.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* behind the above */
#include <cmocka.h>

#define LANES 4
#define RING 4096u

static void *new_mapping(size_t *size)
{
    *size = pyro_format_mapping_size(LANES, RING);
    void *memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(pyro_format_mapping_init(memory, *size, LANES, RING), 0);
    return memory;
}

/* Record n of a lane: its size and bytes follow from n. */
static uint32_t make_record(uint64_t n, uint32_t lane, uint8_t *to)
{
    uint32_t size = 8 + (uint32_t)(pyro_base_mix(n * 7 + lane) % 200);
    memcpy(to, &n, 8);
    for (uint32_t i = 8; i < size; i++)
        to[i] = (uint8_t)(n + i + lane);
    return size;
}

struct taken {
    uint64_t next[LANES], gaps[LANES], records;
    bool bad;
};

static int take(void *ctx, uint32_t lane, int32_t tid, uint16_t type, const uint8_t *payload,
                uint32_t size)
{
    struct taken *t = ctx;
    uint8_t want[300];
    uint64_t n;
    memcpy(&n, payload, 8);
    if (type == PYRO_RECORD_GAP) {
        t->gaps[lane] += n;
        t->next[lane] += n;
        return 0;
    }
    t->bad |= n != t->next[lane] || type != 1 + lane || tid != (int32_t)(1000 + lane) ||
              size != make_record(n, lane, want) || memcmp(want, payload, size) != 0;
    t->next[lane] = n + 1;
    t->records++;
    return 0;
}

/* The child: two lanes, for ever; `said` counts, after each publish, how many there were. */
static void publish(void *memory, _Atomic uint64_t *said, bool wait)
{
    uint8_t record[300];
    int32_t lanes[2];
    pyro_format_mapping_attach(memory, getpid(), 5, 0);
    for (int i = 0; i < 2; i++)
        lanes[i] = pyro_format_lane_claim(memory, 1000 + i);
    for (uint64_t n = 0;; n++)
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t lane = (uint32_t)lanes[i], size = make_record(n, lane, record);
            struct pyro_mapping_lane *l = pyro_format_lane_at(memory, lane);
            while (wait && RING - (l->head - l->tail) < 300)
                ;
            pyro_format_lane_publish(memory, lane, (uint16_t)(1 + lane), record, size);
            atomic_store(&said[lane], n + 1);
        }
}

static void killed_at_any_point(void **ctx)
{
    _Atomic uint64_t *said =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t records = 0, dropped = 0;
    for (int round = 0; round < 60; round++) {
        size_t size;
        void *memory = new_mapping(&size);
        struct pyro_mapping_view *view;
        assert_int_equal(pyro_format_mapping_open(&view, memory, size, NULL), 0);
        said[0] = said[1] = 0;
        pid_t pid = fork();
        if (!pid)
            publish(memory, said, round % 2);
        struct taken t = {0};
        uint64_t until = pyro_base_monotonic_ns() + pyro_base_mix((uint64_t)round) % 5000000;
        while (pyro_base_monotonic_ns() < until)
            assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
        assert_false(t.bad);
        const struct pyro_mapping_header *h = memory;
        for (uint32_t lane = 0; lane < 2; lane++) {
            /* all that was published is there, and at most the one that was under way: told,
             * behind the last gap, or dropped and not told yet */
            uint64_t untold = pyro_format_lane_at(memory, lane)->dropped - t.gaps[lane];
            assert_in_range(t.next[lane] + untold, said[lane], said[lane] + 1);
            dropped += t.gaps[lane];
        }
        assert_true(!said[0] || h->pid == pid);
        records += t.records;
        pyro_format_mapping_close(view);
        munmap(memory, size);
    }
    print_message("%llu records, %llu dropped\n", (unsigned long long)records,
                  (unsigned long long)dropped);
    assert_true(records > 1000);
    munmap((void *)said, 4096);
}

static void wrap_around_and_drops(void **ctx)
{
    size_t size;
    uint8_t record[300];
    void *memory = new_mapping(&size);
    struct pyro_mapping_view *view;
    assert_int_equal(pyro_format_mapping_open(&view, memory, size, NULL), 0);
    uint32_t lane = (uint32_t)pyro_format_lane_claim(memory, 1000);
    struct taken t = {0};
    uint64_t n = 0, fit = 0;
    for (; n < 1000; n++) { /* many times around */
        uint32_t len = make_record(n, lane, record);
        assert_true(pyro_format_lane_publish(memory, lane, 1, record, len));
        if (n % 7 == 6)
            assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    }
    assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    assert_int_equal(t.records, 1000);
    for (uint64_t end = n + 100; n < end; n++) { /* nobody drains: it fills up */
        uint32_t len = make_record(n, lane, record);
        fit += pyro_format_lane_publish(memory, lane, 1, record, len);
    }
    assert_true(fit > 10 && fit < 100);
    uint64_t dropped = pyro_format_mapping_dropped(view);
    assert_int_equal(dropped, 100 - fit);
    assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    assert_true(pyro_format_lane_publish(memory, lane, 1, record, make_record(n, lane, record)));
    assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    assert_int_equal(t.gaps[lane], dropped); /* told in its place */
    assert_int_equal(t.next[lane], n + 1);
    assert_false(t.bad);
    /* too large for this ring */
    assert_false(pyro_format_lane_publish(memory, lane, 1, memory, RING / 4 + 1));
    assert_int_equal(pyro_format_mapping_dropped(view), dropped + 1);
    /* a handler that interrupts a publish on the same lane */
    pyro_format_lane_at(memory, lane)->busy = 1;
    assert_false(pyro_format_lane_publish(memory, lane, 1, record, 8));
    assert_int_equal(pyro_format_mapping_dropped(view), dropped + 2);
    pyro_format_mapping_close(view);
    munmap(memory, size);
}

static void lanes_come_and_go(void **ctx)
{
    size_t size;
    uint8_t record[300];
    void *memory = new_mapping(&size);
    struct pyro_mapping_view *view;
    assert_int_equal(pyro_format_mapping_open(&view, memory, size, NULL), 0);
    for (int32_t i = 0; i < LANES; i++)
        assert_int_equal(pyro_format_lane_claim(memory, 1000 + i), i);
    assert_int_equal(pyro_format_lane_claim(memory, 1), -1);
    pyro_format_mapping_homeless(memory);
    assert_int_equal(pyro_format_mapping_dropped(view), 1);
    assert_true(pyro_format_lane_publish(memory, 2, 3, record, make_record(0, 2, record)));
    pyro_format_lane_close(memory, 2);
    assert_int_equal(pyro_format_lane_claim(memory, 1), -1); /* not before it is drained */
    struct taken t = {0};
    assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    assert_int_equal(t.records, 1);
    assert_int_equal(pyro_format_lane_claim(memory, 1002), 2);
    assert_true(pyro_format_lane_publish(memory, 2, 3, record, make_record(1, 2, record)));
    assert_int_equal(pyro_format_mapping_drain(view, take, &t), 0);
    assert_int_equal(t.records, 2);
    assert_false(t.bad);
    pyro_format_mapping_close(view);
    munmap(memory, size);
}

static int ignore(void *ctx, uint32_t lane, int32_t tid, uint16_t type, const uint8_t *payload,
                  uint32_t size)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + payload[i]);
    *(uint8_t *)ctx = sum;
    return 0;
}

static void hostile(void **ctx)
{
    size_t size;
    struct pyro_error err;
    struct pyro_mapping_view *view;
    assert_int_equal(pyro_format_mapping_size(0, RING), 0);
    assert_int_equal(pyro_format_mapping_size(1, RING + 8), 0);
    assert_int_equal(pyro_format_mapping_size(5000, RING), 0);
    void *memory = new_mapping(&size);
    struct pyro_mapping_header *h = memory, good = *h;
    assert_int_equal(pyro_format_mapping_open(&view, memory, 100, &err), PYRO_E_FORMAT);
    assert_int_equal(pyro_format_mapping_open(&view, memory, size - 1, &err), PYRO_E_FORMAT);
    h->layout = 2;
    assert_int_equal(pyro_format_mapping_open(&view, memory, size, &err), PYRO_E_VERSION);
    assert_false(pyro_format_mapping_attach(memory, 1, 1, 0));
    for (int i = 0; i < 4; i++) {
        *h = good;
        *(i == 0   ? &h->lanes_at
          : i == 1 ? &h->rings_at
          : i == 2 ? &h->total_bytes
                   : &h->magic) += 64;
        assert_int_equal(pyro_format_mapping_open(&view, memory, size, &err), PYRO_E_FORMAT);
    }
    *h = good;
    uint8_t sum;
    for (uint64_t round = 0; round < 5000; round++) { /* anything at all in heads and rings */
        assert_int_equal(pyro_format_mapping_open(&view, memory, size, &err), 0);
        for (uint32_t lane = 0; lane < LANES; lane++) {
            struct pyro_mapping_lane *l = pyro_format_lane_at(memory, lane);
            uint64_t draw = pyro_base_mix(round * LANES + lane);
            l->head = l->tail + (draw % 3 ? draw % (RING + 16) & ~7ull : draw);
            uint8_t *ring = pyro_format_lane_ring(memory, lane);
            for (uint32_t i = 0; i < RING; i += 8) {
                uint64_t word = pyro_base_mix(draw + i);
                word &= draw % 5 ? 0xffff00ff00000000u >> 32 | 0x7f : UINT64_MAX;
                memcpy(ring + i, &word, 8);
            }
            l->state = (uint32_t)(draw >> 40) % 4;
        }
        int rc = pyro_format_mapping_drain(view, ignore, &sum);
        assert_true(!rc || rc == PYRO_E_FORMAT);
        rc = pyro_format_mapping_drain(view, ignore, &sum);
        assert_int_equal(rc, 0); /* broken lanes are said once */
        pyro_format_mapping_close(view);
    }
    munmap(memory, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrap_around_and_drops),
        cmocka_unit_test(lanes_come_and_go),
        cmocka_unit_test(killed_at_any_point),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
