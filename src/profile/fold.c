/*
 * Folding.  A stack is read twice without stopping the program; what both reads agree on, from
 * the bottom up, is verified.  Of the rest, most is true: calls come and go between the two reads.
 * But the cache lines of one read are not all of one moment, so a caller may be seen at one call
 * and above it the frame of the next: a path that never was.  Such a mix is made of two paths that
 * are both common, and the two reads seldom agree on it: that is how it is told from a true path.
 * Its samples are charged to the second read's path or, if that is none better, to where its upper
 * half is at home (home.c), or else to the caller.
 * docs/internals/folding.md gives the reasons and figures.
 *
 * Paths are compared without the top frame's own instruction: two nodes with the same parent node
 * (functions and call sites all the way down) and the same function are one path.  Where the same
 * calls are made below many paths each of them alone has few samples: so the calls (one function
 * from one instruction, whatever is below) are judged as well.  All counting is done on the tree
 * of paths, so it is linear in nodes and samples, not in depth.
 */
#include "profile_priv.h"

#include <math.h>
#include <stdlib.h>

/* The rule's constants. */
#define COMMON 5        /* a mix's two sources are each at least this many times as frequent */
#define COMMON_LEAST 20 /* ... and at least so often */
#define AGREE 0.5       /* of a true path's samples more than this share is verified; ... */
#define RARE 20         /* ... where the sources are this many times as frequent, ... */
#define AGREE_RARE 0.9  /* ... this share: reads can fall into step with a loop and mix it alike */

#define VERY_RARE 1000 /* ... and where they are so many times as frequent, any agreement */
#define SELDOM 10 /* verified so many times less often than the other path to its function, ... */
#define SELDOM_LEAST                                                                               \
    8             /* ... by which so many would be verified: a mix if it is but the rarer one */
#define ON_TOP 4  /* where nothing else is called, the caller on top has to be so much more */
#define PROVEN 20 /* a path verified so often is judged by its own samples alone */
#define STILLS 8  /* by its samples a path should have so many stills, and has ... */
#define STILLS_FEWER 12 /* ... so many times fewer: a mix; ... */
#define STILLS_SOME 5   /* ... or so many, and has none, ... */
#define SELDOM_SOME 3   /* ... and is verified so many times less often than elsewhere */
#define STILLS_ENOUGH 2 /* with so many it is none */

struct sums {            /* of a node, or of a frame wherever it stands */
    uint64_t own, under; /* samples: with it on top, and at or under it */
    uint64_t stills;     /* at or under it, ... */
    uint64_t own_stills; /* ... and with it on top */
};

struct call { /* of a function from one instruction, on top of whatever path */
    uint32_t frame, function;
    uint32_t caller; /* the function that the instruction is in */
    bool mix;
    struct pyro_path_times times;
};

struct counts {                    /* what the rule compares a path, or a call, with */
    struct sums site;              /* of the caller's node: this very call, and on top: about to */
    struct pyro_path_times caller; /* the caller's path, whatever its own instruction */
    struct pyro_path_times elsewhere; /* the most frequent path to the same function */
    uint64_t same_caller;             /* the most frequent call of it by the same caller's path */
};

/* How often the lower half of a mix was seen. */
static uint64_t lower_source(uint64_t seen, const struct counts *counts)
{
    uint64_t others = counts->site.under - counts->site.own - seen;
    if (others >= seen)
        others += counts->site.own;
    else if (others < counts->site.own / ON_TOP)
        others = counts->site.own / ON_TOP; /* it may be in a C function that calls back */
    return others > counts->same_caller ? others : counts->same_caller;
}

/* How often the rarer of the two halves was seen; 0: too seldom to say. */
static uint64_t rarer_source(uint64_t seen, const struct counts *counts)
{
    uint64_t source = lower_source(seen, counts);
    if (source > counts->elsewhere.seen)
        source = counts->elsewhere.seen;
    return source < COMMON_LEAST ? 0 : source;
}

/* Is it so much less often verified than the upper half is elsewhere, that it cannot be another
 * of its kind? */
static bool is_seldom_verified(struct pyro_path_times own, struct pyro_path_times elsewhere,
                               unsigned fewer)
{
    double expected = (double)own.seen * (double)elsewhere.verified / (double)elsewhere.seen;
    return elsewhere.seen > own.seen && expected >= SELDOM_LEAST &&
           fewer * (double)own.verified <= expected;
}

static double stills_for(uint64_t seen, uint64_t stills, uint64_t of)
{
    return of > 0 ? (double)seen * (double)stills / (double)of : 0;
}

/* Are there too few stills of it, for its samples: by its call site's (all of them, or those of
 * what is called there), or by its caller's? */
