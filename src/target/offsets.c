/*
 * _Py_DebugOffsets, 3.13 on: what the interpreter itself says of its structs.  Each value is
 * checked once, here.  Structs that make up frames, code and objects must be as the generated
 * table has them, since not all their fields are told and a wrong guess would be misread rather
 * than fail; the big ones (runtime, interpreter, thread) may differ between the micro releases of
 * a minor, and are then believed within bounds.
 */
#include "target_priv.h"

enum {
    STRUCT_MAX = 8 << 20,   /* bytes of the largest struct believed (the runtime: some 350 KB) */
    THREAD_READ_MAX = 4096, /* the thread's fields that are read lie within */
};

static uint64_t said_at(const uint8_t *debug, size_t at)
{
    return target_u64(debug + at);
}

static int refuse(uint32_t hex, struct pyro_error *err)
{
    char name[32];

    target_version_text(hex, name);
    return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                          "This Python %s has other struct layouts than those known of 3.%u%s.",
                          name, hex >> 16 & 255,
                          (hex >> 4 & 15) == 15 ? ": a patched build, or newer than this Pyrometer"
                                                : ": use the final release of it");
}

/* May the structs that are allowed to move between micro releases do so here? */
static bool is_final(uint32_t hex)
{
    return (hex >> 4 & 15) == 15;
}

static bool size_is_good(const struct layout_group *group, uint64_t size, uint32_t hex)
{
    if (size == group->size)
        return true;
    return group->may_move && is_final(hex) && size > 0 && size < STRUCT_MAX && size % 8 == 0;
}

static const struct layout_group *group_at(const struct layout_entry *entry, uint16_t at)
{
    for (const struct layout_group *group = entry->groups; group->at; group++)
        if (group->at == at)
            return group;
    return NULL;
}

int target_offsets_apply(const struct layout_entry *entry, uint32_t hex, const uint8_t *debug,
                         struct pyro_layout *out, struct pyro_error *err)
{
    const int top_after_chunk = out->thread_chunk_top - out->thread_chunk;
    const int fields[] = {offsetof(struct pyro_layout, thread_prev),
                          offsetof(struct pyro_layout, thread_next),
                          offsetof(struct pyro_layout, thread_interp),
                          offsetof(struct pyro_layout, thread_native_id),
                          offsetof(struct pyro_layout, thread_id),
                          offsetof(struct pyro_layout, thread_current_frame),
                          offsetof(struct pyro_layout, thread_chunk_top)};

    for (const struct layout_group *group = entry->groups; group->at; group++)
        if (!size_is_good(group, said_at(debug, group->at), hex))
            return refuse(hex, err);
    for (const struct layout_said *said = entry->said; said->at; said++) {
        const struct layout_group *group = group_at(entry, said->group);
        int *field = (int *)((char *)out + said->field);
        uint64_t value = said_at(debug, said->at), size = said_at(debug, said->group);

        if (!group || value % said->width != 0 || value >= size || size - value < said->width)
            return refuse(hex, err);
        if (value != (uint64_t)*field && !(group->may_move && is_final(hex)))
            return refuse(hex, err);
        *field = (int)value;
    }
    out->thread_chunk_top = out->thread_chunk + top_after_chunk;
    out->thread_size = 0;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        int end = *(const int *)((const char *)out + fields[i]) + 8;

        if (end > out->thread_size)
            out->thread_size = end;
    }
    return out->thread_size <= THREAD_READ_MAX ? 0 : refuse(hex, err);
}
