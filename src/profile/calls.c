/*
 * The same calls may be made on top of many paths, each with a few samples.  So calls are judged as
 * well, counted over all paths: a function called from one instruction, whatever is below; then by
 * that instruction and the one its caller was called from.  A path that ends in a call found to be
 * a mix is one, unless it has proof of its own.
 */
#include "profile_priv.h"

#include <stdlib.h>

#define CALLERS 2 /* callers' instructions that tell one call from another, at most */

struct call {
    uint32_t site, function;
    uint64_t caller; /* the class of what it is called by */
    bool mix;
    struct pyro_path_times times;
};

struct calls {            /* by so many callers */
    struct pyro_vec call; /* struct call */
    struct pyro_vec site; /* struct pyro_site_sums; where they are called */
    struct pyro_map site_ids, call_ids;
    uint32_t *of;    /* the paths' calls, or PYRO_NONE */
    uint32_t *below; /* the same by one caller less; NULL: that is none */
};

/* What the path is like that a call is made on top of, as far as the callers go that count. */
static uint64_t class_of(const struct calls *c, uint32_t path, uint32_t function)
{
    return c->below == NULL ? function : c->below[path];
}

static int enter_call(struct calls *c, const struct pyro_path *path, uint64_t caller,
                      uint32_t frame, uint32_t *out)
{
    uint32_t site = pyro_base_map_enter(&c->site_ids, &c->site, caller, frame);
    if (site == PYRO_MAP_NONE)
        return PYRO_E_NOMEM;
    *out = pyro_base_map_enter(&c->call_ids, &c->call, site, path->function);
    if (*out == PYRO_MAP_NONE)
        return PYRO_E_NOMEM;
    struct call *call = pyro_base_vec_at(&c->call, *out);
    call->site = site;
    call->function = path->function;
    call->caller = caller;
    pyro_profile_add_times(&call->times, path->times);
    return PYRO_OK;
}

/* The calls that the paths end with. */
static int find_calls(struct calls *c, const struct pyro_path *path, size_t count,
                      const struct pyro_build_node *nodes, const struct pyro_frame *frames)
{
    int rc = PYRO_OK;
    for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
        c->of[i] = PYRO_NONE;
        if (path[i].parent == PYRO_NONE)
            continue;
        uint32_t frame = nodes[path[i].from].frame;
        uint64_t caller = class_of(c, path[i].parent, frames[frame].function);
        if (caller != PYRO_NONE)
            rc = enter_call(c, &path[i], caller, frame, &c->of[i]);
    }
    return rc;
}

static void sum_sites(struct calls *c, const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_frame *frames, const uint32_t *path_of,
                      const struct pyro_site_sums *sums)
{
    for (size_t i = 0; i < node_count; i++) {
        uint64_t caller = class_of(c, path_of[i], frames[nodes[i].frame].function);
        uint32_t id = pyro_base_map_get(&c->site_ids, caller, nodes[i].frame);
        if (id == PYRO_MAP_NONE)
            continue;
        struct pyro_site_sums *site = pyro_base_vec_at(&c->site, id);
        site->own += sums[i].own;
        site->under += sums[i].under;
        site->stills += sums[i].stills;
        site->own_stills += sums[i].own_stills;
    }
}

static int judge_calls(struct calls *c)
{
    struct pyro_most most = PYRO_MOST;
    struct call *call = c->call.data;
    int rc = PYRO_OK;
    for (size_t i = 0; i < c->call.len && rc == PYRO_OK; i++)
        if (pyro_profile_most_enter(&most, call[i].function, UINT64_MAX, call[i].times) ==
                PYRO_MAP_NONE ||
            pyro_profile_most_enter(&most, call[i].function, call[i].caller, call[i].times) ==
                PYRO_MAP_NONE)
            rc = PYRO_E_NOMEM;
    for (size_t i = 0; i < c->call.len && rc == PYRO_OK; i++) {
        uint32_t all = pyro_base_map_get(&most.ids, call[i].function, UINT64_MAX);
        uint32_t same = pyro_base_map_get(&most.ids, call[i].function, call[i].caller);
        struct pyro_mix_counts counts = {
            .site = *(struct pyro_site_sums *)pyro_base_vec_at(&c->site, call[i].site),
            .elsewhere = pyro_profile_most_of(&most, all),
            .same_caller = pyro_profile_most_of(&most, same).seen,
        };
        call[i].mix = pyro_profile_is_mix(call[i].times, &counts);
    }
    pyro_profile_most_release(&most);
    return rc;
}

static void mark_paths(struct calls *c, struct pyro_path *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct call *call =
            c->of[i] == PYRO_NONE ? NULL : pyro_base_vec_at(&c->call, c->of[i]);
        if (call != NULL && call->mix && !pyro_profile_is_proven(path[i].times))
            path[i].ends_in_mix = true;
    }
}

int pyro_profile_judge_calls(struct pyro_path *path, size_t count,
                             const struct pyro_build_node *nodes, size_t node_count,
                             const struct pyro_frame *frames, const uint32_t *path_of,
                             const struct pyro_site_sums *sums)
{
    uint32_t *below = NULL;
    int rc = PYRO_OK;
    for (int callers = 1; callers <= CALLERS && rc == PYRO_OK; callers++) {
        struct calls c = {
            .call = PYRO_VEC(struct call),
            .site = PYRO_VEC(struct pyro_site_sums),
            .of = malloc(count * sizeof(*c.of)),
            .below = below,
        };
        rc = c.of == NULL ? PYRO_E_NOMEM : find_calls(&c, path, count, nodes, frames);
        if (rc == PYRO_OK) {
            sum_sites(&c, nodes, node_count, frames, path_of, sums);
            rc = judge_calls(&c);
        }
        if (rc == PYRO_OK)
            mark_paths(&c, path, count);
        pyro_base_map_release(&c.site_ids);
        pyro_base_map_release(&c.call_ids);
        pyro_base_vec_release(&c.call);
        pyro_base_vec_release(&c.site);
        free(below);
        below = c.of;
    }
    free(below);
    return rc;
}
