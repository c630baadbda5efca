/*
 * One line that much of the time is spent in, running and not waiting.  (The first line of a
 * function is the function: a lambda, a comprehension.)
 */
#include "findings_priv.h"

#include <stdlib.h>

static bool is_first(const struct pyro_profile *p, const struct pyro_line_sums *line)
{
    return p->functions[line->function].first_line == line->line;
}

int findings_hot_line(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    uint32_t best = PYRO_NONE;
    uint64_t *samples = calloc(p->line_count + 1, sizeof *samples), most = 0;
    int rc = samples == NULL ? PYRO_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < p->node_count; i++) {
        uint32_t line = e->line_of[i];
        if (line == PYRO_NONE || is_first(p, &p->lines[line]))
            continue;
        samples[line] += p->nodes[i].self - e->nodes[i].waited;
        if (samples[line] > most) {
            most = samples[line];
            best = line;
        }
    }
    if (rc == 0 && best != PYRO_NONE && (double)most >= least * (double)p->samples) {
        const struct pyro_function *f = &p->functions[p->lines[best].function];
        out->function = p->lines[best].function;
        out->line = p->lines[best].line;
        out->samples = most;
        out->of = p->samples;
        out->share = (double)most / (double)p->samples;
        findings_say(out, "%.0f %% of %s is in one line of ", 100.0 * out->share, findings_time(p));
        findings_say_name(out, p, f);
        findings_say(out, ", ");
        findings_say_place(out, f, out->line);
        findings_say_source(out, p, f, out->line);
        rc = 1;
    }
    free(samples);
    return rc;
}
