/*
 * The line at which threads sleep in the kernel most.  Threads that wait for other threads of the
 * same program, in the standard library's own queues and locks, say nothing about why the program
 * waits: they are left out of both sides.
 */
#include "findings_priv.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_FROM 0.05 /* of the other samples: so many left out are spoken of */

static bool ends_with(struct pyro_str text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.bytes + text.size - size, end, size) == 0;
}

static bool is_between_threads(const struct pyro_profile *p, uint32_t function)
{
    static const char *const files[] = {"/threading.py", "/queue.py",
                                        "/concurrent/futures/_base.py",
                                        "/concurrent/futures/thread.py"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (ends_with(p->functions[function].file, files[i]))
            return true;
    return false;
}

/* The line that most wait at, apart from those; NULL: there is none. */
static const struct pyro_wait *find_most(const struct evidence *e)
{
    for (size_t i = 0; i < e->waits->count; i++)
        if (!is_between_threads(e->p, e->p->lines[e->waits->list[i].line].function))
            return &e->waits->list[i];
    return NULL;
}

/* Samples that run, or wait for something else than those do.  *left_out: those that do as they. */
static uint64_t count_all(const struct evidence *e, uint64_t *left_out)
{
    uint64_t of = 0;
    *left_out = 0;
    for (size_t i = 0; i < e->p->node_count; i++) {
        bool between = is_between_threads(e->p, pyro_profile_function_of(e->p, (uint32_t)i));
        of += e->nodes[i].ran + (between ? 0 : e->nodes[i].waited);
        *left_out += between ? e->nodes[i].waited : 0;
    }
    return of;
}

/* The function that called the line's own at most of those samples, if it is another one than that;
 * PYRO_NONE: none. */
static uint32_t caller_of(const struct evidence *e, uint32_t line)
{
    const struct pyro_profile *p = e->p;
    uint64_t most = 0, *of = calloc(p->function_count + 1, sizeof *of);
    uint32_t best = PYRO_NONE;
    for (size_t i = 0; of != NULL && i < p->node_count; i++) {
        uint32_t function = pyro_profile_function_of(p, (uint32_t)i), at = (uint32_t)i;
        if (e->line_of[i] != line || findings_waits_at(e, i) == 0)
            continue;
        while (at != PYRO_NONE && pyro_profile_function_of(p, at) == function)
            at = p->nodes[at].parent;
        if (at == PYRO_NONE)
            continue;
        uint32_t caller = pyro_profile_function_of(p, at);
        of[caller] += findings_waits_at(e, i);
        if (of[caller] > most) {
            most = of[caller];
            best = caller;
        }
    }
    free(of);
    return best;
}

int findings_waiting_line(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    const struct pyro_wait *wait = find_most(e);
    uint64_t left_out, of = count_all(e, &left_out);
    if (wait == NULL || (double)wait->samples < least * (double)of)
        return 0;
    const struct pyro_line_sums *line = &p->lines[wait->line];
    const struct pyro_function *f = &p->functions[line->function];
    out->function = line->function;
    out->line = line->line;
    out->caller = caller_of(e, wait->line);
    out->samples = wait->samples;
    out->of = of;
    out->share = (double)wait->samples / (double)of;
    if ((double)left_out > TOLD_FROM * (double)of)
        findings_say(out, "Waits for other threads aside, ");
    findings_say(out, "%.0f %% of %s is spent waiting in ", 100.0 * out->share, findings_time(p));
    findings_say_name(out, p, f);
    findings_say(out, ", ");
    findings_say_place(out, f, out->line);
    findings_say_source(out, p, f, out->line);
    if (out->caller != PYRO_NONE)
        findings_say_caller(out, p, &p->functions[out->caller]);
    return 1;
}
