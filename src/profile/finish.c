/*
 * Loading, second half: from the builder's tables to the profile.  Folds unverified paths (once,
 * over the whole recording), lays the samples out by thread and time, works out the counts of
 * "sampling" and what one sample stands for, and fills in what can be inferred.
 */
#include "profile_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Moves a vector's content into the arena; the result is never NULL when it succeeds. */
static void *into_arena(struct pyro_profile *p, const struct pyro_vec *vec)
{
    void *to = pyro_base_arena_alloc(p->arena, (vec->len + 1) * vec->elem);
    if (to != NULL && vec->len > 0)
        memcpy(to, vec->data, vec->len * vec->elem);
    return to;
}

static int by_tick(const void *a, const void *b)
{
    const struct pyro_run *x = a, *y = b;
    return x->tick < y->tick ? -1 : x->tick > y->tick;
}

/* Runs grouped by thread, in time order; stretches at one node and in one state that follow each
 * other without a gap become one.  (A discarded sample is a gap.) */
static int lay_out(struct pyro_profile_builder *b)
{
    struct pyro_profile *p = b->profile;
    const struct pyro_build_sample *samples = b->samples.data;
    size_t *next = calloc(b->threads.len + 1, sizeof(*next));
    p->runs = pyro_base_arena_alloc(p->arena, (b->samples.len + 1) * sizeof(*p->runs));
    if (next == NULL || p->runs == NULL) {
        free(next);
        return PYRO_E_NOMEM;
    }
    for (size_t i = 0; i < b->samples.len; i++)
        next[samples[i].thread + 1]++;
    for (size_t i = 1; i <= b->threads.len; i++)
        next[i] += next[i - 1];
    for (size_t i = 0; i < b->samples.len; i++) {
        const struct pyro_build_sample *s = &samples[i];
        p->runs[next[s->thread]++] =
            (struct pyro_run){s->thread, s->node, s->tick, s->count, s->state};
    }

    size_t at = 0, kept = 0; /* next[i] is now where thread i ends */
    for (size_t i = 0; i < b->threads.len; i++) {
        size_t start = at;
        bool ordered = true;
        for (at = start; at < next[i]; at++)
            ordered = ordered && (at == start || p->runs[at - 1].tick <= p->runs[at].tick);
        if (!ordered) /* no sound file is like that */
            qsort(&p->runs[start], at - start, sizeof(*p->runs), by_tick);
        for (size_t k = start; k < at; k++) {
            struct pyro_run *last = kept > 0 ? &p->runs[kept - 1] : NULL;
            struct pyro_run run = p->runs[k];
            p->threads[i].samples += run.count;
            if (last != NULL && last->thread == run.thread && last->node == run.node &&
                last->state == run.state && last->tick + last->count == run.tick)
                last->count += run.count;
            else
                p->runs[kept++] = run;
        }
    }
    p->run_count = kept;
    pyro_profile_count_states(p);
    free(next);
    return PYRO_OK;
}

static int by_thread_and_tick(const void *a, const void *b)
{
    const struct pyro_build_beside *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->tick < y->tick ? -1 : x->tick > y->tick;
}

static void sort_beside(struct pyro_vec *list)
{
    if (list->len > 1)
        qsort(list->data, list->len, list->elem, by_thread_and_tick);
}

/* What is told beside the thread's sample at this tick; PYRO_NONE: nothing.  *until becomes the
 * tick up to which that holds, if it is before. */
static uint32_t beside_at(const struct pyro_vec *list, uint32_t thread, uint64_t tick,
                          uint64_t *until)
{
    size_t low = 0, high = list->len; /* the first that ends behind the tick */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pyro_build_beside *at = pyro_base_vec_at(list, middle);
        if (at->thread < thread || (at->thread == thread && at->tick + at->count <= tick))
            low = middle + 1;
        else
            high = middle;
    }
    const struct pyro_build_beside *at = low < list->len ? pyro_base_vec_at(list, low) : NULL;
    if (at == NULL || at->thread != thread)
        return PYRO_NONE;
    bool inside = at->tick <= tick;
    uint64_t end = inside ? at->tick + at->count : at->tick;
    if (*until > end)
        *until = end;
    return inside ? at->value : PYRO_NONE;
}

