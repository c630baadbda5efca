/*
 * What is derived from the nodes' own samples: totals, and the sums of functions, lines and
 * edges, each counted once a sample however often it recurs in it.  Linear in nodes.
 */
#include "profile_priv.h"

#include <stdlib.h>
#include <string.h>

#define MOVED_MOST 0.05 /* of a function's own samples */

bool pyro_profile_is_unsure(const struct pyro_function_sums *sums)
{
    return (double)sums->moved > MOVED_MOST * (double)sums->self;
}

/* Totals bottom-up; nodes that no sample is at or under are taken out, parents stay first. */
static int prune(struct pyro_profile *p)
{
    uint32_t *now = malloc((p->node_count + 1) * sizeof(*now));
    if (now == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < p->node_count; i++)
        p->nodes[i].total = p->nodes[i].self;
    for (size_t i = p->node_count; i-- > 0;) {
        if (p->nodes[i].parent != PYRO_NONE)
            p->nodes[p->nodes[i].parent].total += p->nodes[i].total;
    }
    uint32_t kept = 0;
    for (size_t i = 0; i < p->node_count; i++) {
        struct pyro_node node = p->nodes[i];
        now[i] = PYRO_NONE;
        if (node.total == 0)
            continue;
        if (node.parent != PYRO_NONE)
            node.parent = now[node.parent];
        now[i] = kept;
        p->nodes[kept++] = node;
    }
    const bool pruned = kept < p->node_count; /* else all nodes are where they were */
    p->node_count = kept;
    for (size_t t = 0; t < p->thread_count && pruned; t++) {
        struct pyro_thread *thread = &p->threads[t];
        for (size_t i = 0; i < thread->run_count; i++)
            if (thread->runs[i].node != PYRO_NONE)
                thread->runs[i].node = now[thread->runs[i].node];
    }
    free(now);
    return PYRO_OK;
}

static int totals(const struct pyro_profile *p, const struct pyro_links *links, const uint32_t *key,
                  size_t keys, uint64_t *total)
{
    return pyro_profile_links_totals(links, &p->nodes->parent, sizeof(*p->nodes), key, keys,
                                     &p->nodes->total, sizeof(*p->nodes), total);
}

static int sum_functions(struct pyro_profile *p, const struct pyro_links *links, uint32_t *key,
                         uint64_t *total)
{
    p->function_sums =
        pyro_base_arena_alloc(p->arena, (p->function_count + 1) * sizeof(*p->function_sums));
    if (p->function_sums == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < p->node_count; i++) {
        key[i] = pyro_profile_function_of(p, (uint32_t)i);
        p->function_sums[key[i]].self += p->nodes[i].self;
        p->function_sums[key[i]].moved += p->nodes[i].moved;
    }
    int rc = totals(p, links, key, p->function_count, total);
    for (size_t i = 0; rc == PYRO_OK && i < p->function_count; i++)
        p->function_sums[i].total = total[i];
    return rc;
}

