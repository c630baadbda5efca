/*
 * Time that goes to the garbage collector, and where most of it is set off.
 */
#include "findings_priv.h"

#include <stdlib.h>

int findings_collector(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    uint64_t most = 0, *of;
    out->samples = p->states[PYRO_STATE_COLLECTING];
    out->of = p->states_known[PYRO_STATE_COLLECTING];
    if (out->samples == 0 || (double)out->samples < least * (double)out->of)
        return 0;
    of = calloc(p->function_count + 1, sizeof *of);
    if (of == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < p->node_count; i++) {
        uint32_t function = pyro_profile_function_of(p, (uint32_t)i);
        of[function] += e->nodes[i].collected;
        if (of[function] > most) {
            most = of[function];
            out->function = function;
        }
    }
    free(of);
    out->share = (double)out->samples / (double)out->of;
    findings_say(out, "%.0f %% of %s goes to the garbage collector", 100.0 * out->share,
                 findings_time(p));
    if (out->function != PYRO_NONE) {
        const struct pyro_function *f = &p->functions[out->function];
        findings_say(out, ", most of it while in ");
        findings_say_name(out, p, f);
        findings_say(out, ", ");
        findings_say_place(out, f, f->first_line);
    }
    return 1;
}
