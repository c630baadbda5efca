/*
 * The recorder's side of the shared mapping.  Everything in the mapping is untrusted and may change
 * while we look: the layout is checked once and kept in memory of our own; of a ring, each word is
 * read once, checked, and payloads are copied out before anybody sees them.  A lane that breaks a
 * rule is left alone from then on; the others go on.
 */
#include "format.h"
#include "mapping.h"

#include <stdlib.h>

struct pyro_mapping_view {
    uint8_t *memory;
    uint32_t lane_count, ring_bytes;
    uint64_t lanes_at, rings_at;
    uint8_t *payload; /* of the record at hand */
    bool *broken;     /* by lane */
};

static uint64_t rings_at(uint32_t lanes)
{
    uint64_t end =
        sizeof(struct pyro_mapping_header) + (uint64_t)lanes * sizeof(struct pyro_mapping_lane);
    return (end + 4095) / 4096 * 4096;
}

size_t pyro_format_mapping_size(uint32_t lanes, uint32_t ring_bytes)
{
    if (!lanes || lanes > PYRO_MAPPING_LANES_MAX || ring_bytes < PYRO_MAPPING_RING_MIN ||
        ring_bytes > PYRO_MAPPING_RING_MAX || (ring_bytes & (ring_bytes - 1)))
        return 0;
    return (size_t)(rings_at(lanes) + (uint64_t)lanes * ring_bytes);
}

int pyro_format_mapping_init(void *memory, size_t size, uint32_t lanes, uint32_t ring_bytes)
{
    size_t need = pyro_format_mapping_size(lanes, ring_bytes);
    if (!need || size < need)
        return PYRO_E_INVALID;
    struct pyro_mapping_header *h = memory;
    char boot_id[37];
    pyro_base_boot_id(boot_id);
    memcpy(h->boot_id, boot_id, sizeof boot_id);
    h->layout = PYRO_MAPPING_LAYOUT;
    h->lane_count = lanes;
    h->total_bytes = need;
    h->lanes_at = sizeof *h;
    h->rings_at = rings_at(lanes);
    h->ring_bytes = ring_bytes;
    h->mono_ns = pyro_base_monotonic_ns();
    h->wall_ns = pyro_base_wall_ns();
    h->tsc = pyro_base_tsc();
    h->magic = PYRO_MAPPING_MAGIC;
    return 0;
}

int pyro_format_mapping_open(struct pyro_mapping_view **out, void *memory, size_t size,
                             struct pyro_error *err)
{
    struct pyro_mapping_header h;
    *out = NULL;
    if (size < sizeof h)
        return pyro_base_fail(err, PYRO_E_FORMAT, "the shared mapping is too small");
    memcpy(&h, memory, sizeof h);
    __asm__ volatile("" ::: "memory"); /* what is checked below is the copy */
    if (h.magic != PYRO_MAPPING_MAGIC)
        return pyro_base_fail(err, PYRO_E_FORMAT, "not a shared mapping of Pyrometer");
    if (h.layout != PYRO_MAPPING_LAYOUT)
        return pyro_base_fail(err, PYRO_E_VERSION,
                              "the shared mapping has layout %u; this reads %d", h.layout,
                              PYRO_MAPPING_LAYOUT);
    size_t need = pyro_format_mapping_size(h.lane_count, h.ring_bytes);
    if (!need || need > size || h.total_bytes != need || h.lanes_at != sizeof h ||
        h.rings_at != rings_at(h.lane_count))
        return pyro_base_fail(err, PYRO_E_FORMAT, "the shared mapping's layout makes no sense");
    struct pyro_mapping_view *view = calloc(1, sizeof *view);
    if (view) {
        view->payload = malloc(h.ring_bytes / 4);
        view->broken = calloc(h.lane_count, sizeof *view->broken);
    }
    if (!view || !view->payload || !view->broken) {
        pyro_format_mapping_close(view);
        return pyro_base_fail(err, PYRO_E_NOMEM, "out of memory");
    }
    view->memory = memory;
    view->lane_count = h.lane_count;
    view->ring_bytes = h.ring_bytes;
    view->lanes_at = h.lanes_at;
    view->rings_at = h.rings_at;
    *out = view;
    return 0;
}

void pyro_format_mapping_close(struct pyro_mapping_view *view)
{
    if (!view)
        return;
    free(view->payload);
    free(view->broken);
    free(view);
}

static struct pyro_mapping_lane *lane_at(const struct pyro_mapping_view *view, uint32_t number)
{
    return (struct pyro_mapping_lane *)(view->memory + view->lanes_at) + number;
}

/* Returns the visitor's result; *broken is set where the lane breaks a rule. */
static int drain_lane(struct pyro_mapping_view *view, uint32_t number, pyro_mapping_visit *visit,
                      void *ctx, bool *broken)
{
    struct pyro_mapping_lane *lane = lane_at(view, number);
    const uint8_t *ring = view->memory + view->rings_at + (uint64_t)number * view->ring_bytes;
    uint32_t mask = view->ring_bytes - 1;
    /* before the head: what a closed lane has published is then all in sight */
    uint32_t state = atomic_load_explicit(&lane->state, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&lane->head, memory_order_acquire);
    /* behind the head: it was set before anything was published */
    int32_t tid = atomic_load_explicit(&lane->tid, memory_order_relaxed);
    int rc = 0;
    *broken = head - tail > view->ring_bytes || (head | tail) % 8;
    if (*broken)
        return 0;
    while (tail != head && !rc) {
        uint32_t at = (uint32_t)tail & mask;
        uint64_t word =
            atomic_load_explicit((const _Atomic uint64_t *)(ring + at), memory_order_relaxed);
        struct pyro_mapping_record record;
        memcpy(&record, &word, sizeof record);
        *broken = record.size > view->ring_bytes / 4 ||
                  pyro_format_record_bytes(record.size) > head - tail ||
                  (record.type == PYRO_RECORD_GAP && record.size != 8);
        if (*broken)
            return 0;
        at = (at + (uint32_t)sizeof record) & mask;
        uint32_t first = record.size < view->ring_bytes - at ? record.size : view->ring_bytes - at;
        memcpy(view->payload, ring + at, first);
        memcpy(view->payload + first, ring, record.size - first);
        tail += pyro_format_record_bytes(record.size);
        atomic_store_explicit(&lane->tail, tail, memory_order_release);
        rc = visit(ctx, number, tid, record.type, view->payload, record.size);
    }
    if (!rc && state == PYRO_LANE_CLOSED) {
        atomic_store_explicit(&lane->tid, 0, memory_order_relaxed);
        atomic_store_explicit(&lane->state, PYRO_LANE_FREE, memory_order_release);
    }
    return rc;
}

int pyro_format_mapping_drain(struct pyro_mapping_view *view, pyro_mapping_visit *visit, void *ctx)
{
    int result = 0;
    for (uint32_t i = 0; i < view->lane_count; i++) {
        if (view->broken[i])
            continue;
        int rc = drain_lane(view, i, visit, ctx, &view->broken[i]);
        if (rc)
            return rc;
        if (view->broken[i])
            result = PYRO_E_FORMAT;
    }
    return result;
}

uint64_t pyro_format_mapping_dropped(const struct pyro_mapping_view *view)
{
    const struct pyro_mapping_header *h = (const void *)view->memory;
    uint64_t sum = atomic_load_explicit(&h->homeless, memory_order_relaxed);
    for (uint32_t i = 0; i < view->lane_count; i++)
        sum += atomic_load_explicit(&lane_at(view, i)->dropped, memory_order_relaxed);
    return sum;
}
