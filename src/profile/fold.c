/*
 * Folding.  A stack is read twice without stopping the program; what both reads agree on, from
 * the bottom up, is verified.  Of the rest, most is true: calls come and go between the two reads.
 * But the cache lines of one read are not all of one moment, so a caller may be seen at one call
 * and above it the frame of the next: a path that never was.  Such a mix is made of two paths that
 * are both common, and the two reads seldom agree on it: that is how it is told from a true path.
 * Its samples are charged elsewhere (home.c), or else to the caller.
 * docs/internals/folding.md gives the reasons and figures.
 *
 * Paths are compared without the top frame's own instruction: two nodes with the same parent node
 * (functions and call sites all the way down) and the same function are one path.  Where the same
 * calls are made below many paths each of them alone has few samples: so the calls are judged as
 * well (calls.c).  All counting is done on the tree of paths, so it is linear in nodes and samples,
 * not in depth.
 */
#include "profile_priv.h"

#include <stdlib.h>

/* Jumps: each node knows one far ancestor, chosen so that any ancestor is found in O(log depth)
 * steps (a skew-binary list). */
uint32_t pyro_profile_jump(const struct pyro_build_node *nodes, uint32_t node, uint32_t parent)
{
    if (parent == PYRO_NONE)
        return node;
    uint32_t one = nodes[parent].jump, two = nodes[one].jump;
    if (nodes[parent].depth - nodes[one].depth == nodes[one].depth - nodes[two].depth)
        return two;
    return parent;
}

uint32_t pyro_profile_ancestor(const struct pyro_build_node *nodes, uint32_t node, uint32_t depth)
{
    while (nodes[node].depth > depth)
        node = nodes[nodes[node].jump].depth >= depth ? nodes[node].jump : nodes[node].parent;
    return node;
}

void pyro_profile_add_times(struct pyro_path_times *to, struct pyro_path_times more)
{
    to->verified += more.verified;
    to->seen += more.seen;
    to->stills += more.stills;
}

/* Makes the paths, and path_of[node]. */
static int find_paths(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_frame *frames, struct pyro_vec *paths, uint32_t *path_of)
{
    struct pyro_map path_map = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++) {
        uint32_t parent = nodes[i].parent, function = frames[nodes[i].frame].function;
        const size_t known = paths->len;
        path_of[i] = pyro_base_map_enter(&path_map, paths, parent, function);
        if (path_of[i] == PYRO_MAP_NONE) {
            rc = PYRO_E_NOMEM;
            break;
        }
        struct pyro_path *path = pyro_base_vec_at(paths, path_of[i]);
        path->parent = parent == PYRO_NONE ? PYRO_NONE : path_of[parent];
        path->from = parent;
        path->function = function;
        if (path_of[i] == known || nodes[path->top].own < nodes[i].own)
            path->top = (uint32_t)i;
    }
    pyro_base_map_release(&path_map);
    return rc;
}

static void count_samples(const struct pyro_build_node *nodes, size_t node_count,
                          struct pyro_path *paths, size_t path_count, const uint32_t *path_of,
                          struct pyro_site_sums *sums)
{
    for (size_t i = 0; i < node_count; i++) {
        const struct pyro_build_node *node = &nodes[i];
        struct pyro_path_times own = {node->verified, node->own, node->stills};
        pyro_profile_add_times(&paths[path_of[i]].times, own);
        sums[i] = (struct pyro_site_sums){node->own, node->own, node->stills, node->stills};
    }
    for (size_t i = node_count; i-- > 0;)
        if (nodes[i].parent != PYRO_NONE) {
            sums[nodes[i].parent].under += sums[i].under;
            sums[nodes[i].parent].stills += sums[i].stills;
        }
    for (size_t i = path_count; i-- > 0;)
        if (paths[i].parent != PYRO_NONE)
            pyro_profile_add_times(&paths[paths[i].parent].times, paths[i].times);
}

static int judge(struct pyro_path *path, size_t count, const struct pyro_site_sums *sums)
{
    struct pyro_most most = PYRO_MOST;
    struct {
        uint32_t all, call;
    } *of = calloc(count + 1, sizeof(*of));
    int rc = of == NULL ? PYRO_E_NOMEM : PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
        const struct pyro_path *p = &path[i];
        of[i].all = pyro_profile_most_enter(&most, p->function, UINT64_MAX, p->times);
        of[i].call = pyro_profile_most_enter(&most, p->function, p->parent, p->times);
        if (of[i].all == PYRO_MAP_NONE || of[i].call == PYRO_MAP_NONE)
            rc = PYRO_E_NOMEM;
    }
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) { /* callers come first */
        struct pyro_path *p = &path[i];
        if (p->parent == PYRO_NONE) {
            p->kept = true; /* the bottom has no caller to fold into */
            continue;
        }
        struct pyro_mix_counts counts = {
            .site = sums[p->from],
            .caller = path[p->parent].times,
            .elsewhere = pyro_profile_most_of(&most, of[i].all),
            .same_caller = pyro_profile_most_of(&most, of[i].call).seen,
        };
        p->kept = path[p->parent].kept && !p->ends_in_mix &&
                  !pyro_profile_is_very_rare(p->times, &counts) &&
                  !pyro_profile_is_mix(p->times, &counts);
    }
    free(of);
    pyro_profile_most_release(&most);
    return rc;
}

/* Where samples at a node are charged; its caller's target is known. */
static uint32_t target_of(const struct pyro_build_node *nodes, uint32_t node,
                          const struct pyro_map *node_map, const struct pyro_path *paths,
                          const uint32_t *path_of, const uint32_t *target)
{
    const struct pyro_path *path = &paths[path_of[node]];
    if (path->kept)
        return node;
    if (path->instead != PYRO_NONE)
        return paths[path->instead].top;
    uint32_t caller = target[nodes[node].parent]; /* a path that is not kept has a caller */
    uint32_t from = PYRO_NONE;
    if (path->home != PYRO_NONE)
        from = paths[path->home].from;
    else if (caller != nodes[node].parent && nodes[caller].depth + 1 == nodes[node].depth)
        from = caller; /* above a mix that goes home */
    uint32_t there =
        from == PYRO_NONE ? PYRO_MAP_NONE : pyro_base_map_get(node_map, from, nodes[node].frame);
    return there != PYRO_MAP_NONE && paths[path_of[there]].kept ? there : caller;
}

int pyro_profile_fold(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_map *node_map, const struct pyro_frame *frames,
                      uint32_t *target)
{
    struct pyro_vec paths = PYRO_VEC(struct pyro_path);
    if (node_count == 0)
        return PYRO_OK;
    uint32_t *path_of = malloc(node_count * sizeof(*path_of));
    struct pyro_site_sums *sums = calloc(node_count, sizeof(*sums));
    int rc = path_of == NULL || sums == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = find_paths(nodes, node_count, frames, &paths, path_of);
    if (rc == PYRO_OK) {
        count_samples(nodes, node_count, paths.data, paths.len, path_of, sums);
        rc = pyro_profile_judge_calls(paths.data, paths.len, nodes, node_count, frames, path_of,
                                      sums);
    }
    if (rc == PYRO_OK)
        rc = judge(paths.data, paths.len, sums);
    free(sums);
    if (rc == PYRO_OK)
        rc = pyro_profile_find_homes(paths.data, paths.len);
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++)
        target[i] = target_of(nodes, (uint32_t)i, node_map, paths.data, path_of, target);
    free(path_of);
    pyro_base_vec_release(&paths);
    return rc;
}
