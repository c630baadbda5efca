/*
 * Chooses a version's layout and completes it.
 */
#include "target_priv.h"

const struct layout_entry *target_layout_of(uint32_t hex)
{
    for (size_t i = 0; i < target_layouts_count; i++)
        if ((uint32_t)target_layouts[i].layout.version == hex >> 16)
            return &target_layouts[i];
    return NULL;
}

int target_layout_fill(const struct layout_entry *entry, uint32_t hex, const uint8_t *debug,
                       struct pyro_layout *out, struct pyro_error *err)
{
    *out = entry->layout;
    return debug ? target_offsets_apply(entry, hex, debug, out, err) : 0;
}
