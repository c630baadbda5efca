/*
 * The machine had no CPU for threads that were ready to run: the program was not slow, or not only.
 * By the kernel's own figures, told as samples of the same time; and when that was, if most of it
 * was in a small part of the recording.
 */
#include "findings_priv.h"

#include <math.h>
#include <stdlib.h>

#define LEAST_NS UINT64_C(100000000)
#define MOST 0.8    /* of the delay, ... */
#define PART 0.5    /* ... in this part of the time or less, ... */
#define LEAST_S 4.0 /* ... if that is so long: its seconds are told */

static int by_time(const void *a, const void *b)
{
    const struct pyro_delay *x = a, *y = b;
    return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

static double end_of(const struct pyro_delay *delay)
{
    return (double)delay->at_ns + (double)delay->over_ns;
}

/* The delays of all threads in view, by their time; the caller frees.  NULL: out of memory. */
static struct pyro_delay *collect(const struct pyro_profile *p, size_t *count)
{
    size_t room = 1;
    *count = 0;
    for (size_t i = 0; i < p->thread_count; i++)
        room += p->threads[i].delay_count;
    struct pyro_delay *all = calloc(room, sizeof *all);
    for (size_t i = 0; i < p->thread_count && all != NULL; i++)
        for (size_t k = 0; k < p->threads[i].delay_count && p->threads[i].samples > 0; k++)
            all[(*count)++] = p->threads[i].delays[k];
    if (all != NULL)
        qsort(all, *count, sizeof *all, by_time);
    return all;
}

/* The shortest time that holds most of the delay, ns; false: that is not much shorter than all. */
static bool find_when(const struct pyro_delay *all, size_t count, double *from, double *to)
{
    double sum = 0.0, delayed = 0.0, last = 0.0, best = INFINITY;
    for (size_t i = 0; i < count; i++) {
        delayed += (double)all[i].delayed_ns;
        last = fmax(last, end_of(&all[i]));
    }
    for (size_t first = 0, i = 0; i < count; i++) {
        sum += (double)all[i].delayed_ns;
        while (first < i && sum - (double)all[first].delayed_ns >= MOST * delayed)
            sum -= (double)all[first++].delayed_ns;
        double begin = (double)all[first].at_ns, end = end_of(&all[i]);
        if (sum >= MOST * delayed && end - begin < best) {
            best = end - begin;
            *from = begin;
            *to = end;
        }
    }
    double whole = count > 0 ? last - (double)all[0].at_ns : 0.0;
    return whole >= LEAST_S * 1e9 && best <= PART * whole;
}

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
    size_t count;
    double from = 0.0, to = 0.0;
    struct pyro_delay *all = collect(p, &count);
    if (all == NULL)
        return PYRO_E_NOMEM;
    findings_say(out,
                 "The machine was busy: for %.0f %% of the time that threads could run they had no "
                 "CPU",
                 100.0 * out->share);
    if (find_when(all, count, &from, &to))
        findings_say(out, ", most of it between %.0f s and %.0f s after the start",
                     floor(from / 1e9), ceil(to / 1e9));
    free(all);
    return 1;
}
