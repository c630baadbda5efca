/*
 * Children of a tree that is given by parents (each parent before its children), and the one walk
 * that all sums come from.  No recursion and no stack: trees may be as deep as they have nodes.
 */
#include "profile_priv.h"

#include <stdlib.h>
#include <string.h>

static uint32_t word_at(const uint32_t *first, size_t stride, size_t i)
{
    return *(const uint32_t *)((const char *)first + i * stride);
}

int pyro_profile_links_init(struct pyro_links *links, const uint32_t *parent, size_t stride,
                            size_t count)
{
    *links = (struct pyro_links){.root = PYRO_NONE};
    if (count >= UINT32_MAX)
        return PYRO_E_NOMEM;
    links->first = malloc((count + 1) * sizeof(uint32_t));
    links->next = malloc((count + 1) * sizeof(uint32_t));
    if (links->first == NULL || links->next == NULL) {
        pyro_profile_links_release(links);
        return PYRO_E_NOMEM;
    }
    memset(links->first, 0xff, count * sizeof(uint32_t));
    for (size_t i = count; i-- > 0;) { /* backwards: siblings come out in order */
        uint32_t up = word_at(parent, stride, i);
        uint32_t *head = up == PYRO_NONE ? &links->root : &links->first[up];
        links->next[i] = *head;
        *head = (uint32_t)i;
    }
    return PYRO_OK;
}

void pyro_profile_links_release(struct pyro_links *links)
{
    free(links->first);
    free(links->next);
    links->first = links->next = NULL;
}

int pyro_profile_links_totals(const struct pyro_links *links, const uint32_t *parent,
                              size_t parent_stride, const uint32_t *key, size_t keys,
                              const uint64_t *weight, size_t weight_stride, uint64_t *total)
{
    uint32_t *open = calloc(keys + 1, sizeof(uint32_t)); /* how often a key is on the path */
    if (open == NULL)
        return PYRO_E_NOMEM;
    memset(total, 0, keys * sizeof(uint64_t));

    uint32_t node = links->root;
    while (node != PYRO_NONE) {
        uint32_t k = key[node];
        if (k != PYRO_NONE && open[k]++ == 0)
            total[k] += *(const uint64_t *)((const char *)weight + node * weight_stride);
        if (links->first[node] != PYRO_NONE) {
            node = links->first[node];
            continue;
        }
        for (;;) { /* leave it, and every parent that it was the last child of */
            if (key[node] != PYRO_NONE)
                open[key[node]]--;
            if (links->next[node] != PYRO_NONE) {
                node = links->next[node];
                break;
            }
            node = word_at(parent, parent_stride, node);
            if (node == PYRO_NONE)
                break;
        }
    }
    free(open);
    return PYRO_OK;
}
