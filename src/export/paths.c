/*
 * The profile's tree at the grain of an export.
 */
#include "export_priv.h"

#include <stdlib.h>

static int collect(const struct pyro_profile *p, const struct pyro_labels *labels,
                   struct pyro_paths *out, uint32_t *deepest)
{
    struct pyro_map known = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->node_count; i++) {
        const struct pyro_node *node = &p->nodes[i];
        uint32_t parent = node->parent == PYRO_NONE ? PYRO_NONE : out->of_node[node->parent];
        uint32_t path = pyro_base_map_get(&known, parent, labels->of_node[i]);
        if (path == PYRO_MAP_NONE) {
            path = (uint32_t)out->count++;
            uint32_t depth = parent == PYRO_NONE ? 1 : out->paths[parent].depth + 1;
            out->paths[path] =
                (struct pyro_path){.parent = parent, .label = labels->of_node[i], .depth = depth};
            *deepest = depth > *deepest ? depth : *deepest;
            rc = pyro_base_map_put(&known, parent, labels->of_node[i], path);
        }
        out->paths[path].self += node->self;
        out->of_node[i] = path;
    }
    pyro_base_map_release(&known);
    return rc;
}

int pyro_export_paths(const struct pyro_profile *p, const struct pyro_labels *labels,
                      struct pyro_paths *out)
{
    uint32_t deepest = 0;

    *out = (struct pyro_paths){
        .paths = calloc(p->node_count + 1, sizeof *out->paths),
        .of_node = calloc(p->node_count + 1, sizeof *out->of_node),
    };
    int rc = out->paths && out->of_node ? collect(p, labels, out, &deepest) : PYRO_E_NOMEM;
    if (rc == 0) {
        out->labels = calloc((size_t)deepest + 1, sizeof *out->labels);
        rc = out->labels ? 0 : PYRO_E_NOMEM;
    }
    if (rc)
        pyro_export_paths_release(out);
    return rc;
}

size_t pyro_export_path(const struct pyro_paths *paths, uint32_t path)
{
    size_t depth = path == PYRO_NONE ? 0 : paths->paths[path].depth;
    for (size_t at = depth; at > 0; path = paths->paths[path].parent)
        paths->labels[--at] = paths->paths[path].label;
    return depth;
}

void pyro_export_paths_release(struct pyro_paths *paths)
{
    free(paths->paths);
    free(paths->of_node);
    free(paths->labels);
    *paths = (struct pyro_paths){0};
}
