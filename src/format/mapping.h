/*
 * The shared mapping: how probes inside a process (agent, preload) publish facts to the recorder.
 * docs/internals/recording-format.md gives the layout in a table.
 *
 * One mapping a process, made by the recorder: a header, a fixed number of lanes, a ring of bytes
 * a lane.  A lane has one producer (the thread that claimed it) and one consumer (the recorder).
 * `head` counts the bytes ever published, `tail` those ever taken; only the producer writes the
 * one, only the consumer the other.  A record is in the ring before the head moves past it, so a
 * producer that is killed at any point leaves whole records and nothing else.
 *
 * The producer's side is in this header alone: no malloc, no locks, no libc but memcpy, so that it
 * can be used in a signal handler and before libc is set up.  A publish that interrupts one on the
 * same lane is counted as dropped.  After fork, the child must not publish into its parent's
 * mapping.  The consumer trusts nothing it finds here: the process may write anything anywhere.
 */
#ifndef PYRO_MAPPING_H
#define PYRO_MAPPING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PYRO_MAPPING_MAGIC 0x0a50414d4f525950u /* "PYROMAP\n" */
#define PYRO_MAPPING_LAYOUT 1
#define PYRO_MAPPING_LANES_MAX 4096
#define PYRO_MAPPING_RING_MIN 4096u
#define PYRO_MAPPING_RING_MAX (64u << 20)

struct pyro_mapping_header {
    uint64_t magic;
    uint32_t layout; /* PYRO_MAPPING_LAYOUT: another one is refused by both sides */
    uint32_t lane_count;
    uint64_t total_bytes;
    uint64_t lanes_at;   /* offset of the lanes: lane_count of struct pyro_mapping_lane */
    uint64_t rings_at;   /* offset of the rings: ring i lies at rings_at + i * ring_bytes */
    uint32_t ring_bytes; /* a power of two */
    uint32_t zero;
    uint64_t mono_ns, wall_ns, tsc; /* the clock anchor: three clocks at one moment */
    char boot_id[40];               /* 36 characters and NULs */
    /* from here on by the producer: */
    _Atomic int32_t pid; /* 0: nobody has attached yet; written last */
    uint32_t exec_count;
    uint64_t start_ticks;      /* field 22 of /proc/PID/stat */
    _Atomic uint64_t homeless; /* records dropped because no lane was free */
    uint8_t reserved[120];
};
static_assert(sizeof(struct pyro_mapping_header) == 256, "wire size");
static_assert(offsetof(struct pyro_mapping_header, pid) == 112, "wire place");
static_assert(sizeof(_Atomic uint64_t) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "shared words");

enum pyro_lane_state { PYRO_LANE_FREE = 0, PYRO_LANE_CLAIMED = 1, PYRO_LANE_CLOSED = 2 };

struct pyro_mapping_lane {
    _Alignas(64) _Atomic uint64_t head; /* the producer's cache line */
    _Atomic uint64_t dropped;           /* records, in all */
    uint64_t told;                      /* of these, those that gap records have told of */
    _Atomic uint32_t busy;              /* a publish is under way */
    uint32_t zero;
    _Alignas(64) _Atomic uint64_t tail;  /* the consumer's cache line */
    _Alignas(64) _Atomic uint32_t state; /* enum pyro_lane_state */
    _Atomic int32_t tid;                 /* of the owner, as the kernel numbers it */
};
static_assert(sizeof(struct pyro_mapping_lane) == 192, "wire size");
static_assert(offsetof(struct pyro_mapping_lane, tail) == 64, "wire place");
static_assert(offsetof(struct pyro_mapping_lane, state) == 128, "wire place");

struct pyro_mapping_record { /* at a multiple of 8, never split; the payload may wrap around */
    uint32_t size;           /* bytes of the payload that follows, padded to a multiple of 8 */
    uint16_t type;           /* 0: a gap; other types belong to the probes */
    uint16_t zero;
};
static_assert(sizeof(struct pyro_mapping_record) == 8, "wire size");
#define PYRO_RECORD_GAP 0 /* payload: u64, how many records are missing here */

/* ---- the producer's side */

static inline struct pyro_mapping_lane *pyro_format_lane_at(void *mapping, uint32_t lane)
{
    const struct pyro_mapping_header *h = mapping;
    return (struct pyro_mapping_lane *)((char *)mapping + h->lanes_at) + lane;
}

static inline uint8_t *pyro_format_lane_ring(void *mapping, uint32_t lane)
{
    const struct pyro_mapping_header *h = mapping;
    return (uint8_t *)mapping + h->rings_at + (uint64_t)lane * h->ring_bytes;
}

/* Says who publishes here.  False: the mapping is not of this layout; leave it alone. */
static inline bool pyro_format_mapping_attach(void *mapping, int32_t pid, uint64_t start_ticks,
                                              uint32_t exec_count)
{
    struct pyro_mapping_header *h = mapping;
    if (h->magic != PYRO_MAPPING_MAGIC || h->layout != PYRO_MAPPING_LAYOUT)
        return false;
    h->start_ticks = start_ticks;
    h->exec_count = exec_count;
    atomic_store_explicit(&h->pid, pid, memory_order_release);
    return true;
}

