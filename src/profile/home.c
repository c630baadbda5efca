/*
 * Where the samples on a mix are charged.  Its lower half was read first, and says which call the
 * program was in: so what else is called there is charged, as many frames up as the mix has, each
 * time the most frequent.  (Charged by its upper half, a mix is counted for where the program came
 * to be, and of two calls the one that is followed by a longer pause gains.)
 * Where nothing else is called, the upper half is asked: its home is the most frequent path to the
 * same function that parts from the mix at the nearest caller: called by the same caller from
 * another place, else below the caller's caller, and so on for a few levels.  What was seen much
 * less often than the mix is neither.
 */
#include "profile_priv.h"

#include <stdlib.h>

#define NEAR 8  /* levels */
#define FEWER 4 /* what is charged was seen no more than so many times less often than the mix */

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

static int find_homes(struct pyro_path *paths, size_t count)
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

/* The most frequent path that is kept: called from each node, and by each path. */
static int most_called(struct pyro_map *from, struct pyro_map *by, const struct pyro_path *paths,
                       uint32_t id)
{
    const struct pyro_path *path = &paths[id];
    uint32_t best = pyro_base_map_get(from, path->from, 0);
    int rc = PYRO_OK;
    if (best == PYRO_MAP_NONE || paths[best].times.seen < path->times.seen)
        rc = pyro_base_map_put(from, path->from, 0, id);
    best = pyro_base_map_get(by, path->parent, 0);
    if (rc == PYRO_OK && (best == PYRO_MAP_NONE || paths[best].times.seen < path->times.seen))
        rc = pyro_base_map_put(by, path->parent, 0, id);
    return rc;
}

static uint32_t instead_of(const struct pyro_map *from, const struct pyro_map *by,
                           const struct pyro_path *paths, const struct pyro_path *path)
{
    if (path->kept)
        return PYRO_NONE;
    if (is_lowest_mix(paths, path)) {
        uint32_t best = pyro_base_map_get(from, path->from, 0);
        bool enough = best != PYRO_MAP_NONE && FEWER * paths[best].times.seen >= path->times.seen;
        return enough ? best : PYRO_NONE;
    }
    uint32_t below = paths[path->parent].instead;
    uint32_t best = below == PYRO_NONE ? PYRO_MAP_NONE : pyro_base_map_get(by, below, 0);
    return best != PYRO_MAP_NONE ? best : below;
}

static int find_instead(struct pyro_path *paths, size_t count)
{
    struct pyro_map from = {0}, by = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++)
        if (paths[i].kept && paths[i].parent != PYRO_NONE)
            rc = most_called(&from, &by, paths, (uint32_t)i);
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) /* callers come first */
        paths[i].instead = instead_of(&from, &by, paths, &paths[i]);
    pyro_base_map_release(&from);
    pyro_base_map_release(&by);
    return rc;
}

int pyro_profile_find_homes(struct pyro_path *paths, size_t count)
{
    int rc = find_instead(paths, count);
    return rc == PYRO_OK ? find_homes(paths, count) : rc;
}
