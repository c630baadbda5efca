/*
 * A map from two words to a value: open addressing, linear probing, a power of two of slots, at
 * most two thirds full.  Nothing is ever removed but all at once, so there are no tombstones.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

/* The slot that holds (a, b), or the free one where it would go.  The map is never full. */
static struct pyro_map_slot *find(const struct pyro_map *map, uint64_t a, uint64_t b)
{
    size_t mask = map->cap - 1;
    size_t i = pyro_base_mix(a ^ pyro_base_mix(b)) & mask;
    for (;; i = (i + 1) & mask) {
        struct pyro_map_slot *slot = &map->slots[i];
        if (!slot->used || (slot->a == a && slot->b == b))
            return slot;
    }
}

uint32_t pyro_base_map_get(const struct pyro_map *map, uint64_t a, uint64_t b)
{
    if (!map->len)
        return PYRO_MAP_NONE;
    const struct pyro_map_slot *slot = find(map, a, b);
    return slot->used ? slot->value : PYRO_MAP_NONE;
}

static int grow(struct pyro_map *map)
{
    struct pyro_map bigger = {.len = map->len, .cap = map->cap ? map->cap * 2 : 16};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].used)
            *find(&bigger, map->slots[i].a, map->slots[i].b) = map->slots[i];
    free(map->slots);
    *map = bigger;
    return 0;
}

int pyro_base_map_put(struct pyro_map *map, uint64_t a, uint64_t b, uint32_t value)
{
    if ((map->len + 1) * 3 > map->cap * 2) {
        int rc = grow(map);
        if (rc)
            return rc;
    }
    struct pyro_map_slot *slot = find(map, a, b);
    map->len += !slot->used;
    *slot = (struct pyro_map_slot){.a = a, .b = b, .value = value, .used = 1};
    return 0;
}

uint32_t pyro_base_map_enter(struct pyro_map *map, struct pyro_vec *of, uint64_t a, uint64_t b)
{
    uint32_t index = pyro_base_map_get(map, a, b);
    if (index != PYRO_MAP_NONE)
        return index;
    index = (uint32_t)of->len;
    if (of->len >= PYRO_MAP_NONE || pyro_base_map_put(map, a, b, index) != 0 ||
        pyro_base_vec_push(of) == NULL)
        return PYRO_MAP_NONE;
    return index;
}

void pyro_base_map_clear(struct pyro_map *map)
{
    if (map->len)
        memset(map->slots, 0, map->cap * sizeof *map->slots);
    map->len = 0;
}

void pyro_base_map_release(struct pyro_map *map)
{
    free(map->slots);
    *map = (struct pyro_map){0};
}
