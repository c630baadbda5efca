/*
 * Which frames came lately under which: the frame of a new node is mostly one that was put under
 * the same parent frame shortly before, and then a small rank says which.  One list of up to
 * PYRO_RECENT frames a parent frame, the latest first; all of it lives within one section, so that
 * a batch can be read without the others.
 */
#include "format_priv.h"

#include <string.h>

void pyro_format_recent_release(struct pyro_recent *recent)
{
    pyro_base_map_release(&recent->contexts);
    pyro_base_vec_release(&recent->lists);
}

static struct pyro_recent_list *list_of(struct pyro_recent *recent, uint64_t context)
{
    uint32_t i = pyro_base_map_get(&recent->contexts, context, 0);
    if (i != PYRO_MAP_NONE)
        return pyro_base_vec_at(&recent->lists, i);
    if (pyro_base_map_put(&recent->contexts, context, 0, (uint32_t)recent->lists.len))
        return NULL;
    return pyro_base_vec_push(&recent->lists);
}

/* Puts `frame` in front; `rank` is where it was, from 1, or 0. */
static void to_front(struct pyro_recent_list *list, unsigned rank, uint32_t frame)
{
    if (!rank) {
        list->count += list->count < PYRO_RECENT;
        rank = list->count;
    }
    memmove(list->frames + 1, list->frames, (rank - 1) * sizeof *list->frames);
    list->frames[0] = frame;
}

int pyro_format_recent_rank(struct pyro_recent *recent, uint64_t context, uint32_t frame)
{
    struct pyro_recent_list *list = list_of(recent, context);
    if (!list)
        return PYRO_E_NOMEM;
    unsigned rank = 1;
    while (rank <= list->count && list->frames[rank - 1] != frame)
        rank++;
    if (rank > list->count)
        rank = 0;
    to_front(list, rank, frame);
    return (int)rank;
}

int pyro_format_recent_take(struct pyro_recent *recent, uint64_t context, unsigned rank,
                            uint32_t *frame)
{
    struct pyro_recent_list *list = list_of(recent, context);
    if (!list)
        return PYRO_E_NOMEM;
    if (rank > list->count)
        return PYRO_E_FORMAT;
    if (rank)
        *frame = list->frames[rank - 1];
    to_front(list, rank, *frame);
    return 0;
}