static bool is_refuted(struct pyro_path_times own, const struct counts *counts)
{
    const struct sums *site = &counts->site;
    double expected = stills_for(own.seen, site->stills, site->under);
    expected = fmax(expected,
                    stills_for(own.seen, site->stills - site->own_stills, site->under - site->own));
    expected = fmax(expected, stills_for(own.seen, counts->caller.stills, counts->caller.seen));
    if (counts->elsewhere.seen <= own.seen || lower_source(own.seen, counts) <= own.seen)
        return false; /* a mix is the rarer one */
    if (own.stills == 0 && expected >= STILLS_SOME &&
        is_seldom_verified(own, counts->elsewhere, SELDOM_SOME))
        return true;
    return expected >= STILLS && STILLS_FEWER * (double)own.stills <= expected &&
           (double)own.verified <= AGREE_RARE * (double)own.seen;
}

/* Common sources, and the two reads seldom agreed on it. */
static bool is_mix(struct pyro_path_times own, const struct counts *counts)
{
    uint64_t source = rarer_source(own.seen, counts);
    if (source == 0 || own.stills >= STILLS_ENOUGH)
        return false;
    if (is_refuted(own, counts))
        return true;
    if (source < COMMON * own.seen)
        return lower_source(own.seen, counts) >= COMMON * own.seen &&
               is_seldom_verified(own, counts->elsewhere, SELDOM);
    double agree = source < RARE * own.seen ? AGREE : AGREE_RARE;
    return (double)own.verified <= agree * (double)own.seen;
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

static void add(struct pyro_path_times *to, struct pyro_path_times more)
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
        uint32_t id = pyro_base_map_get(&path_map, parent, function);
        if (id == PYRO_MAP_NONE) {
            id = (uint32_t)paths->len;
            struct pyro_path *path = pyro_base_vec_push(paths);
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
                          struct pyro_path *paths, size_t path_count, const uint32_t *path_of,
                          struct sums *sums)
{
    for (size_t i = 0; i < node_count; i++) {
        const struct pyro_build_node *node = &nodes[i];
        struct pyro_path_times own = {node->verified, node->own, node->stills};
        add(&paths[path_of[i]].times, own);
        sums[i] = (struct sums){node->own, node->own, node->stills, node->stills};
    }
    for (size_t i = node_count; i-- > 0;)
        if (nodes[i].parent != PYRO_NONE) {
            sums[nodes[i].parent].under += sums[i].under;
            sums[nodes[i].parent].stills += sums[i].stills;
        }
    for (size_t i = path_count; i-- > 0;)
        if (paths[i].parent != PYRO_NONE)
            add(&paths[paths[i].parent].times, paths[i].times);
}

/* The most frequent path of a group counts.  (Where that is the path itself it does no harm:
 * nothing is COMMON times as frequent as itself.)  Groups: the paths with one function, and those
 * of them with one caller's path.  A group's number, or PYRO_MAP_NONE: no memory. */
static uint32_t enter(struct pyro_map *groups, struct pyro_vec *most, uint64_t function,
                      uint64_t caller, struct pyro_path_times times)
{
    uint32_t group = pyro_base_map_get(groups, function, caller);
    if (group == PYRO_MAP_NONE) {
        group = (uint32_t)most->len;
        if (pyro_base_vec_push(most) == NULL ||
            pyro_base_map_put(groups, function, caller, group) < 0)
            return PYRO_MAP_NONE;
    }
    struct pyro_path_times *best = pyro_base_vec_at(most, group);
    if (best->seen < times.seen)
        *best = times;
    return group;
}

static struct pyro_path_times most_of(struct pyro_vec *most, uint32_t group)
{
    return *(struct pyro_path_times *)pyro_base_vec_at(most, group);
}

/* The calls that the paths end with: call[path.call]. */
static int find_calls(struct pyro_path *path, size_t count, const struct pyro_build_node *nodes,
                      const struct pyro_frame *frames, struct pyro_vec *calls)
{
    struct pyro_map ids = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
        if (path[i].parent == PYRO_NONE)
            continue;
        uint32_t frame = nodes[path[i].from].frame;
        uint32_t id = pyro_base_map_get(&ids, frame, path[i].function);
        if (id == PYRO_MAP_NONE) {
            id = (uint32_t)calls->len;
            struct call *call = pyro_base_vec_push(calls);
            if (call == NULL || pyro_base_map_put(&ids, frame, path[i].function, id) < 0) {
                rc = PYRO_E_NOMEM;
                break;
            }
            call->frame = frame;
            call->function = path[i].function;
            call->caller = frames[frame].function;
        }
        struct call *call = pyro_base_vec_at(calls, id);
        add(&call->times, path[i].times);
        path[i].call = id;
    }
    pyro_base_map_release(&ids);
    return rc;
}

