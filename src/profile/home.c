/*
 * A mix's upper half was called elsewhere: there the program was, or comes to be in the next
 * moment.  Its home is the most frequent path to the same function that parts from the mix at the
 * nearest caller: called by the same caller from another place, else below the caller's caller, and
 * so on for a few levels.  What was seen much less often than the mix is no home.
 */
#include "profile_priv.h"

#include <stdlib.h>

#define NEAR 8  /* levels */
#define FEWER 4 /* a home was seen no more than so many times less often than the mix */

/* Its own path is not kept, but its caller's is. */
static bool is_lowest_mix(const struct pyro_path *paths, const struct pyro_path *path)
{
    return !path->kept && path->parent != PYRO_NONE && paths[path->parent].kept;
}

static uint64_t key_of(uint32_t function, unsigned level)
{
    return (uint64_t)function * NEAR + level;
}

/* Makes the path, at each of its callers, the one to its function if it is the most frequent. */
static int enter(struct pyro_map *most, const struct pyro_path *paths, uint32_t id)
{
    uint32_t caller = paths[id].parent;
    int rc = PYRO_OK;
    for (unsigned level = 0; level < NEAR && caller != PYRO_NONE && rc == PYRO_OK; level++) {
        uint64_t key = key_of(paths[id].function, level);
        uint32_t best = pyro_base_map_get(most, key, caller);
        if (best == PYRO_MAP_NONE || paths[best].times.seen < paths[id].times.seen)
            rc = pyro_base_map_put(most, key, caller, id);
        caller = paths[caller].parent;
    }
    return rc;
}

static uint32_t home_of(const struct pyro_map *most, const struct pyro_path *paths,
                        const struct pyro_path *mix)
{
    uint32_t caller = mix->parent;
    for (unsigned level = 0; level < NEAR && caller != PYRO_NONE; level++) {
        uint32_t best = pyro_base_map_get(most, key_of(mix->function, level), caller);
        if (best != PYRO_MAP_NONE && FEWER * paths[best].times.seen >= mix->times.seen)
            return best;
        caller = paths[caller].parent;
    }
    return PYRO_NONE;
}

int pyro_profile_find_homes(struct pyro_path *paths, size_t count)
{
    struct pyro_map mixed = {0}, most = {0}; /* functions; paths by function, level and caller */
    int rc = PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++)
        if (is_lowest_mix(paths, &paths[i]))
            rc = pyro_base_map_put(&mixed, paths[i].function, 0, 1);
    for (size_t i = 0; i < count && rc == PYRO_OK; i++)
        if (paths[i].kept && pyro_base_map_get(&mixed, paths[i].function, 0) != PYRO_MAP_NONE)
            rc = enter(&most, paths, (uint32_t)i);
    for (size_t i = 0; i < count; i++)
        paths[i].home = rc == PYRO_OK && is_lowest_mix(paths, &paths[i])
                            ? home_of(&most, paths, &paths[i])
                            : PYRO_NONE;
    pyro_base_map_release(&mixed);
    pyro_base_map_release(&most);
    return rc;
}