/* The beginning of a run of samples, as far as all that is told beside it is one: its state, and
 * where its own path is not kept, the path that it is charged to: the second read's, if that is
 * kept, else where its upper half is at home, else what is left of its own. */
static struct pyro_build_sample choose_some(struct pyro_profile_builder *b, const uint32_t *target,
                                            struct pyro_build_sample s)
{
    bool kept = s.node == PYRO_NONE || target[s.node] == s.node;
    uint64_t until = s.tick + s.count;
    uint32_t state = beside_at(&b->states, s.thread, s.tick, &until);
    uint32_t second = kept ? PYRO_NONE : beside_at(&b->seconds, s.thread, s.tick, &until);
    s.count = until - s.tick;
    s.state = state == PYRO_NONE ? 0 : state;
    if (kept)
        return s;
    const struct pyro_build_node *nodes = b->nodes.data;
    uint32_t own = s.node;
    s.node = second != PYRO_NONE && target[second] == second ? second : target[own];
    bool whole = s.node == second || nodes[s.node].depth == nodes[own].depth;
    s.moved = s.moved || whole;
    if (whole)
        b->profile->sampling.moved += s.count;
    else
        b->profile->sampling.folded += s.count;
    return s;
}

/* Makes each sample's node the one that it is charged to. */
static int choose_paths(struct pyro_profile_builder *b, const uint32_t *target)
{
    struct pyro_vec chosen = PYRO_VEC(struct pyro_build_sample);
    const struct pyro_build_sample *samples = b->samples.data;
    int rc = PYRO_OK;
    sort_beside(&b->seconds);
    sort_beside(&b->states);
    for (size_t i = 0; i < b->samples.len && rc == PYRO_OK; i++) {
        struct pyro_build_sample rest = samples[i];
        while (rest.count > 0 && rc == PYRO_OK) {
            struct pyro_build_sample some = choose_some(b, target, rest);
            struct pyro_build_sample *to = pyro_base_vec_push(&chosen);
            if (to == NULL)
                rc = PYRO_E_NOMEM;
            else
                *to = some;
            rest.tick += some.count;
            rest.count -= some.count;
        }
    }
    pyro_base_vec_release(&b->samples);
    b->samples = chosen;
    return rc;
}

static int place_samples(struct pyro_profile_builder *b)
{
    struct pyro_profile *p = b->profile;
    const struct pyro_build_node *nodes = b->nodes.data;
    uint32_t *target = malloc((b->nodes.len + 1) * sizeof(*target));
    p->nodes = pyro_base_arena_alloc(p->arena, (b->nodes.len + 1) * sizeof(*p->nodes));
    int rc = target == NULL || p->nodes == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = pyro_profile_fold(nodes, b->nodes.len, &b->node_map, p->frames, b->samples.data,
                               b->samples.len, b->stills.data, b->stills.len, target);
    if (rc == PYRO_OK)
        rc = choose_paths(b, target);
    if (rc == PYRO_OK) {
        p->node_count = b->nodes.len;
        for (size_t i = 0; i < p->node_count; i++) {
            p->nodes[i].parent = nodes[i].parent;
            p->nodes[i].frame = nodes[i].frame;
        }
        for (size_t i = 0; i < b->samples.len; i++) {
            const struct pyro_build_sample *s = pyro_base_vec_at(&b->samples, i);
            p->samples += s->count;
            if (s->node == PYRO_NONE) {
                p->outside += s->count;
                continue;
            }
            struct pyro_node *node = &p->nodes[s->node];
            node->self += s->count;
            if (s->moved)
                node->moved += s->count;
        }
        rc = lay_out(b);
    }
    free(target);
    return rc;
}

/* Module-level code has no function object to ask: the other functions of its file tell, where
 * they all tell the same. */
