/*
 * speedscope's JSON (https://www.speedscope.app/file-format-schema.json): a profile of type
 * "sampled" for each thread.  Samples are in the order of time; a weight is the wall time that the
 * samples stand for, in whole nanoseconds that add up, or their number where the time is not known.
 * Written as it goes: the file may be larger than memory.
 */
#include "export_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void put_json(FILE *to, struct pyro_str text)
{
    struct pyro_buf safe = {0};

    pyro_export_put_name(&safe, text, "", PYRO_EXPORT_LONGEST_NAME);
    fputc('"', to);
    for (size_t i = 0; i < safe.len && !safe.failed; i++) {
        if (safe.data[i] == '"' || safe.data[i] == '\\')
            fputc('\\', to);
        fputc(safe.data[i], to);
    }
    fputc('"', to);
    pyro_base_buf_release(&safe);
}

static void put_frames(FILE *to, const struct pyro_profile *p, const struct pyro_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        const struct pyro_label *label = &labels->labels[i];
        const struct pyro_function *function = &p->functions[label->function];
        struct pyro_str name = function->qualname.size ? function->qualname : function->name;
        char longer[1400];

        if (label->instruction >= 0) { /* or frames that differ only in it would look the same */
            int size = (int)(name.size < 1300 ? name.size : 1300);
            int n =
                snprintf(longer, sizeof longer, "%.*s +%d", size, name.bytes, label->instruction);
            name = (struct pyro_str){longer, (size_t)n};
        }
        fputs(i ? ",\n{\"name\":" : "\n{\"name\":", to);
        put_json(to, name);
        fputs(",\"file\":", to);
        put_json(to, function->file);
        if (label->line)
            fprintf(to, ",\"line\":%" PRIu32, label->line);
        if (label->column)
            fprintf(to, ",\"col\":%" PRIu32, label->column);
        fputc('}', to);
    }
}

/* What a thread's profile is written from: its runs, neighbours of the same path taken together. */
struct thread_view {
    const struct pyro_profile *p;
    const struct pyro_paths *paths;
    const struct pyro_run *runs;
    size_t count;
    bool timed;  /* weights are ns, not samples */
    double unit; /* of a sample */
};

static uint32_t path_of(const struct thread_view *view, size_t i)
{
    uint32_t node = view->runs[i].node;
    return node == PYRO_NONE ? PYRO_NONE : view->paths->of_node[node];
}

/* Calls `put` for each stretch of one path with its weight.  Weights are differences of rounded
 * sums, so that no rounding adds up. */
static uint64_t stretches(FILE *to, const struct thread_view *view,
                          void (*put)(FILE *, const struct thread_view *, uint32_t, uint64_t, bool))
{
    uint64_t samples = 0, before = 0;
    bool first = true;

    for (size_t i = 0; i < view->count; i++) {
        samples += view->runs[i].count;
        if (i + 1 < view->count && path_of(view, i + 1) == path_of(view, i))
            continue;
        uint64_t now = (uint64_t)llround((double)samples * view->unit);
        if (put)
            put(to, view, path_of(view, i), now - before, first);
        before = now;
        first = false;
    }
    return before;
}

static void put_sample(FILE *to, const struct thread_view *view, uint32_t path, uint64_t weight,
                       bool first)
{
    (void)weight;
    size_t depth = pyro_export_path(view->paths, path);
    fputs(first ? "[" : ",\n[", to);
    for (size_t at = 0; at < depth; at++)
        fprintf(to, at ? ",%" PRIu32 : "%" PRIu32, view->paths->labels[at]);
    fputc(']', to);
}

static void put_weight(FILE *to, const struct thread_view *view, uint32_t path, uint64_t weight,
                       bool first)
{
    (void)view, (void)path;
    fprintf(to, first ? "%" PRIu64 : ",%" PRIu64, weight);
}

static uint64_t start_of(const struct thread_view *view)
{
    const struct pyro_profile *p = view->p;
    uint64_t tick = view->count ? view->runs[0].tick : 0;
    if (!view->timed || tick >= p->tick_count)
        return 0;
    uint64_t first = pyro_profile_tick_ns(p, 0), at = pyro_profile_tick_ns(p, tick);
    return at < first ? 0 : at - first;
}

