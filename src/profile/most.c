/* The most frequent member of each group, which is what a path is compared with. */
#include "profile_priv.h"

uint32_t pyro_profile_most_enter(struct pyro_most *most, uint64_t function, uint64_t caller,
                                 struct pyro_path_times times)
{
    uint32_t group = pyro_base_map_enter(&most->ids, &most->times, function, caller);
    if (group == PYRO_MAP_NONE)
        return group;
    struct pyro_path_times *best = pyro_base_vec_at(&most->times, group);
    if (best->seen < times.seen)
        *best = times;
    return group;
}

struct pyro_path_times pyro_profile_most_of(struct pyro_most *most, uint32_t group)
{
    return *(struct pyro_path_times *)pyro_base_vec_at(&most->times, group);
}

void pyro_profile_most_release(struct pyro_most *most)
{
    pyro_base_map_release(&most->ids);
    pyro_base_vec_release(&most->times);
}
