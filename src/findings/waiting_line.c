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

int findings_waiting_line(const struct pyro_profile *p, double least, struct pyro_finding *out)
{
    uint32_t *line_of = findings_lines_of(p), best = PYRO_NONE;
    uint64_t *samples = calloc(p->line_count + 1, sizeof *samples), most = 0, of = 0;
    uint64_t *by_node = calloc(p->node_count + 1, sizeof *by_node);
    uint64_t *contended = line_of == NULL ? NULL : findings_contended(p, line_of);
    int rc = samples == NULL || by_node == NULL || contended == NULL ? PYRO_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < p->run_count; i++) {
        const struct pyro_run *run = &p->runs[i];
        int waits = pyro_profile_shows(run->state, PYRO_STATE_WAITING);
        if (run->node == PYRO_NONE || waits < 0 || (waits && is_between_threads(p, run->node)))
            continue;
        of += run->count;
        uint32_t line = line_of[run->node];
        if (!waits || line == PYRO_NONE)
            continue;
        uint64_t count = run->count - contended[i];
        by_node[run->node] += count;
        samples[line] += count;
        if (samples[line] > most) {
            most = samples[line];
            best = line;
        }
    }
    if (rc == 0 && best != PYRO_NONE && (double)most >= least * (double)of) {
        const struct pyro_function *f = &p->functions[p->lines[best].function];
        out->function = p->lines[best].function;
        out->line = p->lines[best].line;
        out->caller = findings_caller_of(p, line_of, by_node, best);
        out->samples = most;
        out->of = of;
        out->share = (double)most / (double)of;
        findings_say(out, "%.0f %% of %s is spent waiting in ", 100.0 * out->share,
                     findings_time(p));
        findings_say_name(out, f);
        findings_say(out, ", ");
        findings_say_place(out, f, out->line);
        findings_say_source(out, p, f, out->line);
        if (out->caller != PYRO_NONE) {
            findings_say(out, ", called from ");
            findings_say_name(out, &p->functions[out->caller]);
        }
        rc = 1;
    }
    free(line_of);
    free(samples);
    free(by_node);
    free(contended);
    return rc;
}
