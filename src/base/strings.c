/*
 * Interned strings: each different run of bytes once, under a dense id.  Found by (hash, n): the
 * n-th string with that hash, so that two strings with one hash stay two.  The bytes lie in an
 * arena and do not move while the table lives.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const char *bytes;
    size_t size;
};

struct pyro_strings {
    struct pyro_arena *arena;
    struct pyro_vec entries; /* struct entry, by id */
    struct pyro_map ids;     /* (hash, n) -> id */
};

struct pyro_strings *pyro_base_strings_new(void)
{
    struct pyro_strings *strings = calloc(1, sizeof *strings);
    if (!strings)
        return NULL;
    strings->entries = PYRO_VEC(struct entry);
    strings->arena = pyro_base_arena_new();
    if (!strings->arena || pyro_base_strings_add(strings, "", 0, NULL) != 0) {
        pyro_base_strings_free(strings);
        return NULL;
    }
    return strings;
}

void pyro_base_strings_free(struct pyro_strings *strings)
{
    if (!strings)
        return;
    pyro_base_arena_free(strings->arena);
    pyro_base_vec_release(&strings->entries);
    pyro_base_map_release(&strings->ids);
    free(strings);
}

uint32_t pyro_base_strings_add(struct pyro_strings *strings, const char *bytes, size_t size,
                               bool *fresh)
{
    if (fresh)
        *fresh = false;
    uint64_t hash = pyro_base_hash(bytes, size);
    for (uint64_t n = 0;; n++) {
        uint32_t id = pyro_base_map_get(&strings->ids, hash, n);
        if (id != PYRO_MAP_NONE) {
            const struct entry *e = pyro_base_vec_at(&strings->entries, id);
            if (e->size == size && (!size || !memcmp(e->bytes, bytes, size)))
                return id;
            continue;
        }
        if (strings->entries.len >= PYRO_MAP_NONE)
            return PYRO_MAP_NONE;
        id = (uint32_t)strings->entries.len;
        const char *copy = pyro_base_arena_copy(strings->arena, bytes, size);
        struct entry *e = copy ? pyro_base_vec_push(&strings->entries) : NULL;
        if (!e)
            return PYRO_MAP_NONE;
        *e = (struct entry){copy, size};
        if (pyro_base_map_put(&strings->ids, hash, n, id)) {
            strings->entries.len--;
            return PYRO_MAP_NONE;
        }
        if (fresh)
            *fresh = true;
        return id;
    }
}

const char *pyro_base_strings_get(const struct pyro_strings *strings, uint32_t id, size_t *size)
{
    if (id >= strings->entries.len)
        id = 0;
    const struct entry *e = pyro_base_vec_at(&strings->entries, id);
    if (size)
        *size = e->size;
    return e->bytes;
}

size_t pyro_base_strings_count(const struct pyro_strings *strings)
{
    return strings->entries.len;
}
