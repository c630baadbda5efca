/*
 * A profile as JSON: docs/internals/report-schema.md has the keys.  Written row by row, so that
 * memory does not grow with the profile.  Output is ASCII (the rest as \u escapes): whatever names
 * hold, nothing of it reaches a terminal raw.  A figure that samples cannot know is null.
 */
#include "report_priv.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10))

struct writer {
    FILE *to;
    const struct pyro_profile *p;
    bool failed, not_first;
};

static json_t *text(const struct writer *w, struct pyro_str raw)
{
    struct pyro_buf buf = {0};
    pyro_report_utf8(&buf, raw.size ? raw.bytes : "", raw.size);
    json_t *out = buf.failed ? NULL : json_stringn(buf.len ? (char *)buf.data : "", buf.len);
    pyro_base_buf_release(&buf);
    return out;
}

static json_t *text_or_null(const struct writer *w, struct pyro_str raw)
{
    return raw.size > 0 ? text(w, raw) : json_null();
}

static json_t *whole(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *whole_or_null(uint64_t n)
{
    return n > 0 ? whole(n) : json_null();
}

static json_t *status(int32_t exit_status)
{
    return exit_status == INT32_MIN ? json_null() : json_integer(exit_status);
}

/* Samples as time of their threads. */
static json_t *time_of(const struct writer *w, uint64_t samples)
{
    double ns = (double)samples * w->p->ns_per_sample;
    if (!(w->p->ns_per_sample > 0.0))
        return json_null();
    return json_integer(ns < 9e18 ? (json_int_t)llround(ns) : INT64_MAX);
}

/* Ends of the 95 % interval of a count, rounded to a hundredth of a sample. */
static void set_interval(const struct writer *w, json_t *row, const char *low, const char *high,
                         uint64_t samples, double trials, bool known)
{
    struct pyro_interval i = pyro_stats_wilson((double)samples / (double)w->p->samples, trials);
    double scale = 100.0 * (double)w->p->samples;
    json_object_set_new(row, low, known ? json_real(round(i.low * scale) / 100.0) : json_null());
    json_object_set_new(row, high, known ? json_real(round(i.high * scale) / 100.0) : json_null());
}

static void set_nulls(json_t *row, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(row, keys[i], json_null());
}

static void put(struct writer *w, const char *bytes)
{
    if (fputs(bytes, w->to) == EOF)
        w->failed = true;
}

/* "key": value, in the outermost object.  Takes the value. */
static void put_key(struct writer *w, const char *key, json_t *value)
{
    put(w, w->not_first ? ",\n\"" : "\"");
    put(w, key);
    put(w, "\": ");
    if (value == NULL || json_dumpf(value, w->to, FLAGS) != 0)
        w->failed = true;
    json_decref(value);
    w->not_first = true;
}

static void open_list(struct writer *w, const char *key)
{
    put(w, w->not_first ? ",\n\"" : "\"");
    put(w, key);
    put(w, "\": [");
    w->not_first = false;
}

static void put_row(struct writer *w, json_t *row)
{
    put(w, w->not_first ? ",\n  " : "\n  ");
    if (row == NULL || json_dumpf(row, w->to, FLAGS) != 0)
        w->failed = true;
    json_decref(row);
    w->not_first = true;
}

static void close_list(struct writer *w)
{
    put(w, "]");
    w->not_first = true;
}

static json_t *texts(const struct writer *w, const struct pyro_str *list, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(out, text(w, list[i]));
    return out;
}

static void put_head(struct writer *w)
{
    static const char *const endings[] = {"complete", "truncated", "killed", "running"};
    const struct pyro_profile *p = w->p;
    put_key(w, "schema", json_string("pyrometer.report/1"));
    put_key(w, "probes", p->has_samples ? json_pack("[s]", "samples") : json_array());
    put_key(w, "command", texts(w, p->argv, p->argc));
    put_key(w, "cwd", text_or_null(w, p->cwd));
    put_key(w, "host", text_or_null(w, p->host));
    put_key(w, "tool", text_or_null(w, p->tool));
    put_key(w, "python", text_or_null(w, p->python));
    put_key(w, "exit_status", status(p->exit_status));
    put_key(w, "ended", json_string(endings[p->ending]));
    put_key(w, "started_ns", whole_or_null(p->start_wall_ns));
    put_key(w, "wall_ns", whole_or_null(p->wall_ns));
    put_key(w, "cpu_ns", whole_or_null(p->cpu_ns));
    put_key(w, "sampler_cpu_ns", whole_or_null(p->sampler_cpu_ns));
    put_key(w, "peak_rss_bytes", whole_or_null(p->peak_rss));
}

static void put_functions(struct writer *w)
{
    static const char *const unknown[] = {"calls", "resumes", "prim_calls", "self_ns_corrected",
                                          "total_ns_corrected"};
    const struct pyro_profile *p = w->p;
    open_list(w, "functions");
    for (size_t i = 0; i < p->function_count; i++) {
        const struct pyro_function *f = &p->functions[i];
        const struct pyro_function_sums *sums = &p->function_sums[i];
        if (sums->total == 0)
            continue;
        bool sure = !pyro_profile_is_unsure(sums);
        json_t *row = json_object();
        json_object_set_new(row, "id", whole(i));
        json_object_set_new(row, "kind", json_string("python"));
        json_object_set_new(row, "qualname", text(w, f->qualname));
        json_object_set_new(row, "name", text(w, f->name));
        json_object_set_new(row, "module", text_or_null(w, f->module));
        json_object_set_new(row, "file", text_or_null(w, f->file));
        json_object_set_new(row, "line", whole(f->first_line));
        set_nulls(row, unknown, 5);
        json_object_set_new(row, "self_ns", time_of(w, sums->self));
        json_object_set_new(row, "total_ns", time_of(w, sums->total));
        json_object_set_new(row, "estimated", json_true());
        json_object_set_new(row, "samples", whole(sums->self));
        set_interval(w, row, "samples_lo", "samples_hi", sums->self, sums->self_trials, sure);
        json_object_set_new(row, "total_samples", whole(sums->total));
        set_interval(w, row, "total_samples_lo", "total_samples_hi", sums->total,
                     sums->total_trials, true);
        json_object_set_new(row, "moved_samples", whole(sums->moved));
        put_row(w, row);
    }
    close_list(w);
}

static void put_edges(struct writer *w)
{
    static const char *const unknown[] = {"calls", "resumes"};
    const struct pyro_profile *p = w->p;
    open_list(w, "edges");
    for (size_t i = 0; i < p->edge_count; i++) {
        const struct pyro_edge *edge = &p->edges[i];
        json_t *row = json_object();
        json_object_set_new(row, "caller",
                            edge->caller == PYRO_NONE ? json_null() : whole(edge->caller));
        json_object_set_new(row, "callee", whole(edge->callee));
        set_nulls(row, unknown, 2);
        json_object_set_new(row, "total_ns", time_of(w, edge->total));
        json_object_set_new(row, "estimated", json_true());
        json_object_set_new(row, "total_samples", whole(edge->total));
        put_row(w, row);
    }
    close_list(w);
}

static void put_lines(struct writer *w)
{
    static const char *const unknown[] = {"hits",        "iterations",  "alloc_bytes",
                                          "alloc_count", "live_bytes",  "live_count",
                                          "peak_bytes",  "native_bytes"};
    const struct pyro_profile *p = w->p;
    open_list(w, "lines");
    for (size_t i = 0; i < p->line_count; i++) {
        const struct pyro_line_sums *line = &p->lines[i];
        json_t *row = json_object();
        json_object_set_new(row, "function", whole(line->function));
        json_object_set_new(row, "file", text_or_null(w, p->functions[line->function].file));
        json_object_set_new(row, "line", whole(line->line));
        set_nulls(row, unknown, 8);
        json_object_set_new(row, "self_ns", time_of(w, line->self));
        json_object_set_new(row, "total_ns", time_of(w, line->total));
        json_object_set_new(row, "estimated", json_true());
        json_object_set_new(row, "samples", whole(line->self));
        json_object_set_new(row, "total_samples", whole(line->total));
        put_row(w, row);
    }
    close_list(w);
}

static void put_sampling(struct writer *w)
{
    const struct pyro_profile *p = w->p;
    const struct pyro_sampling *s = &p->sampling;
    if (!p->has_samples) {
        put_key(w, "sampling", json_null());
        return;
    }
    json_t *row = json_object();
    json_object_set_new(row, "rate_hz", s->rate_hz > 0.0 ? json_real(s->rate_hz) : json_null());
    json_object_set_new(row, "ticks", whole(s->ticks));
    json_object_set_new(row, "missed", whole(s->missed));
    json_object_set_new(row, "planned_samples", whole(s->planned));
    json_object_set_new(row, "discarded", whole(s->discarded));
    json_object_set_new(row, "taken", whole(s->taken));
    json_object_set_new(row, "folded", whole(s->folded));
    json_object_set_new(row, "moved", whole(s->moved));
    json_object_set_new(row, "lost", whole(s->lost));
    json_object_set_new(row, "assumed", whole(s->assumed));
    json_object_set_new(row, "broken", whole(s->broken));
    json_t *states = json_object();
    for (int i = PYRO_STATE_ANY + 1; i < PYRO_STATES; i++)
        json_object_set_new(states, pyro_profile_state_names[i],
                            json_pack("{s:o, s:o}", "samples",
                                      p->states_known[i] ? whole(p->states[i]) : json_null(),
                                      "known", whole(p->states_known[i])));
    json_object_set_new(row, "states", states);
    json_object_set_new(row, "in_view", whole(p->samples));
    json_object_set_new(row, "outside", whole(p->outside));
    json_object_set_new(row, "ns_per_sample",
                        p->ns_per_sample > 0.0 ? json_real(p->ns_per_sample) : json_null());
    put_key(w, "sampling", row);
}

static json_t *delays_of(const struct pyro_thread *thread)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < thread->delay_count; i++) {
        const struct pyro_delay *delay = &thread->delays[i];
        json_t *row = json_object();
        json_object_set_new(row, "at_ns", whole(delay->at_ns));
        json_object_set_new(row, "over_ns", whole(delay->over_ns));
        json_object_set_new(row, "ran_ns", whole(delay->ran_ns));
        json_object_set_new(row, "delayed_ns", whole(delay->delayed_ns));
        json_array_append_new(rows, row);
    }
    return rows;
}

