/*
 * Samples at each node by what their threads did.
 */
#include "findings_priv.h"

#include <stdlib.h>

void findings_shows(enum pyro_state state, int8_t shows[PYRO_FACTS])
{
    for (uint32_t facts = 0; facts < PYRO_FACTS; facts++)
        shows[facts] = (int8_t)pyro_profile_shows(facts, state);
}

struct tally *findings_tally(const struct pyro_profile *p, const uint32_t *line_of)
{
    struct tally *nodes = calloc(p->node_count + 1, sizeof *nodes);
    int8_t cpu[PYRO_FACTS], waiting[PYRO_FACTS], gc[PYRO_FACTS], gil[PYRO_FACTS], idle[PYRO_FACTS];
    findings_shows(PYRO_STATE_CPU, cpu);
    findings_shows(PYRO_STATE_WAITING, waiting);
    findings_shows(PYRO_STATE_COLLECTING, gc);
    findings_shows(PYRO_STATE_HOLDS_GIL, gil);
    findings_shows(PYRO_STATE_IDLE, idle);
    for (size_t t = 0; nodes != NULL && t < p->thread_count; t++)
        for (size_t i = 0; i < p->threads[t].run_count; i++) {
            const struct pyro_run *run = &p->threads[t].runs[i];
            if (run->node == PYRO_NONE)
                continue;
            struct tally *node = &nodes[run->node];
            node->ran += cpu[run->state] == 1 ? run->count : 0;
            node->waited += waiting[run->state] == 1 ? run->count : 0;
            node->collected += gc[run->state] == 1 ? run->count : 0;
            node->held += gil[run->state] == 1 ? run->count : 0;
            node->idle += idle[run->state] == 1 ? run->count : 0;
        }
    if (nodes != NULL && findings_contended(p, line_of, nodes) < 0) {
        free(nodes);
        return NULL;
    }
    return nodes;
}