static void put_thread(FILE *to, const struct thread_view *view, const struct pyro_thread *thread,
                       bool several)
{
    uint64_t start = start_of(view), end = start + stretches(NULL, view, NULL);
    char name[300];
    int size = (int)(thread->name.size < 200 ? thread->name.size : 200);
    int n = snprintf(name, sizeof name, "%.*s%s%" PRId64 "%s", size, size ? thread->name.bytes : "",
                     size ? " (" : "thread ", thread->tid, size ? ")" : "");

    fputs(several ? ",\n{\"type\":\"sampled\",\"name\":" : "\n{\"type\":\"sampled\",\"name\":", to);
    put_json(to, (struct pyro_str){name, (size_t)n});
    fprintf(to, ",\"unit\":\"%s\",\"startValue\":%" PRIu64 ",\"endValue\":%" PRIu64,
            view->timed ? "nanoseconds" : "none", start, end);
    fputs(",\"samples\":[", to);
    stretches(to, view, put_sample);
    fputs("],\n\"weights\":[", to);
    stretches(to, view, put_weight);
    fputs("]}", to);
}

static void put_profiles(FILE *to, const struct pyro_profile *p, const struct pyro_paths *paths)
{
    bool timed = isfinite(p->ns_per_sample) && p->ns_per_sample > 0;
    struct thread_view view = {
        .p = p, .paths = paths, .timed = timed, .unit = timed ? p->ns_per_sample : 1};
    size_t written = 0, active = 0;
    uint64_t most = 0;

    fputs("\"profiles\":[", to);
    for (size_t t = 0; t < p->thread_count && !ferror(to); t++) {
        view.runs = p->threads[t].runs;
        view.count = p->threads[t].run_count;
        if (view.count == 0)
            continue;
        if (p->threads[t].samples > most) {
            most = p->threads[t].samples;
            active = written;
        }
        put_thread(to, &view, &p->threads[t], written > 0);
        written++;
    }
    if (written == 0)
        fputs("\n{\"type\":\"sampled\",\"name\":\"no samples\",\"unit\":\"none\",\"startValue\":0,"
              "\"endValue\":0,\"samples\":[],\"weights\":[]}",
              to);
    fprintf(to, "],\n\"activeProfileIndex\":%zu}\n", active);
}

/* The command, as a title. */
static void put_title(FILE *to, const struct pyro_profile *p)
{
    struct pyro_buf title = {0};
    for (size_t i = 0; i < p->argc; i++) {
        if (i)
            pyro_base_put_u8(&title, ' ');
        pyro_base_put(&title, p->argv[i].bytes, p->argv[i].size);
    }
    put_json(to, title.failed ? (struct pyro_str){"", 0}
                              : (struct pyro_str){(const char *)title.data, title.len});
    pyro_base_buf_release(&title);
}

static int speedscope(FILE *to, const struct pyro_profile *p,
                      const struct pyro_export_options *options, struct pyro_error *err)
{
    struct pyro_labels labels = {0};
    struct pyro_paths paths = {0};

    int rc = pyro_export_labels(p, options->frames, false, &labels);
    if (rc == 0)
        rc = pyro_export_paths(p, &labels, &paths);
    if (rc == 0) {
        fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
              "\"exporter\":\"pyrometer " PYRO_VERSION "\",\n\"name\":",
              to);
        put_title(to, p);
        fputs(",\n\"shared\":{\"frames\":[", to);
        put_frames(to, p, &labels);
        fputs("]},\n", to);
        put_profiles(to, p, &paths);
    }
    pyro_export_paths_release(&paths);
    pyro_export_labels_release(&labels);
    return rc ? pyro_base_fail(err, rc, "Cannot export: %s.", pyro_base_code_text(rc)) : 0;
}

const struct pyro_export_format pyro_export_speedscope = {
    .name = "speedscope",
    .ending = ".speedscope.json",
    .holds = "Stacks in the order of time, by thread; no time between samples, no intervals.",
    .write = speedscope,
};
