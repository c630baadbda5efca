/*
 * Threads that wait for the GIL.  The kernel says that a thread sleeps, not for what.  It is taken
 * to wait for the GIL if, at that moment, another thread of its process has it, and it stands at a
 * line at which threads are also seen holding it: a line that computes, not one that waits for
 * something else (there threads have given it away nearly all the time).
 */
#include "findings_priv.h"

#include <stdlib.h>

#define COMPUTES 0.05 /* of a line's samples this share hold the GIL: it computes */

struct line {
    uint64_t holding, sleeping;
};

static bool is_held(const uint8_t *held, uint64_t tick)
{
    return held[tick / 8] >> tick % 8 & 1;
}

/* At which ticks has a thread the GIL?  (A tick belongs to one process.)  And what is seen of each
 * line. */
static void look(const struct pyro_profile *p, const uint32_t *line_of, uint8_t *held,
                 struct line *lines)
{
    for (size_t i = 0; i < p->run_count; i++) {
        const struct pyro_run *run = &p->runs[i];
        uint32_t line = run->node == PYRO_NONE ? PYRO_NONE : line_of[run->node];
        bool holds = pyro_profile_shows(run->state, PYRO_STATE_HOLDS_GIL) == 1;
        for (uint64_t k = 0; holds && k < run->count && run->tick + k < p->tick_count; k++)
            held[(run->tick + k) / 8] |= (uint8_t)(1 << (run->tick + k) % 8);
        if (line == PYRO_NONE)
            continue;
        lines[line].holding += holds ? run->count : 0;
        if (pyro_profile_shows(run->state, PYRO_STATE_IDLE) == 1)
            lines[line].sleeping += run->count;
    }
}

static uint64_t held_during(const struct pyro_profile *p, const struct pyro_run *run,
                            const uint8_t *held)
{
    uint64_t count = 0;
    for (uint64_t k = 0; k < run->count && run->tick + k < p->tick_count; k++)
        count += is_held(held, run->tick + k);
    return count;
}

uint64_t *findings_contended(const struct pyro_profile *p, const uint32_t *line_of)
{
    uint8_t *held = calloc(p->tick_count / 8 + 1, 1);
    struct line *lines = calloc(p->line_count + 1, sizeof *lines);
    uint64_t *contended = calloc(p->run_count + 1, sizeof *contended);
    bool whole = held != NULL && lines != NULL && contended != NULL;
    if (whole)
        look(p, line_of, held, lines);
    for (size_t i = 0; whole && i < p->run_count; i++) {
        const struct pyro_run *run = &p->runs[i];
        uint32_t at = run->node == PYRO_NONE ? PYRO_NONE : line_of[run->node];
        if (at == PYRO_NONE || pyro_profile_shows(run->state, PYRO_STATE_IDLE) != 1)
            continue;
        double seen = (double)(lines[at].holding + lines[at].sleeping);
        if ((double)lines[at].holding >= COMPUTES * seen)
            contended[i] = held_during(p, run, held);
    }
    free(held);
    free(lines);
    if (whole)
        return contended;
    free(contended);
    return NULL;
}

int findings_gil(const struct pyro_profile *p, double least, struct pyro_finding *out)
{
    uint32_t *line_of = findings_lines_of(p), best = 0;
    uint64_t *contended = line_of == NULL ? NULL : findings_contended(p, line_of);
    uint64_t *of = calloc(p->line_count + 1, sizeof *of);
    int rc = contended == NULL || of == NULL ? PYRO_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < p->run_count; i++) {
        if (contended[i] == 0)
            continue;
        uint32_t line = line_of[p->runs[i].node];
        out->samples += contended[i];
        of[line] += contended[i];
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
        findings_say_name(out, f);
        findings_say(out, ", ");
        findings_say_place(out, f, out->line);
        rc = 1;
    }
    free(line_of);
    free(contended);
    free(of);
    return rc;
}
