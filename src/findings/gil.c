/*
 * Threads that wait for the GIL.  The kernel says that a thread sleeps, not for what.  It is taken
 * to wait for the GIL if, at that moment, another thread of its process has it, and it stands at a
 * line at which threads are also seen holding it: a line that computes, not one that waits for
 * something else (there threads have given it away nearly all the time).
 */
#include "findings_priv.h"

#include <stdlib.h>

#define COMPUTES 0.05 /* of a line's samples this share hold the GIL: it computes */

static bool is_held(const uint8_t *held, uint64_t tick)
{
    return held[tick / 8] >> tick % 8 & 1;
}

/* At which ticks has a thread the GIL?  (A tick belongs to one process.) */
static void look(const struct pyro_profile *p, const int8_t *holds, uint8_t *held)
{
    for (size_t t = 0; t < p->thread_count; t++)
        for (size_t i = 0; i < p->threads[t].run_count; i++) {
            const struct pyro_run *run = &p->threads[t].runs[i];
            if (holds[run->state] != 1)
                continue;
            for (uint64_t k = run->tick; k < run->tick + run->count && k < p->tick_count; k++)
                held[k / 8] |= (uint8_t)(1 << k % 8);
        }
}

static uint64_t held_during(const struct pyro_profile *p, const struct pyro_run *run,
                            const uint8_t *held)
{
    uint64_t count = 0;
    for (uint64_t k = run->tick; k < run->tick + run->count && k < p->tick_count; k++)
        count += is_held(held, k);
    return count;
}

/* computes[line]: threads are seen there that hold the GIL. */
static bool *lines_that_compute(const struct pyro_profile *p, const uint32_t *line_of,
                                const struct tally *nodes)
{
    struct {
        uint64_t held, idle;
    } *lines = calloc(p->line_count + 1, sizeof *lines);
    bool *computes = calloc(p->line_count + 1, sizeof *computes);
    for (size_t i = 0; lines != NULL && i < p->node_count; i++)
        if (line_of[i] != PYRO_NONE) {
            lines[line_of[i]].held += nodes[i].held;
            lines[line_of[i]].idle += nodes[i].idle;
        }
    for (size_t i = 0; lines != NULL && computes != NULL && i < p->line_count; i++)
        computes[i] = (double)lines[i].held >= COMPUTES * (double)(lines[i].held + lines[i].idle);
    if (lines == NULL) {
        free(computes);
        return NULL;
    }
    free(lines);
    return computes;
}

int findings_contended(const struct pyro_profile *p, const uint32_t *line_of, struct tally *nodes)
{
    int8_t holds[PYRO_FACTS], idle[PYRO_FACTS];
    if (p->thread_count < 2 || p->states[PYRO_STATE_IDLE] == 0)
        return PYRO_OK;
    uint8_t *held = calloc(p->tick_count / 8 + 1, 1);
    bool *computes = lines_that_compute(p, line_of, nodes);
    bool whole = held != NULL && computes != NULL;
    findings_shows(PYRO_STATE_HOLDS_GIL, holds);
    findings_shows(PYRO_STATE_IDLE, idle);
    if (whole)
        look(p, holds, held);
    for (size_t t = 0; whole && t < p->thread_count; t++)
        for (size_t i = 0; i < p->threads[t].run_count; i++) {
            const struct pyro_run *run = &p->threads[t].runs[i];
            uint32_t line = run->node == PYRO_NONE ? PYRO_NONE : line_of[run->node];
            if (line != PYRO_NONE && idle[run->state] == 1 && computes[line])
                nodes[run->node].contended += held_during(p, run, held);
        }
    free(held);
    free(computes);
    return whole ? PYRO_OK : PYRO_E_NOMEM;
}

int findings_gil(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    uint64_t *of = calloc(p->line_count + 1, sizeof *of);
    uint32_t best = 0;
    int rc = of == NULL ? PYRO_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < p->node_count; i++) {
        uint64_t contended = e->nodes[i].contended;
        if (contended == 0)
            continue;
        uint32_t line = e->line_of[i];
        out->samples += contended;
        of[line] += contended;
        if (of[line] > of[best])
            best = line;
    }
    out->of = out->samples + p->states[PYRO_STATE_CPU];
    if (rc == 0 && out->samples > 0 && (double)out->samples >= least * (double)out->of) {
        const struct pyro_function *f = &p->functions[p->lines[best].function];
        out->function = p->lines[best].function;
        out->line = p->lines[best].line;
        out->share = (double)out->samples / (double)out->of;
        findings_say(out,
                     "Threads wait for the GIL for %.0f %% of the time that they could run, most "
                     "of it in ",
                     100.0 * out->share);
        findings_say_name(out, p, f);
        findings_say(out, ", ");
        findings_say_place(out, f, out->line);
        rc = 1;
    }
    free(of);
    return rc;
}
