/*
 * The line at which threads sleep in the kernel most.  Threads that wait for other threads of the
 * same program, in the standard library's own queues and locks, say nothing about why the program
 * waits: they are left out of both sides.  Waiting for the GIL is a finding of its own.
 */
#include "findings_priv.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(struct pyro_str text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.bytes + text.size - size, end, size) == 0;
}

static bool is_between_threads(const struct pyro_profile *p, uint32_t node)
{
    static const char *const files[] = {"/threading.py", "/queue.py",
                                        "/concurrent/futures/_base.py",
                                        "/concurrent/futures/thread.py"};
    struct pyro_str file = p->functions[pyro_profile_function_of(p, node)].file;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (ends_with(file, files[i]))
            return true;
    return false;
}

int findings_waiting_line(const struct evidence *e, double least, struct pyro_finding *out)
{
    const struct pyro_profile *p = e->p;
    uint32_t best = PYRO_NONE;
    uint64_t *samples = calloc(p->line_count + 1, sizeof *samples), most = 0, of = 0;
    uint64_t *by_node = calloc(p->node_count + 1, sizeof *by_node);
    int rc = samples == NULL || by_node == NULL ? PYRO_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < p->node_count; i++) {
        const struct tally *node = &e->nodes[i];
        bool apart = !is_between_threads(p, (uint32_t)i);
        of += node->ran + (apart ? node->waited : 0);
        uint32_t line = e->line_of[i];
        if (!apart || line == PYRO_NONE)
            continue;
        by_node[i] = node->waited - node->contended;
        samples[line] += by_node[i];
        if (samples[line] > most) {
            most = samples[line];
            best = line;
        }
    }
    if (rc == 0 && best != PYRO_NONE && (double)most >= least * (double)of) {
        const struct pyro_function *f = &p->functions[p->lines[best].function];
        out->function = p->lines[best].function;
        out->line = p->lines[best].line;
        out->caller = findings_caller_of(p, e->line_of, by_node, best);
        out->samples = most;
        out->of = of;
        out->share = (double)most / (double)of;
        findings_say(out, "%.0f %% of %s is spent waiting in ", 100.0 * out->share,
                     findings_time(p));
        findings_say_name(out, f);
        findings_say(out, ", ");
        findings_say_place(out, f, out->line);
        findings_say_source(out, p, f, out->line);
        if (out->caller != PYRO_NONE)
            findings_say_caller(out, &p->functions[out->caller]);
        rc = 1;
    }
    free(samples);
    free(by_node);
    return rc;
}