static int judge_calls(struct call *call, size_t count, const struct sums *frames)
{
    struct pyro_vec most = PYRO_VEC(struct pyro_path_times);
    struct pyro_map groups = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++)
        if (enter(&groups, &most, call[i].function, UINT64_MAX, call[i].times) == PYRO_MAP_NONE ||
            enter(&groups, &most, call[i].function, call[i].caller, call[i].times) == PYRO_MAP_NONE)
            rc = PYRO_E_NOMEM;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
        uint64_t function = call[i].function, caller = call[i].caller;
        struct counts counts = {
            .site = frames[call[i].frame],
            .elsewhere = most_of(&most, pyro_base_map_get(&groups, function, UINT64_MAX)),
            .same_caller = most_of(&most, pyro_base_map_get(&groups, function, caller)).seen,
        };
        call[i].mix = is_mix(call[i].times, &counts);
    }
    pyro_base_map_release(&groups);
    pyro_base_vec_release(&most);
    return rc;
}

/* Is the path's last call a mix?  Not if the path has proof enough of its own. */
static bool ends_in_mix(const struct pyro_path *path, const struct call *calls)
{
    bool proven = path->times.verified >= PROVEN &&
                  (double)path->times.verified > AGREE_RARE * (double)path->times.seen;
    return calls[path->call].mix && !proven;
}

static int judge(struct pyro_path *path, size_t count, const struct call *calls,
                 const struct sums *sums)
{
    struct pyro_vec most = PYRO_VEC(struct pyro_path_times);
    struct pyro_map groups = {0};
    struct {
        uint32_t all, call;
    } *of = calloc(count + 1, sizeof(*of));
    int rc = of == NULL ? PYRO_E_NOMEM : PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
        const struct pyro_path *p = &path[i];
        of[i].all = enter(&groups, &most, p->function, UINT64_MAX, p->times);
        of[i].call = enter(&groups, &most, p->function, p->parent, p->times);
        if (of[i].all == PYRO_MAP_NONE || of[i].call == PYRO_MAP_NONE)
            rc = PYRO_E_NOMEM;
    }
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) { /* callers come first */
        struct pyro_path *p = &path[i];
        if (p->parent == PYRO_NONE) {
            p->kept = true; /* the bottom has no caller to fold into */
            continue;
        }
        struct counts counts = {
            .site = sums[p->from],
            .caller = path[p->parent].times,
            .elsewhere = most_of(&most, of[i].all),
            .same_caller = most_of(&most, of[i].call).seen,
        };
        uint64_t source = rarer_source(p->times.seen, &counts);
        bool very_rare =
            source > 0 && source >= VERY_RARE * p->times.seen && p->times.stills < STILLS_ENOUGH;
        p->kept = path[p->parent].kept && !very_rare && !is_mix(p->times, &counts) &&
                  !ends_in_mix(p, calls);
    }
    free(of);
    pyro_base_map_release(&groups);
    pyro_base_vec_release(&most);
    return rc;
}

static int judge_all(struct pyro_vec *paths, const struct pyro_build_node *nodes, size_t node_count,
                     const struct pyro_frame *frames, const struct sums *sums)
{
    struct pyro_vec calls = PYRO_VEC(struct call);
    size_t frame_count = 0;
    for (size_t i = 0; i < node_count; i++)
        if (nodes[i].frame >= frame_count)
            frame_count = (size_t)nodes[i].frame + 1;
    struct sums *frame_sums = calloc(frame_count, sizeof(*frame_sums));
    int rc = frame_sums == NULL ? PYRO_E_NOMEM : PYRO_OK;
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++) {
        struct sums *of = &frame_sums[nodes[i].frame];
        of->under += sums[i].under;
        of->own += sums[i].own;
        of->stills += sums[i].stills;
        of->own_stills += sums[i].own_stills;
    }
    if (rc == PYRO_OK)
        rc = find_calls(paths->data, paths->len, nodes, frames, &calls);
    if (rc == PYRO_OK)
        rc = judge_calls(calls.data, calls.len, frame_sums);
    if (rc == PYRO_OK)
        rc = judge(paths->data, paths->len, calls.data, sums);
    free(frame_sums);
    pyro_base_vec_release(&calls);
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
    struct sums *sums = calloc(node_count, sizeof(*sums));
    int rc = path_of == NULL || sums == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = find_paths(nodes, node_count, frames, &paths, path_of);
    if (rc == PYRO_OK) {
        count_samples(nodes, node_count, paths.data, paths.len, path_of, sums);
        rc = judge_all(&paths, nodes, node_count, frames, sums);
    }
    free(sums);
    if (rc == PYRO_OK)
        rc = pyro_profile_find_homes(paths.data, paths.len);
    for (size_t i = 0; i < node_count && rc == PYRO_OK; i++)
        target[i] = target_of(nodes, (uint32_t)i, node_map, paths.data, path_of, target);
    free(path_of);
    pyro_base_vec_release(&paths);
    return rc;
}