static int by_function_and_line(const void *a, const void *b)
{
    const struct pyro_line_sums *x = a, *y = b;
    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int sum_lines(struct pyro_profile *p, const struct pyro_links *links, uint32_t *key,
                     uint64_t *total)
{
    struct pyro_map map = {0};
    struct pyro_vec lines = PYRO_VEC(struct pyro_line_sums);
    int rc = PYRO_E_NOMEM;
    for (size_t i = 0; i < p->node_count; i++) {
        const struct pyro_frame *frame = &p->frames[p->nodes[i].frame];
        key[i] = PYRO_NONE;
        if (frame->line == 0)
            continue;
        uint32_t id = pyro_base_map_enter(&map, &lines, frame->function, frame->line);
        if (id == PYRO_MAP_NONE)
            goto out;
        struct pyro_line_sums *line = pyro_base_vec_at(&lines, id);
        line->function = frame->function;
        line->line = frame->line;
        line->self += p->nodes[i].self;
        key[i] = id;
    }
    rc = totals(p, links, key, lines.len, total);
    if (rc < 0)
        goto out;
    for (size_t i = 0; i < lines.len; i++)
        ((struct pyro_line_sums *)pyro_base_vec_at(&lines, i))->total = total[i];
    if (lines.len > 1)
        qsort(lines.data, lines.len, sizeof(struct pyro_line_sums), by_function_and_line);
    p->lines = pyro_base_arena_alloc(p->arena, (lines.len + 1) * sizeof(*p->lines));
    if (p->lines == NULL) {
        rc = PYRO_E_NOMEM;
        goto out;
    }
    if (lines.len > 0)
        memcpy(p->lines, lines.data, lines.len * sizeof(*p->lines));
    p->line_count = lines.len;
out:
    pyro_base_map_release(&map);
    pyro_base_vec_release(&lines);
    return rc;
}

static int sum_edges(struct pyro_profile *p, const struct pyro_links *links, uint32_t *key,
                     uint64_t *total)
{
    struct pyro_map map = {0};
    struct pyro_vec edges = PYRO_VEC(struct pyro_edge);
    int rc = PYRO_E_NOMEM;
    for (size_t i = 0; i < p->node_count; i++) {
        uint32_t parent = p->nodes[i].parent;
        uint32_t callee = pyro_profile_function_of(p, (uint32_t)i);
        uint32_t caller = parent == PYRO_NONE ? PYRO_NONE : pyro_profile_function_of(p, parent);
        uint32_t id = pyro_base_map_enter(&map, &edges, caller, callee);
        if (id == PYRO_MAP_NONE)
            goto out;
        struct pyro_edge *edge = pyro_base_vec_at(&edges, id);
        edge->caller = caller;
        edge->callee = callee;
        key[i] = id;
    }
    rc = totals(p, links, key, edges.len, total);
    if (rc < 0)
        goto out;
    p->edges = pyro_base_arena_alloc(p->arena, (edges.len + 1) * sizeof(*p->edges));
    if (p->edges == NULL) {
        rc = PYRO_E_NOMEM;
        goto out;
    }
    p->edge_count = edges.len;
    for (size_t i = 0; i < edges.len; i++) {
        p->edges[i] = *(struct pyro_edge *)pyro_base_vec_at(&edges, i);
        p->edges[i].total = total[i];
    }
out:
    pyro_base_map_release(&map);
    pyro_base_vec_release(&edges);
    return rc;
}

int pyro_profile_settle(struct pyro_profile *p)
{
    int rc = prune(p);
    if (rc < 0)
        return rc;
    /* Keys are functions, lines or edges: there are never more of them than of these. */
    size_t most = p->node_count > p->function_count ? p->node_count : p->function_count;
    struct pyro_links links;
    uint32_t *key = malloc((p->node_count + 1) * sizeof(*key));
    uint64_t *total = malloc((most + 1) * sizeof(*total));
    rc = pyro_profile_links_init(&links, &p->nodes->parent, sizeof(*p->nodes), p->node_count);
    if (rc == PYRO_OK && (key == NULL || total == NULL))
        rc = PYRO_E_NOMEM;
    if (rc == PYRO_OK)
        rc = sum_functions(p, &links, key, total);
    if (rc == PYRO_OK)
        rc = sum_lines(p, &links, key, total);
    if (rc == PYRO_OK)
        rc = sum_edges(p, &links, key, total);
    if (rc == PYRO_OK)
        rc = pyro_profile_spread(p);
    pyro_profile_links_release(&links);
    free(key);
    free(total);
    return rc;
}

int pyro_profile_totals(const struct pyro_profile *p, const uint32_t *key_of_node, size_t keys,
                        uint64_t *total)
{
    struct pyro_links links;
    int rc = pyro_profile_links_init(&links, &p->nodes->parent, sizeof(*p->nodes), p->node_count);
    if (rc < 0)
        return rc;
    rc = totals(p, &links, key_of_node, keys, total);
    pyro_profile_links_release(&links);
    return rc;
}