static void put_processes(struct writer *w)
{
    const struct pyro_profile *p = w->p;
    open_list(w, "processes");
    for (size_t i = 0; i < p->process_count; i++) {
        const struct pyro_process *process = &p->processes[i];
        json_t *row = json_object();
        json_object_set_new(row, "pid", json_integer(process->pid));
        json_object_set_new(row, "ppid", json_integer(process->ppid));
        json_object_set_new(row, "argv", texts(w, process->argv, process->argc));
        json_object_set_new(row, "python", text_or_null(w, process->python));
        json_object_set_new(row, "exit_status", status(process->exit_status));
        put_row(w, row);
    }
    close_list(w);

    open_list(w, "threads");
    for (size_t i = 0; i < p->thread_count; i++) {
        const struct pyro_thread *thread = &p->threads[i];
        json_t *row = json_object();
        json_object_set_new(row, "id", json_integer(thread->tid));
        json_object_set_new(row, "name", text_or_null(w, thread->name));
        json_object_set_new(row, "process",
                            thread->process < p->process_count
                                ? json_integer(p->processes[thread->process].pid)
                                : json_null());
        json_object_set_new(row, "samples", whole(thread->samples));
        bool watched = thread->watched_ns > 0;
        json_object_set_new(row, "watched_ns", whole_or_null(thread->watched_ns));
        json_object_set_new(row, "cpu_ns", watched ? whole(thread->ran_ns) : json_null());
        json_object_set_new(row, "run_delay_ns", watched ? whole(thread->delayed_ns) : json_null());
        json_object_set_new(row, "delays", delays_of(thread));
        put_row(w, row);
    }
    close_list(w);
}