static int infer_modules(struct pyro_profile *p)
{
    struct pyro_map by_file = {0}; /* the file's bytes are unique -> a function with a module */
    int rc = PYRO_OK;
    for (size_t i = 0; i < p->function_count && rc == PYRO_OK; i++) {
        const struct pyro_function *f = &p->functions[i];
        if (f->module.size == 0)
            continue;
        uint64_t file = (uintptr_t)f->file.bytes;
        uint32_t other = pyro_base_map_get(&by_file, file, 0);
        if (other == PYRO_MAP_NONE)
            rc = pyro_base_map_put(&by_file, file, 0, (uint32_t)i);
        else if (other != PYRO_NONE - 1 && p->functions[other].module.bytes != f->module.bytes)
            rc = pyro_base_map_put(&by_file, file, 0, PYRO_NONE - 1); /* they disagree */
    }
    for (size_t i = 0; i < p->function_count && rc == PYRO_OK; i++) {
        struct pyro_function *f = &p->functions[i];
        uint32_t other = pyro_base_map_get(&by_file, (uintptr_t)f->file.bytes, 0);
        if (f->module.size == 0 && other < p->function_count)
            f->module = p->functions[other].module;
    }
    pyro_base_map_release(&by_file);
    return rc;
}

static int by_file_and_line(const void *a, const void *b)
{
    const struct pyro_source *x = a, *y = b;
    int order = pyro_format_compare(x->file, y->file);
    if (order != 0)
        return order;
    return x->first_line < y->first_line ? -1 : x->first_line > y->first_line;
}

static void count_sampling(struct pyro_profile_builder *b)
{
    struct pyro_profile *p = b->profile;
    struct pyro_sampling *s = &p->sampling;
    double span = 0.0, between = 0.0;
    uint64_t kept = 0, planned_ticks = 0, period = 0;
    for (size_t i = 0; i < b->streams.len; i++) {
        const struct pyro_build_stream *stream = pyro_base_vec_at(&b->streams, i);
        if (!stream->samples)
            continue;
        if (!p->has_samples)
            period = stream->period_ns;
        p->has_samples = true;
        kept += stream->ticks;
        if (stream->ticks < 2 || stream->last_ns <= stream->first_ns)
            continue;
        uint64_t covered = stream->last_ns - stream->first_ns;
        span += (double)covered;
        between += (double)(stream->ticks - 1);
        if (stream->period_ns > 0)
            planned_ticks += covered / stream->period_ns + 1;
    }
    if (period > 0)
        s->rate_hz = 1e9 / (double)period;

    /* The file's own samples are the truth; the status knows of those that never got into it. */
    uint64_t seen = b->in_file + b->status.lost;
    uint64_t told = b->status.taken > b->frameless ? b->status.taken - b->frameless : 0;
    s->taken = seen > told ? seen : told;
    s->lost = s->taken - (b->in_file - b->dangling);
    s->discarded = b->discarded > b->status.discarded ? b->discarded : b->status.discarded;
    s->planned = s->discarded + s->taken;
    s->assumed = b->status.assumed;
    s->broken = b->status.broken;
    if (b->saw_status && b->status.ticks >= kept) {
        s->ticks = b->status.ticks;
        s->missed = b->status.missed;
    } else {
        s->ticks = planned_ticks > kept ? planned_ticks : kept;
        s->missed = s->ticks - kept;
    }

    /* A kept tick stands for the mean time between two; the samples of threads that were
     * discarded are shared out among those that were not. */
    if (between > 0.0)
        p->ns_per_sample = span / between;
    else
        p->ns_per_sample = (double)period;
    uint64_t good = b->in_file + b->frameless;
    if (good > 0)
        p->ns_per_sample *= (double)(good + b->discarded) / (double)good;
}

/* Of the interpreters that one process ran, the last one ended with it. */
static void give_exit_status(struct pyro_profile *p)
{
    struct pyro_process *last = p->process_count > 0 ? &p->processes[0] : NULL;
    for (size_t i = 1; i < p->process_count; i++)
        if (p->processes[i].pid == p->processes[0].pid)
            last = &p->processes[i];
    if (last != NULL && last->exit_status == INT32_MIN)
        last->exit_status = p->exit_status;
}

