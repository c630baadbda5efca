/*
 * The machine had no CPU for threads that were ready to run: the program was not slow, or not only.
 * By the kernel's own figures, told as samples of the same time.
 */
#include "findings_priv.h"

#define LEAST_NS UINT64_C(100000000)

int findings_busy_machine(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    uint64_t ran = 0, delayed = 0;
    for (size_t i = 0; i < p->thread_count; i++) {
        if (p->threads[i].samples == 0) /* filtered away */
            continue;
        ran += p->threads[i].ran_ns;
        delayed += p->threads[i].delayed_ns;
    }
    if (delayed < LEAST_NS || !(p->ns_per_sample > 0.0))
        return 0;
    out->share = (double)delayed / (double)(ran + delayed);
    out->samples = (uint64_t)((double)delayed / p->ns_per_sample);
    out->of = (uint64_t)((double)(ran + delayed) / p->ns_per_sample);
    if (out->share < least || out->of == 0)
        return 0;
    findings_say(out,
                 "The machine was busy: for %.0f %% of the time that threads could run they had no "
                 "CPU",
                 100.0 * out->share);
    return 1;
}
