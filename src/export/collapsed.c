/*
 * Collapsed stacks, as flame graph tools read them: `bottom;...;top COUNT`, a line for each path
 * with samples of its own.  A frame is `QUALNAME (FILE:LINE)`.  With threads, the lowest frame is
 * the thread, and below it its process where there are several.
 */
#include "export_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    FILE *to;
    const struct pyro_profile *p;
    const struct pyro_labels *labels;
    struct pyro_paths *paths;
};

/* A line for each path that has samples; prefix: what is below all of them. */
static void put_lines(const struct lines *l, const char *prefix, const uint64_t *samples)
{
    for (size_t i = 0; i < l->paths->count && !ferror(l->to); i++) {
        if (samples[i] == 0)
            continue;
        fputs(prefix, l->to);
        size_t depth = pyro_export_path(l->paths, (uint32_t)i);
        for (size_t at = 0; at < depth; at++)
            fprintf(l->to, "%s%s", at ? ";" : "", l->labels->labels[l->paths->labels[at]].text);
        fprintf(l->to, " %" PRIu64 "\n", samples[i]);
    }
}

/* "process 4242;MainThread (4242);": the process where there are several. */
static int thread_prefix(const struct pyro_profile *p, const struct pyro_thread *thread,
                         struct pyro_buf *out)
{
    char text[64];
    pyro_base_buf_clear(out);
    if (p->process_count > 1 && thread->process < p->process_count) {
        snprintf(text, sizeof text, "process %d;", (int)p->processes[thread->process].pid);
        pyro_base_put(out, text, strlen(text));
    }
    snprintf(text, sizeof text, thread->name.size ? " (%" PRId64 ");" : "thread %" PRId64 ";",
             thread->tid);
    pyro_export_put_name(out, thread->name, ";", PYRO_EXPORT_LONGEST_NAME);
    pyro_base_put(out, text, strlen(text) + 1);
    return out->failed ? PYRO_E_NOMEM : 0;
}

static int put_threads(const struct lines *l)
{
    const struct pyro_profile *p = l->p;
    uint64_t *samples = calloc(l->paths->count + 1, sizeof *samples);
    struct pyro_buf prefix = {0};
    int rc = samples ? 0 : PYRO_E_NOMEM;
    for (size_t t = 0; t < p->thread_count && rc == 0; t++) {
        memset(samples, 0, l->paths->count * sizeof *samples);
        for (size_t i = 0; i < p->threads[t].run_count; i++) {
            const struct pyro_run *run = &p->threads[t].runs[i];
            if (run->node != PYRO_NONE)
                samples[l->paths->of_node[run->node]] += run->count;
        }
        rc = thread_prefix(p, &p->threads[t], &prefix);
        if (rc == 0)
            put_lines(l, (const char *)prefix.data, samples);
    }
    free(samples);
    pyro_base_buf_release(&prefix);
    return rc;
}

static int put_all(const struct lines *l)
{
    uint64_t *samples = calloc(l->paths->count + 1, sizeof *samples);
    if (samples == NULL)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < l->paths->count; i++)
        samples[i] = l->paths->paths[i].self;
    put_lines(l, "", samples);
    free(samples);
    return 0;
}

static int collapsed(FILE *to, const struct pyro_profile *p,
                     const struct pyro_export_options *options, struct pyro_error *err)
{
    struct pyro_labels labels = {0};
    struct pyro_paths paths = {0};

    int rc = pyro_export_labels(p, options->frames, true, &labels);
    if (rc == 0)
        rc = pyro_export_paths(p, &labels, &paths);
    const struct lines lines = {to, p, &labels, &paths};
    if (rc == 0)
        rc = options->threads ? put_threads(&lines) : put_all(&lines);
    pyro_export_paths_release(&paths);
    pyro_export_labels_release(&labels);
    return rc ? pyro_base_fail(err, rc, "Cannot export: %s.", pyro_base_code_text(rc)) : 0;
}

const struct pyro_export_format pyro_export_collapsed = {
    .name = "collapsed",
    .ending = ".collapsed",
    .holds = "Stacks and their numbers of samples; no times, no order in time, threads as frames.",
    .write = collapsed,
};