static void put_waits(struct writer *w, const struct pyro_waits *waits)
{
    const struct pyro_profile *p = w->p;
    open_list(w, "waits");
    for (size_t i = 0; i < waits->count; i++) {
        const struct pyro_line_sums *line = &p->lines[waits->list[i].line];
        const struct pyro_function *f = &p->functions[line->function];
        struct pyro_str source;
        bool known = pyro_profile_source_text(p, f->file, line->line, &source);
        json_t *row = json_object();
        json_object_set_new(row, "function", whole(line->function));
        json_object_set_new(row, "qualname", text(w, f->qualname));
        json_object_set_new(row, "file", text_or_null(w, f->file));
        json_object_set_new(row, "line", whole(line->line));
        json_object_set_new(row, "source", known ? text(w, source) : json_null());
        json_object_set_new(row, "samples", whole(waits->list[i].samples));
        json_object_set_new(row, "of", whole(waits->of));
        json_object_set_new(row, "share",
                            json_real((double)waits->list[i].samples / (double)waits->of));
        put_row(w, row);
    }
    close_list(w);
}

/* With the lines that wait, which are found beside them. */
static void put_findings(struct writer *w)
{
    struct pyro_finding findings[PYRO_FINDING_KINDS];
    const struct pyro_profile *p = w->p;
    struct pyro_waits waits;
    int count = pyro_findings_find(p, findings, PYRO_FINDING_KINDS, &waits);
    open_list(w, "findings");
    for (int i = 0; i < count; i++) {
        const struct pyro_finding *f = &findings[i];
        const struct pyro_function *at =
            f->function == PYRO_NONE ? NULL : &p->functions[f->function];
        json_t *row = json_object();
        json_object_set_new(row, "kind", json_string(pyro_findings_kind(f->kind)));
        json_object_set_new(row, "text", text(w, (struct pyro_str){f->text, strlen(f->text)}));
        json_object_set_new(row, "function", at ? whole(f->function) : json_null());
        json_object_set_new(row, "file", at ? text_or_null(w, at->file) : json_null());
        json_object_set_new(row, "line",
                            at ? whole(f->line > 0 ? f->line : at->first_line) : json_null());
        json_object_set_new(row, "samples", whole(f->samples));
        json_object_set_new(row, "of", whole(f->of));
        json_object_set_new(row, "share", json_real(f->share));
        json_object_set_new(row, "share_lo", json_real(f->interval.low));
        json_object_set_new(row, "share_hi", json_real(f->interval.high));
        put_row(w, row);
    }
    close_list(w);
    put_waits(w, &waits);
    pyro_findings_release_waits(&waits);
    w->failed |= count < 0;
}

