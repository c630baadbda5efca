/*
 * Folding.  A stack is read twice without stopping the program; what both reads agree on, from
 * the bottom up, is verified.  Of the rest, most is true: calls come and go between the two reads.
 * But the cache lines of one read are not all of one moment, so a caller may be seen at one call and
 * above it the frame of the next: a path that never was.  Such a mix is made of two paths that are
 * both common, and the two reads agree on it no more often than by chance.  That is how it is told
 * from a true path; its samples are charged to the second read's path or, if that is none better, to
 * the caller.  docs/internals/folding.md gives the reasons and figures.
 *
 * Paths are compared without the top frame's own instruction: two nodes with the same parent node
 * (functions and call sites all the way down) and the same function are one path.  All counting
 * is done on the tree of these paths, so it is linear in nodes and samples, not in depth.
 */
#include "profile_priv.h"

#include <math.h>
#include <stdlib.h>

/* The rule's constants. */
#define COMMON 5       /* a mix's two sources are each at least this many times as frequent */
#define CHANCE 3.0     /* agreement by chance: this many times what independence gives, ... */
#define DEVIATIONS 4.0 /* ... and so many standard deviations of a Poisson count above it */
#define AGREE 0.5      /* both reads of a short loop can be mixed alike: most must agree */

struct path {
    uint32_t parent;   /* of the caller's path, or PYRO_NONE */
    uint32_t from;     /* the caller's node: where it was called */
    uint32_t function;
    bool kept;
    uint64_t verified, seen; /* samples with the path in the verified part, and anywhere */
};

struct counts { /* what the rule compares a path with */
    uint64_t at_site; /* samples at or above the caller's node: at this very call, or about to */
    uint64_t elsewhere;      /* the most frequent other path to the same function */
    uint64_t same_caller;    /* the most frequent other call of it by the same caller's path */
};

/* Is the path a mix of two common ones? */
static bool is_mix(const struct path *path, const struct path *caller, const struct counts *counts)
{
    uint64_t least = COMMON * path->seen;
    uint64_t others = counts->at_site - path->seen;
    if (counts->elsewhere < least || (others < least && counts->same_caller < least))
        return false;
    double chance = CHANCE * (double)path->seen * (double)path->seen / (double)caller->seen;
    chance += DEVIATIONS * sqrt(chance) + 0.5;
    return (double)path->verified <= fmax(chance, AGREE * (double)path->seen);
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
                      const struct pyro_frame *frames, struct pyro_vec *paths, uint32_t *path_of)
{
    struct pyro_map path_map = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++) {
        uint32_t parent = nodes[i].parent, function = frames[nodes[i].frame].function;
        uint32_t id = pyro_base_map_get(&path_map, parent, function);
        if (id == PYRO_MAP_NONE) {
            id = (uint32_t)paths->len;
            struct path *path = pyro_base_vec_push(paths);
            if (path == NULL || pyro_base_map_put(&path_map, parent, function, id) < 0) {
                rc = PYRO_E_NOMEM;
                break;
            }
            path->parent = parent == PYRO_NONE ? PYRO_NONE : path_of[parent];
            path->from = parent;
            path->function = function;
        }
        path_of[i] = id;
    }
    pyro_base_map_release(&path_map);
    return rc;
}

static void count_samples(const struct pyro_build_node *nodes, size_t node_count,
                          const struct pyro_build_sample *samples, size_t sample_count,
                          struct path *paths, size_t path_count, const uint32_t *path_of,
                          uint64_t *under)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct pyro_build_sample *s = &samples[i];
        if (s->node == PYRO_NONE)
            continue;
        under[s->node] += s->count;
        paths[path_of[s->node]].seen += s->count;
        uint32_t depth = nodes[s->node].depth;
        if (s->unverified < depth) {
            uint32_t top = pyro_profile_ancestor(nodes, s->node, depth - s->unverified);
            paths[path_of[top]].verified += s->count;
        }
    }
    for (size_t i = node_count; i-- > 0;)
        if (nodes[i].parent != PYRO_NONE)
            under[nodes[i].parent] += under[i];
    for (size_t i = path_count; i-- > 0;)
        if (paths[i].parent != PYRO_NONE) {
            paths[paths[i].parent].seen += paths[i].seen;
            paths[paths[i].parent].verified += paths[i].verified;
        }
}

/* The two most frequent paths of a group, so that any path can be compared with the best other. */
struct best {
    uint64_t first, second;
    uint32_t path; /* whose `first` is */
};

static void enter(struct best *best, uint32_t path, uint64_t seen)
{
    if (seen > best->first) {
        *best = (struct best){seen, best->first, path};
    } else if (seen > best->second) {
        best->second = seen;
    }
}

static uint64_t best_other(const struct best *best, uint32_t path)
{
    return best->path == path ? best->second : best->first;
}

/* groups: paths with one function; paths with one function and one caller's path. */
static int judge(struct path *path, size_t count, const uint64_t *under)
{
    struct pyro_vec best = PYRO_VEC(struct best);
    struct pyro_map groups = {0};
    uint32_t *of = malloc((count + 1) * 2 * sizeof(*of));
    int rc = of == NULL ? PYRO_E_NOMEM : PYRO_OK;
    for (size_t i = 0; i < count * 2 && rc == PYRO_OK; i++) {
        const struct path *p = &path[i / 2];
        uint64_t caller = i % 2 ? (uint64_t)p->parent + 1 : UINT64_MAX;
        of[i] = pyro_base_map_get(&groups, p->function, caller);
        if (of[i] == PYRO_MAP_NONE) {
            of[i] = (uint32_t)best.len;
            if (pyro_base_vec_push(&best) == NULL ||
                pyro_base_map_put(&groups, p->function, caller, of[i]) < 0) {
                rc = PYRO_E_NOMEM;
                break;
            }
        }
        enter(pyro_base_vec_at(&best, of[i]), (uint32_t)(i / 2), p->seen);
    }
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) { /* callers come first */
        if (path[i].parent == PYRO_NONE) {
            path[i].kept = true; /* the bottom has no caller to fold into */
            continue;
        }
        const struct path *caller = &path[path[i].parent];
        struct counts counts = {
            .at_site = under[path[i].from],
            .elsewhere = best_other(pyro_base_vec_at(&best, of[2 * i]), (uint32_t)i),
            .same_caller = best_other(pyro_base_vec_at(&best, of[2 * i + 1]), (uint32_t)i),
        };
        path[i].kept = caller->kept && !is_mix(&path[i], caller, &counts);
    }
    free(of);
    pyro_base_map_release(&groups);
    pyro_base_vec_release(&best);
    return rc;
}

int pyro_profile_fold(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_frame *frames, const struct pyro_build_sample *samples,
                      size_t sample_count, uint32_t *target)
{
    struct pyro_vec paths = PYRO_VEC(struct path);
    if (node_count == 0)
        return PYRO_OK;
    uint32_t *path_of = malloc(node_count * sizeof(*path_of));
    uint64_t *under = calloc(node_count, sizeof(*under));
    int rc = path_of == NULL || under == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = find_paths(nodes, node_count, frames, &paths, path_of);
    if (rc == PYRO_OK) {
        count_samples(nodes, node_count, samples, sample_count, paths.data, paths.len, path_of,
                      under);
        rc = judge(paths.data, paths.len, under);
    }
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++) {
        const struct path *path = pyro_base_vec_at(&paths, path_of[i]);
        target[i] = path->kept ? (uint32_t)i : target[nodes[i].parent];
    }
    free(path_of);
    free(under);
    pyro_base_vec_release(&paths);
    return rc;
}