static int sum_up(struct pyro_profile_builder *b, enum pyro_ending ending)
{
    struct pyro_profile *p = b->profile;
    p->ending = ending;
    p->exit_status = INT32_MIN;
    p->sampler_cpu_ns = b->status.sampler_cpu_ns;
    p->peak_rss = b->status.target_peak_rss;
    p->wall_ns = b->status.target_wall_ns;
    p->cpu_ns = b->status.target_cpu_ns;
    if (b->saw_end) {
        p->exit_status = b->end.exit_status;
        p->wall_ns = b->end.wall_ns;
        p->cpu_ns = b->end.cpu_ns;
        give_exit_status(p);
    } else if (p->wall_ns == 0 && b->status.mono_ns > b->head_mono_ns) {
        p->wall_ns = b->status.mono_ns - b->head_mono_ns;
    }
    for (size_t i = 0; i < p->process_count && p->python.size == 0; i++)
        p->python = p->processes[i].python;
    count_sampling(b);

    if (b->damages > 10 &&
        pyro_profile_build_warning(b, "%" PRIu64 " more stretches of the recording cannot be read.",
                                   b->damages - 10) < 0)
        return PYRO_E_NOMEM;
    if (b->dangling > 0 &&
        pyro_profile_build_warning(b,
                                   "%" PRIu64 " samples were lost: what they refer to is in a "
                                   "part of the recording that cannot be read.",
                                   b->dangling) < 0)
        return PYRO_E_NOMEM;
    if (p->sampling.lost > b->dangling &&
        pyro_profile_build_warning(b,
                                   "%" PRIu64 " samples were taken but are not in the "
                                   "recording.",
                                   p->sampling.lost - b->dangling) < 0)
        return PYRO_E_NOMEM;
    if (b->dropped_facts > 0 &&
        pyro_profile_build_warning(b,
                                   "%" PRIu64 " entries of the recording make no sense where "
                                   "they stand and were left out.",
                                   b->dropped_facts) < 0)
        return PYRO_E_NOMEM;
    for (size_t i = 0; i < b->unknown.len; i++) {
        const struct pyro_str *name = pyro_base_vec_at(&b->unknown, i);
        if (pyro_profile_build_warning(b,
                                       "The recording also holds %.*s, which this version does "
                                       "not read.",
                                       name->size > 200 ? 200 : (int)name->size, name->bytes) < 0)
            return PYRO_E_NOMEM;
    }
    return PYRO_OK;
}

static int finish(struct pyro_profile_builder *b, enum pyro_ending ending)
{
    struct pyro_profile *p = b->profile;
    if (b->sources.len > 1)
        qsort(b->sources.data, b->sources.len, sizeof(struct pyro_source), by_file_and_line);
    p->functions = into_arena(p, &b->functions);
    p->frames = into_arena(p, &b->frames);
    p->threads = into_arena(p, &b->threads);
    p->processes = into_arena(p, &b->processes);
    p->ticks = into_arena(p, &b->ticks);
    p->sources = into_arena(p, &b->sources);
    p->unknown = into_arena(p, &b->unknown);
    if (!p->functions || !p->frames || !p->threads || !p->processes || !p->ticks || !p->sources ||
        !p->unknown)
        return PYRO_E_NOMEM;
    p->function_count = b->functions.len;
    p->frame_count = b->frames.len;
    p->thread_count = b->threads.len;
    p->process_count = b->processes.len;
    p->tick_count = b->ticks.len;
    p->source_count = b->sources.len;
    p->unknown_count = b->unknown.len;

    int rc = place_samples(b);
    if (rc == PYRO_OK)
        rc = pyro_profile_settle(p);
    if (rc == PYRO_OK)
        rc = infer_modules(p);
    if (rc == PYRO_OK)
        rc = sum_up(b, ending);
    if (rc < 0)
        return rc;
    p->warnings = into_arena(p, &b->warnings);
    p->warning_count = b->warnings.len;
    return p->warnings == NULL ? PYRO_E_NOMEM : PYRO_OK;
}

int pyro_profile_builder_finish(struct pyro_profile_builder *b, enum pyro_ending ending,
                                struct pyro_profile **out, struct pyro_error *err)
{
    int rc = finish(b, ending);
    *out = NULL;
    if (rc == PYRO_OK) {
        *out = b->profile;
        b->profile = NULL;
    } else {
        pyro_base_fail(err, rc, "There is not enough memory for the profile.");
    }
    pyro_profile_builder_free(b);
    return rc;
}

void pyro_profile_free(struct pyro_profile *p)
{
    if (p == NULL)
        return;
    if (p->arena != NULL)
        pyro_base_arena_free(p->arena);
    free(p);
}
