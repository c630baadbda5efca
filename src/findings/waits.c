/*
 * The lines at which threads wait.
 */
#include "findings_priv.h"

#include <stdlib.h>

uint64_t findings_waits_at(const struct evidence *e, size_t node)
{
    return e->nodes[node].waited - e->nodes[node].contended;
}

static int by_samples(const void *a, const void *b)
{
    const struct pyro_wait *x = a, *y = b;
    if (x->samples != y->samples)
        return x->samples < y->samples ? 1 : -1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Who holds the GIL, or collects, may sleep meanwhile: that is not what was asked about. */
static bool is_about_waits(enum pyro_state state)
{
    return state == PYRO_STATE_ANY || state == PYRO_STATE_WAITING || state == PYRO_STATE_IDLE;
}

int findings_waits(const struct evidence *e, struct pyro_waits *out)
{
    const struct pyro_profile *p = e->p;
    if (!is_about_waits(p->state))
        return PYRO_OK;
    out->list = calloc(p->line_count + 1, sizeof *out->list);
    if (out->list == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < p->line_count; i++)
        out->list[i].line = (uint32_t)i;
    for (size_t i = 0; i < p->node_count; i++) {
        out->samples += findings_waits_at(e, i);
        if (e->line_of[i] != PYRO_NONE)
            out->list[e->line_of[i]].samples += findings_waits_at(e, i);
    }
    out->of = p->states_known[PYRO_STATE_WAITING];
    qsort(out->list, p->line_count, sizeof *out->list, by_samples);
    while (out->count < p->line_count && out->list[out->count].samples > 0)
        out->count++;
    return PYRO_OK;
}

void pyro_findings_release_waits(struct pyro_waits *waits)
{
    free(waits->list);
    *waits = (struct pyro_waits){0};
}