/* Takes a free lane for the calling thread: its number, or -1 when none is free. */
static inline int32_t pyro_format_lane_claim(void *mapping, int32_t tid)
{
    const struct pyro_mapping_header *h = mapping;
    for (uint32_t i = 0; i < h->lane_count; i++) {
        struct pyro_mapping_lane *lane = pyro_format_lane_at(mapping, i);
        uint32_t state = PYRO_LANE_FREE;
        if (atomic_compare_exchange_strong_explicit(&lane->state, &state, PYRO_LANE_CLAIMED,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            atomic_store_explicit(&lane->busy, 0, memory_order_relaxed);
            atomic_store_explicit(&lane->tid, tid, memory_order_release);
            return (int32_t)i;
        }
    }
    return -1;
}

/* Gives the lane back; the recorder frees it when it has taken what is in it. */
static inline void pyro_format_lane_close(void *mapping, uint32_t lane)
{
    atomic_store_explicit(&pyro_format_lane_at(mapping, lane)->state, PYRO_LANE_CLOSED,
                          memory_order_release);
}

/* A record that has no lane to go to. */
static inline void pyro_format_mapping_homeless(void *mapping)
{
    struct pyro_mapping_header *h = mapping;
    atomic_fetch_add_explicit(&h->homeless, 1, memory_order_relaxed);
}

static inline uint64_t pyro_format_record_bytes(uint32_t size)
{
    return sizeof(struct pyro_mapping_record) + (((uint64_t)size + 7) & ~(uint64_t)7);
}

/* Writes one record at `at` (bytes ever published) into the ring. */
static inline void pyro_format_ring_put(uint8_t *ring, uint32_t ring_bytes, uint64_t at,
                                        uint16_t type, const void *payload, uint32_t size)
{
    struct pyro_mapping_record record = {.size = size, .type = type};
    uint32_t to = (uint32_t)at & (ring_bytes - 1);
    memcpy(ring + to, &record, sizeof record);
    to = (to + (uint32_t)sizeof record) & (ring_bytes - 1);
    uint32_t first = size < ring_bytes - to ? size : ring_bytes - to;
    if (first)
        memcpy(ring + to, payload, first);
    if (size > first)
        memcpy(ring, (const uint8_t *)payload + first, size - first);
}

/* Publishes one record (type not 0, size at most a quarter of the ring).  False: dropped, because
 * the ring is full, the record too large, or a publish on this lane was interrupted.  The next
 * record that fits is preceded by a gap record, so that the place of the loss is known. */
static inline bool pyro_format_lane_publish(void *mapping, uint32_t number, uint16_t type,
                                            const void *payload, uint32_t size)
{
    const struct pyro_mapping_header *h = mapping;
    struct pyro_mapping_lane *lane = pyro_format_lane_at(mapping, number);
    uint8_t *ring = pyro_format_lane_ring(mapping, number);
    if (atomic_exchange_explicit(&lane->busy, 1, memory_order_relaxed)) {
        /* in a handler that interrupted this lane's producer */
        atomic_fetch_add_explicit(&lane->dropped, 1, memory_order_relaxed);
        return false;
    }
    atomic_signal_fence(memory_order_seq_cst);
    uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_acquire);
    uint64_t missing = atomic_load_explicit(&lane->dropped, memory_order_relaxed) - lane->told;
    uint64_t gap = missing ? pyro_format_record_bytes(8) : 0;
    bool fits = size <= h->ring_bytes / 4 &&
                gap + pyro_format_record_bytes(size) <= h->ring_bytes - (head - tail);
    if (fits) {
        if (gap)
            pyro_format_ring_put(ring, h->ring_bytes, head, PYRO_RECORD_GAP, &missing, 8);
        pyro_format_ring_put(ring, h->ring_bytes, head + gap, type, payload, size);
        lane->told += missing;
        atomic_store_explicit(&lane->head, head + gap + pyro_format_record_bytes(size),
                              memory_order_release);
    } else {
        atomic_fetch_add_explicit(&lane->dropped, 1, memory_order_relaxed);
    }
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&lane->busy, 0, memory_order_relaxed);
    return fits;
}

/* ---- the recorder's side (mapping.c); include base.h before this header to see it */
#ifdef PYRO_BASE_H

/* Bytes for so many lanes with rings of so many bytes; 0: PYRO_MAPPING_* bounds are broken. */
size_t pyro_format_mapping_size(uint32_t lanes, uint32_t ring_bytes);
/* Lays out a zeroed mapping of that many bytes.  PYRO_E_INVALID: bounds are broken. */
int pyro_format_mapping_init(void *memory, size_t size, uint32_t lanes, uint32_t ring_bytes);

struct pyro_mapping_view; /* the recorder's own, checked copy of the layout */
/* memory: borrowed, stays mapped while the view lives.  PYRO_E_FORMAT (not a mapping, or its
 * layout does not hold), PYRO_E_VERSION (another layout), PYRO_E_NOMEM. */
int pyro_format_mapping_open(struct pyro_mapping_view **out, void *memory, size_t size,
                             struct pyro_error *err);
void pyro_format_mapping_close(struct pyro_mapping_view *view);

/* One record; payload is a private copy, valid until it returns.  Gap records come as type
 * PYRO_RECORD_GAP with eight bytes.  Non-zero stops the draining. */
typedef int pyro_mapping_visit(void *ctx, uint32_t lane, int32_t tid, uint16_t type,
                               const uint8_t *payload, uint32_t size);
/* Takes what has been published on all lanes, lane by lane, each in order, and frees closed lanes
 * that are empty.  At most what was there when a lane's turn came.  Returns 0, the visitor's
 * result, or PYRO_E_FORMAT when a lane was found to hold nonsense: it is not read again. */
int pyro_format_mapping_drain(struct pyro_mapping_view *view, pyro_mapping_visit *visit, void *ctx);
/* Records dropped so far, on all lanes and for want of one. */
uint64_t pyro_format_mapping_dropped(const struct pyro_mapping_view *view);

#endif
#endif