int pyro_report_json(FILE *to, const struct pyro_profile *p)
{
    struct writer w = {.to = to, .p = p};
    put(&w, "{");
    put_head(&w);
    put_functions(&w);
    put_edges(&w);
    put_lines(&w);
    put_sampling(&w);
    put_processes(&w);
    put_findings(&w);
    put_key(&w, "warnings", texts(&w, p->warnings, p->warning_count));
    put(&w, "}\n");
    if (fflush(to) != 0 || w.failed)
        return PYRO_E_IO;
    return PYRO_OK;
}

static json_t *fact_of(uint32_t state, int shift)
{
    unsigned fact = pyro_state_fact(state, shift);
    return fact == PYRO_STATE_YES  ? json_true()
           : fact == PYRO_STATE_NO ? json_false()
                                   : json_null();
}

static json_t *variables_of(const struct writer *w, const struct pyro_report_variables *variables,
                            int64_t tid, uint32_t node, uint32_t frame)
{
    json_t *all = json_object();
    bool known = false;
    for (size_t i = 0; i < variables->count; i++) {
        const struct pyro_report_variable *v = &variables->list[i];
        if (!pyro_report_is_of(v, w->p, tid, node, frame))
            continue;
        known = known || v->name == NULL;
        if (v->name != NULL)
            json_object_set_new(all, v->name, json_string(v->value));
    }
    if (known)
        return all;
    json_decref(all);
    return json_null();
}

static json_t *stack_of(const struct writer *w, const struct pyro_run *run, int64_t tid,
                        const struct pyro_report_variables *variables)
{
    const struct pyro_profile *p = w->p;
    if (run == NULL)
        return json_null();
    uint32_t node = run->node;
    json_t *frames = json_array();
    uint32_t depth = pyro_report_depth(p, node);
    for (; node != PYRO_NONE; node = p->nodes[node].parent) {
        const struct pyro_frame *frame = &p->frames[p->nodes[node].frame];
        const struct pyro_function *f = &p->functions[frame->function];
        json_t *row = json_object();
        json_object_set_new(row, "name", text(w, f->name));
        json_object_set_new(row, "qualname", text(w, f->qualname));
        json_object_set_new(row, "module", text_or_null(w, f->module));
        json_object_set_new(row, "file", text(w, f->file));
        json_object_set_new(row, "line", whole_or_null(frame->line));
        depth--;
        if (variables->list != NULL)
            json_object_set_new(row, "locals", variables_of(w, variables, tid, node, depth));
        json_array_append_new(frames, row);
    }
    return frames;
}

int pyro_report_stacks_json(FILE *to, const struct pyro_profile *p,
                            struct pyro_report_variables variables)
{
    struct writer w = {.to = to, .p = p};
    uint64_t *newest = pyro_report_newest(p);
    if (newest == NULL)
        return PYRO_E_NOMEM;
    put(&w, "{");
    put_key(&w, "schema", json_string("pyrometer.dump/1"));
    put_key(&w, "tool", text(&w, p->tool));
    put_processes(&w);
    open_list(&w, "stacks");
    for (size_t i = 0; i < p->thread_count; i++) {
        const struct pyro_thread *thread = &p->threads[i];
        if (pyro_report_has_ended(p, (uint32_t)i, newest))
            continue;
        json_t *row = json_object();
        json_object_set_new(row, "process",
                            thread->process < p->process_count
                                ? json_integer(p->processes[thread->process].pid)
                                : json_null());
        json_object_set_new(row, "thread", json_integer(thread->tid));
        json_object_set_new(row, "name", text_or_null(&w, thread->name));
        const struct pyro_run *run = pyro_report_last(p, (uint32_t)i);
        const uint32_t state = pyro_report_state(p, (uint32_t)i, newest);
        json_object_set_new(row, "runnable", fact_of(state, PYRO_STATE_RUNNABLE));
        json_object_set_new(row, "holds_gil", fact_of(state, PYRO_STATE_GIL));
        json_object_set_new(row, "collecting", fact_of(state, PYRO_STATE_GC));
        json_object_set_new(row, "frames", stack_of(&w, run, thread->tid, &variables));
        put_row(&w, row);
    }
    close_list(&w);
    put(&w, "}\n");
    free(newest);
    return w.failed ? PYRO_E_IO : PYRO_OK;
}
