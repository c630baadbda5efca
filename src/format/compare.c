/*
 * The order of texts: by their bytes, whatever these are.
 */
#include "format.h"

#include <string.h>

int pyro_format_compare(struct pyro_str a, struct pyro_str b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.bytes, b.bytes, size) : 0;
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}
