/*
 * The name that a threading.Thread has: an attribute, one of the values that the object keeps in
 * the order of the keys that its type has cached.  An object whose __dict__ was asked for keeps
 * them elsewhere and is not read.
 */
#include "target_priv.h"

#include <string.h>

enum {
    VERSION_312 = 0x030c,
    VERSION_313 = 0x030d,
    KEYS_HEAD_MAX = 64,
    KEYS_MAX = 64,  /* attributes of a thread that are looked through */
    KEY_BYTES = 16, /* an entry: the key and an unused value */
    KEY_TEXT_MAX = 16,
    INDEX_BYTES_LOG2_MAX = 12,
};

/* Where the object's values are; 0: not in a place of their own. */
static uint64_t values_of(struct pyro_target *t, uint64_t object)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t at;
    uint8_t valid;

    if (l->version >= VERSION_313) { /* behind the object's head */
        at = object + (uint64_t)l->object_size;
        return target_read(t->pid, at + (uint64_t)l->values_valid, &valid, 1) == 0 && valid
                   ? at + (uint64_t)l->values_first
                   : 0;
    }
    if (l->version == VERSION_312) /* three words before it, with the lowest bit set */
        return pyro_target_read_u64(t, object - 24, &at) == 0 && (at & 1) ? at + 1 : 0;
    return pyro_target_read_u64(t, object - 32, &at) == 0 ? at : 0;
}

static bool is_text(struct pyro_target *t, uint64_t address, struct pyro_arena *arena,
                    const char *wanted)
{
    const char *text;
    size_t size;

    return pyro_target_read_str(t, address, KEY_TEXT_MAX, arena, &text, &size) == 0 &&
           size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

/* Which of the type's cached keys it is; -1: none. */
static int key_index(struct pyro_target *t, uint64_t type, struct pyro_arena *arena,
                     const char *wanted)
{
    const struct pyro_layout *l = &t->layout;
    uint8_t head[KEYS_HEAD_MAX];
    uint64_t keys, key;

    if (pyro_target_read_u64(t, type + (uint64_t)l->type_cached_keys, &keys) ||
        !target_plausible(keys) || target_read(t->pid, keys, head, (size_t)l->keys_indices))
        return -1;
    unsigned index_bytes = head[l->keys_index_bytes];
    uint64_t count = target_u64(head + l->keys_count);
    if (index_bytes > INDEX_BYTES_LOG2_MAX || count > KEYS_MAX)
        return -1;
    uint64_t entries = keys + (uint64_t)l->keys_indices + (UINT64_C(1) << index_bytes);
    for (int i = 0; i < (int)count; i++)
        if (pyro_target_read_u64(t, entries + (uint64_t)i * KEY_BYTES, &key) == 0 &&
            is_text(t, key, arena, wanted))
            return i;
    return -1;
}

/* 3.10: an attribute is in the object's dict, whose values may stand apart from its keys. */
static bool attribute(struct pyro_target *t, uint64_t object, struct pyro_arena *arena,
                      const char *wanted, uint64_t *value)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t type, offset, dict, keys, values, size, count, key;

    if (pyro_target_read_u64(t, object + (uint64_t)l->object_type, &type) ||
        !target_plausible(type) ||
        pyro_target_read_u64(t, type + (uint64_t)l->type_dict_offset, &offset) || offset < 16 ||
        offset > 4096 || pyro_target_read_u64(t, object + offset, &dict) ||
        !target_plausible(dict) || pyro_target_read_u64(t, dict + (uint64_t)l->dict_keys, &keys) ||
        !target_plausible(keys) ||
        pyro_target_read_u64(t, dict + (uint64_t)l->dict_values, &values) ||
        pyro_target_read_u64(t, keys + (uint64_t)l->keys_size, &size) ||
        pyro_target_read_u64(t, keys + (uint64_t)l->keys_count, &count) || count > KEYS_MAX)
        return false;
    uint64_t entries = keys + (uint64_t)l->keys_indices + target_index_bytes(size);
    for (uint64_t i = 0; i < count; i++) { /* hash, key, value */
        if (pyro_target_read_u64(t, entries + i * 24 + 8, &key) || !is_text(t, key, arena, wanted))
            continue;
        return pyro_target_read_u64(t, values != 0 ? values + 8 * i : entries + i * 24 + 16,
                                    value) == 0;
    }
    return false;
}

bool pyro_target_thread_name(struct pyro_target *t, uint64_t object, char *out, size_t size)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    const char *text = NULL;
    size_t length = 0;
    uint64_t type, value;

    if (arena == NULL)
        return false;
    bool found = false;
    if (pyro_layout_is_linked(&t->layout)) {
        found = target_plausible(object) && attribute(t, object, arena, "_name", &value);
    } else {
        uint64_t values = target_plausible(object) ? values_of(t, object) : 0;
        int index = -1;
        if (target_plausible(values) &&
            pyro_target_read_u64(t, object + (uint64_t)t->layout.object_type, &type) == 0)
            index = key_index(t, type, arena, "_name");
        found = index >= 0 && pyro_target_read_u64(t, values + 8 * (uint64_t)index, &value) == 0;
    }
    found =
        found && pyro_target_read_str(t, value, size - 1, arena, &text, &length) == 0 && length > 0;
    if (found)
        snprintf(out, size, "%.*s", (int)length, text);
    pyro_base_arena_free(arena);
    return found;
}
