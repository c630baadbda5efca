/*
 * One thread that runs nearly all the time while the others of its process wait: what is slow is in
 * that one, and more threads will not help.
 */
#include "findings_priv.h"

#include <stdlib.h>

#define OTHERS 2        /* at least so many */
#define OTHERS_RUN 0.10 /* and none of them runs for more than this share of its own time */

struct times {
    uint64_t ran, known;
};

static double share(const struct times *t)
{
    return t->known > 0 ? (double)t->ran / (double)t->known : 0.0;
}

int findings_saturated_thread(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    struct times *times = calloc(p->thread_count + 1, sizeof *times);
    if (times == NULL)
        return PYRO_E_NOMEM;
    int8_t ran[PYRO_FACTS];
    findings_shows(PYRO_STATE_CPU, ran);
    for (size_t t = 0; t < p->thread_count && p->thread_count > OTHERS; t++)
        for (size_t i = 0; i < p->threads[t].run_count; i++) {
            const struct pyro_run *run = &p->threads[t].runs[i];
            times[t].ran += ran[run->state] == 1 ? run->count : 0;
            times[t].known += ran[run->state] >= 0 ? run->count : 0;
        }
    size_t busiest = 0, others = 0;
    for (size_t i = 1; i < p->thread_count; i++)
        if (times[i].ran > times[busiest].ran)
            busiest = i;
    for (size_t i = 0; i < p->thread_count; i++) {
        /* those that were there for a tenth of its time, of the same process */
        if (i == busiest || p->threads[i].process != p->threads[busiest].process ||
            times[i].known * 10 < times[busiest].known)
            continue;
        others++;
        if (share(&times[i]) > OTHERS_RUN)
            least = 2.0; /* no share is */
    }
    int found = 0;
    if (p->thread_count > 0 && others >= OTHERS && share(&times[busiest]) >= least) {
        const struct pyro_thread *t = &p->threads[busiest];
        out->samples = times[busiest].ran;
        out->of = times[busiest].known;
        out->share = share(&times[busiest]);
        findings_say(out, "One thread, ");
        if (t->name.size > 0)
            findings_say(out, "`%.*s` ", t->name.size > 60 ? 60 : (int)t->name.size, t->name.bytes);
        findings_say(out, "(%lld), runs for %.0f %% of its time, while %zu others wait",
                     (long long)t->tid, 100.0 * out->share, others);
        found = 1;
    }
    free(times);
    return found;
}
