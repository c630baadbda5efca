/*
 * Samples by the line they are in.
 */
#include "findings_priv.h"

#include <stdlib.h>

/* The index in p->lines, which are sorted; PYRO_NONE: it has none. */
static uint32_t find_line(const struct pyro_profile *p, uint32_t function, uint32_t line)
{
    size_t low = 0, high = p->line_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyro_line_sums *at = &p->lines[middle];
        if (at->function < function || (at->function == function && at->line < line))
            low = middle + 1;
        else
            high = middle;
    }
    bool found =
        low < p->line_count && p->lines[low].function == function && p->lines[low].line == line;
    return found ? (uint32_t)low : PYRO_NONE;
}

uint32_t *findings_lines_of(const struct pyro_profile *p)
{
    uint32_t *line_of = malloc((p->node_count + 1) * sizeof *line_of);
    for (size_t i = 0; line_of != NULL && i < p->node_count; i++) {
        const struct pyro_frame *frame = &p->frames[p->nodes[i].frame];
        line_of[i] = find_line(p, frame->function, frame->line);
    }
    return line_of;
}
