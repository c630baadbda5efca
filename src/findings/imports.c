/*
 * Time that goes into importing modules, and which of those that the program names itself takes
 * most (with all that it imports in turn).
 */
#include "findings_priv.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_NS 1e8 /* no one waits for less */

static bool is(struct pyro_str text, const char *other)
{
    return text.size == strlen(other) && memcmp(text.bytes, other, text.size) == 0;
}

static bool imports(const struct pyro_function *f)
{
    return is(f->file, "<frozen importlib._bootstrap>") && is(f->name, "_find_and_load");
}

int findings_imports(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    bool *importing = calloc(p->node_count + 1, sizeof *importing);
    uint32_t *module = malloc((p->node_count + 1) * sizeof *module); /* its function, or none yet */
    uint64_t *of = calloc(p->function_count + 1, sizeof *of), most = 0;
    int rc = importing == NULL || module == NULL || of == NULL ? PYRO_E_NOMEM : 0;
    out->of = p->samples;
    for (size_t i = 0; rc == 0 && i < p->node_count; i++) { /* callers come first */
        uint32_t parent = p->nodes[i].parent, function = pyro_profile_function_of(p, (uint32_t)i);
        const struct pyro_function *f = &p->functions[function];
        bool inside = parent != PYRO_NONE && importing[parent];
        importing[i] = inside || imports(f);
        module[i] = inside ? module[parent] : PYRO_NONE;
        if (inside && module[i] == PYRO_NONE && is(f->name, "<module>"))
            module[i] = function;
        if (!importing[i])
            continue;
        out->samples += p->nodes[i].self;
        if (module[i] == PYRO_NONE)
            continue;
        of[module[i]] += p->nodes[i].self;
        if (of[module[i]] > most) {
            most = of[module[i]];
            out->function = module[i];
        }
    }
    if (rc == 0 && (double)out->samples >= least * (double)out->of && out->samples > 0 &&
        (double)out->samples * p->ns_per_sample >= LEAST_NS) {
        out->share = (double)out->samples / (double)out->of;
        findings_say(out, "%.0f %% of %s goes into imports", 100.0 * out->share, findings_time(p));
        if (out->function != PYRO_NONE) {
            const struct pyro_function *f = &p->functions[out->function];
            findings_say(out, ", %.0f %% of it into ", 100.0 * (double)most / (double)out->samples);
            if (f->module.size > 0)
                findings_say(out, "`%.*s`, ", f->module.size > 100 ? 100 : (int)f->module.size,
                             f->module.bytes);
            findings_say_place(out, f, f->first_line);
        }
        rc = 1;
    }
    free(importing);
    free(module);
    free(of);
    return rc;
}
