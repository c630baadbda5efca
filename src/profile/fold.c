/*
 * Folding.  A stack is read twice without stopping the program; what both reads agree on, from
 * the bottom up, is verified.  A path that only ever stood above the verified part may be a mix of
 * two moments.  Such a path is kept if the rest of the recording vouches for it, else its samples
 * are charged to the caller, at the call it was in.
 *
 * Paths are compared without the top frame's own instruction: two nodes with the same parent node
 * (functions and call sites all the way down) and the same function are one path.  All counting
 * is done on the tree of these paths, so it is linear in nodes and samples, not in depth.
 */
#include "profile_priv.h"

#include <stdlib.h>

/* The rule.  A path is kept ... */
#define KEEP_VERIFIED 2    /* if it was verified in so many samples, or */
#define KEEP_SEEN 3        /* if it was seen in so many, ... */
#define KEEP_SHARE 2e-4    /* ... which are at least this part of its caller's, or */
#define KEEP_EDGE 2        /* if it was verified once and each call in it so often anywhere: random
                            * deep recursion has paths that come once only */

struct path {
    uint32_t parent; /* of the caller's path, or PYRO_NONE */
    uint32_t edge;   /* (caller, call site, function): an id */
    bool edges_vouched; /* each edge from the bottom to here was verified KEEP_EDGE times */
    bool kept;
    uint64_t verified, seen; /* samples with the path in the verified part, and anywhere */
};

static bool rule(const struct path *path, const struct path *caller)
{
    if (path->verified >= KEEP_VERIFIED)
        return true;
    if (path->seen >= KEEP_SEEN && (double)path->seen >= KEEP_SHARE * (double)caller->seen)
        return true;
    return path->verified >= 1 && path->edges_vouched;
}

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

/* Makes the paths, and path_of[node]. */
static int find_paths(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_frame *frames, struct pyro_vec *paths, uint32_t *path_of,
                      uint32_t *edge_count)
{
    struct pyro_map path_map = {0}, edge_map = {0};
    int rc = PYRO_E_NOMEM;
    *edge_count = 0;
    for (size_t i = 0; i < node_count; i++) {
        uint32_t parent = nodes[i].parent, function = frames[nodes[i].frame].function;
        uint32_t id = pyro_base_map_get(&path_map, parent, function);
        if (id == PYRO_MAP_NONE) {
            uint64_t from = UINT64_MAX;
            if (parent != PYRO_NONE) {
                const struct pyro_frame *site = &frames[nodes[parent].frame];
                from = (uint64_t)site->function << 32 | (uint32_t)site->instruction;
            }
            uint32_t edge = pyro_base_map_get(&edge_map, from, function);
            if (edge == PYRO_MAP_NONE) {
                edge = (*edge_count)++;
                if (pyro_base_map_put(&edge_map, from, function, edge) < 0)
                    goto out;
            }
            id = (uint32_t)paths->len;
            struct path *path = pyro_base_vec_push(paths);
            if (path == NULL || pyro_base_map_put(&path_map, parent, function, id) < 0)
                goto out;
            path->parent = parent == PYRO_NONE ? PYRO_NONE : path_of[parent];
            path->edge = edge;
        }
        path_of[i] = id;
    }
    rc = PYRO_OK;
out:
    pyro_base_map_release(&path_map);
    pyro_base_map_release(&edge_map);
    return rc;
}

static void count_samples(const struct pyro_build_node *nodes,
                          const struct pyro_build_sample *samples, size_t sample_count,
                          struct path *paths, size_t path_count, const uint32_t *path_of)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct pyro_build_sample *s = &samples[i];
        if (s->node == PYRO_NONE)
            continue;
        paths[path_of[s->node]].seen += s->count;
        uint32_t depth = nodes[s->node].depth;
        if (s->unverified < depth) {
            uint32_t top = pyro_profile_ancestor(nodes, s->node, depth - s->unverified);
            paths[path_of[top]].verified += s->count;
        }
    }
    for (size_t i = path_count; i-- > 0;) {
        if (paths[i].parent != PYRO_NONE) {
            paths[paths[i].parent].seen += paths[i].seen;
            paths[paths[i].parent].verified += paths[i].verified;
        }
    }
}

/* In how many samples each edge was verified: once a sample, however often it recurs in it. */
static int count_edges(const struct path *paths, size_t path_count, uint64_t *edge_verified,
                       uint32_t edge_count)
{
    struct pyro_links links;
    uint32_t *edge_of = malloc((path_count + 1) * sizeof(*edge_of));
    if (edge_of == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < path_count; i++)
        edge_of[i] = paths[i].edge;
    int rc = pyro_profile_links_init(&links, &paths->parent, sizeof(*paths), path_count);
    if (rc == PYRO_OK) {
        rc = pyro_profile_links_totals(&links, &paths->parent, sizeof(*paths), edge_of, edge_count,
                                       &paths->verified, sizeof(*paths), edge_verified);
        pyro_profile_links_release(&links);
    }
    free(edge_of);
    return rc;
}

int pyro_profile_fold(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_frame *frames, const struct pyro_build_sample *samples,
                      size_t sample_count, uint32_t *target)
{
    struct pyro_vec paths = PYRO_VEC(struct path);
    uint64_t *edge_verified = NULL;
    uint32_t edge_count = 0;
    int rc = PYRO_E_NOMEM;
    if (node_count == 0)
        return PYRO_OK;
    uint32_t *path_of = malloc(node_count * sizeof(*path_of));
    if (path_of == NULL)
        goto out;
    rc = find_paths(nodes, node_count, frames, &paths, path_of, &edge_count);
    if (rc < 0)
        goto out;
    struct path *path = paths.data;
    count_samples(nodes, samples, sample_count, path, paths.len, path_of);

    rc = PYRO_E_NOMEM;
    edge_verified = calloc(edge_count, sizeof(*edge_verified));
    if (edge_verified == NULL)
        goto out;
    rc = count_edges(path, paths.len, edge_verified, edge_count);
    if (rc < 0)
        goto out;

    for (size_t i = 0; i < paths.len; i++) { /* callers come first */
        const struct path *caller = path[i].parent == PYRO_NONE ? NULL : &path[path[i].parent];
        path[i].edges_vouched =
            edge_verified[path[i].edge] >= KEEP_EDGE && (caller == NULL || caller->edges_vouched);
        /* the bottom has no caller to fold into */
        path[i].kept = caller == NULL || (caller->kept && rule(&path[i], caller));
    }
    for (size_t i = 0; i < node_count; i++)
        target[i] = path[path_of[i]].kept ? (uint32_t)i : target[nodes[i].parent];
out:
    free(path_of);
    free(edge_verified);
    pyro_base_vec_release(&paths);
    return rc;
}
