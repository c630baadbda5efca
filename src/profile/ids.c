/*
 * Ids of one stream's definitions -> ids of the profile.  A sound stream is one segment; each
 * lost batch starts another.  Refuses ids that do not ascend.
 */
#include "profile_priv.h"

struct segment {
    uint32_t first; /* its first id */
    uint32_t at;    /* its first value */
    uint32_t count;
};

void pyro_profile_ids_init(struct pyro_ids *ids)
{
    ids->values = PYRO_VEC(uint32_t);
    ids->segments = PYRO_VEC(struct segment);
}

void pyro_profile_ids_release(struct pyro_ids *ids)
{
    pyro_base_vec_release(&ids->values);
    pyro_base_vec_release(&ids->segments);
}

int pyro_profile_ids_add(struct pyro_ids *ids, uint32_t id, uint32_t value)
{
    struct segment *last = NULL;
    if (ids->segments.len > 0) {
        last = pyro_base_vec_at(&ids->segments, ids->segments.len - 1);
        if (id < (uint64_t)last->first + last->count)
            return PYRO_E_INVALID;
    }
    if (ids->values.len >= UINT32_MAX)
        return PYRO_E_NOMEM;
    if (last == NULL || id != (uint64_t)last->first + last->count) {
        last = pyro_base_vec_push(&ids->segments);
        if (last == NULL)
            return PYRO_E_NOMEM;
        last->first = id;
        last->at = (uint32_t)ids->values.len;
    }
    uint32_t *slot = pyro_base_vec_push(&ids->values);
    if (slot == NULL)
        return PYRO_E_NOMEM;
    *slot = value;
    last->count++;
    return PYRO_OK;
}

uint32_t pyro_profile_ids_get(const struct pyro_ids *ids, uint32_t id)
{
    size_t low = 0, high = ids->segments.len;
    if (high == 1) { /* as it nearly always is */
        const struct segment *all = ids->segments.data;
        return id - all->first < all->count ? ((uint32_t *)ids->values.data)[id - all->first]
                                            : PYRO_NONE;
    }
    while (low < high) { /* the first segment that starts above id */
        size_t mid = low + (high - low) / 2;
        const struct segment *s = pyro_base_vec_at(&ids->segments, mid);
        if (s->first <= id)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return PYRO_NONE;
    const struct segment *s = pyro_base_vec_at(&ids->segments, low - 1);
    if (id - s->first >= s->count)
        return PYRO_NONE;
    return *(uint32_t *)pyro_base_vec_at(&ids->values, (size_t)s->at + (id - s->first));
}
