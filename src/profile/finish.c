/*
 * Loading, second half: from the builder's tables to the profile.  Folds unverified paths (once,
 * over the whole recording), makes the threads' tracks their runs, works out the counts of
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

/* The run at the node that its samples are charged to.  Where all that is left of a mix is its
 * caller, that is the second read's, if that is kept. */
static struct pyro_run choose(struct pyro_profile_builder *b, const uint32_t *target,
                              struct pyro_run run, uint32_t second)
{
    const struct pyro_build_node *nodes = b->nodes.data;
    uint32_t own = run.node;
    if (own == PYRO_NONE || target[own] == own)
        return run;
    run.node = target[own];
    bool only_caller = pyro_profile_ancestor(nodes, own, nodes[run.node].depth) == run.node;
    if (only_caller && second != PYRO_NONE && target[second] == second)
        run.node = second;
    if (run.node == second || nodes[run.node].depth == nodes[own].depth) {
        run.moved = 1;
        b->profile->sampling.moved += run.count;
    } else {
        b->profile->sampling.folded += run.count;
    }
    return run;
}

static void count(struct pyro_profile *p, const struct pyro_run *run)
{
    p->samples += run->count;
    if (run->node == PYRO_NONE) {
        p->outside += run->count;
        return;
    }
    struct pyro_node *node = &p->nodes[run->node];
    node->self += run->count;
    if (run->moved)
        node->moved += run->count;
}

/* Stretches at one node and in one state that follow each other without a gap become one.  (A
 * discarded sample is a gap.) */
static void join(struct pyro_vec *runs)
{
    struct pyro_run *all = runs->data;
    size_t kept = 0;
    for (size_t i = 0; i < runs->len; i++) {
        if (kept > 0 && pyro_profile_goes_on(&all[kept - 1], &all[i]))
            all[kept - 1].count += all[i].count;
        else
            all[kept++] = all[i];
    }
    runs->len = kept;
}

/* A thread's track becomes its runs. */
static void lay_out(struct pyro_profile_builder *b, const uint32_t *target, size_t thread)
{
    struct pyro_profile *p = b->profile;
    struct pyro_track *track = pyro_base_vec_at(&b->tracks, thread);
    struct pyro_run *runs = track->runs.data;
    const uint32_t *second = track->seconds.data;
    bool ordered = true;
    for (size_t i = 0; i < track->runs.len; i++) {
        runs[i] = choose(b, target, runs[i], runs[i].second ? *second++ : PYRO_NONE);
        count(p, &runs[i]);
        p->threads[thread].samples += runs[i].count;
        runs[i].moved = runs[i].second = 0;
        ordered = ordered && (i == 0 || runs[i - 1].tick <= runs[i].tick);
    }
    pyro_base_vec_release(&track->seconds);
    if (!ordered) /* no sound file is like that */
        qsort(runs, track->runs.len, sizeof(*runs), by_tick);
    join(&track->runs);
    pyro_profile_give_runs(p, thread, &track->runs);
}

static int place_samples(struct pyro_profile_builder *b)
{
    struct pyro_profile *p = b->profile;
    const struct pyro_build_node *nodes = b->nodes.data;
    uint32_t *target = malloc((b->nodes.len + 1) * sizeof(*target));
    p->nodes = pyro_base_arena_alloc(p->arena, (b->nodes.len + 1) * sizeof(*p->nodes));
    int rc = target == NULL || p->nodes == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = pyro_profile_fold(nodes, b->nodes.len, &b->node_map, p->frames, target);
    if (rc == PYRO_OK) {
        p->node_count = b->nodes.len;
        for (size_t i = 0; i < p->node_count; i++) {
            p->nodes[i].parent = nodes[i].parent;
            p->nodes[i].frame = nodes[i].frame;
        }
        for (size_t i = 0; i < p->thread_count; i++)
            lay_out(b, target, i);
        pyro_profile_count_states(p);
    }
    free(target);
    return rc;
}

/* When each began is not in the file: where the one before ended, the first with the thread's first
 * sample.  It ended in the batch that told it, so that where others are missing it is later. */
static int place_delays(struct pyro_profile_builder *b)
{
    struct pyro_profile *p = b->profile;
    for (size_t t = 0; t < p->thread_count; t++) {
        struct pyro_thread *thread = &p->threads[t];
        const struct pyro_track *track = pyro_base_vec_at(&b->tracks, t);
        uint64_t at = 0;
        if (thread->run_count > 0 && thread->runs[0].tick < p->tick_count)
            at = pyro_profile_tick_ns(p, thread->runs[0].tick);
        thread->delays = into_arena(p, &track->delays);
        if (thread->delays == NULL)
            return PYRO_E_NOMEM;
        thread->delay_count = track->delays.len;
        for (size_t i = 0; i < thread->delay_count; i++) {
            struct pyro_delay *delay = &thread->delays[i];
            if (delay->at_ns > delay->over_ns && at < delay->at_ns - delay->over_ns)
                at = delay->at_ns - delay->over_ns;
            delay->at_ns = at > b->head_mono_ns ? at - b->head_mono_ns : 0;
            at += delay->over_ns;
        }
    }
    return PYRO_OK;
}

/* Module-level code has no function object to ask: the other functions of its file tell, where
 * they all tell the same.  "<string>" is no file: who made a function of one says nothing of
 * others.
 */
static int infer_modules(struct pyro_profile *p)
{
    const struct pyro_str string = {"<string>", strlen("<string>")};
    struct pyro_map by_file = {0}; /* the file's bytes are unique -> a function with a module */
    int rc = PYRO_OK;
    for (size_t i = 0; i < p->function_count && rc == PYRO_OK; i++) {
        const struct pyro_function *f = &p->functions[i];
        if (f->module.size == 0 || pyro_format_compare(f->file, string) == 0)
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
    int rc = pyro_profile_settle_batch(b);
    if (rc < 0)
        return rc;
    if (b->sources.len > 1)
        qsort(b->sources.data, b->sources.len, sizeof(struct pyro_source), by_file_and_line);
    p->functions = into_arena(p, &b->functions);
    p->frames = into_arena(p, &b->frames);
    p->threads = into_arena(p, &b->threads);
    p->processes = into_arena(p, &b->processes);
    p->tick_bases = into_arena(p, &b->tick_bases);
    p->sources = into_arena(p, &b->sources);
    p->unknown = into_arena(p, &b->unknown);
    if (!p->functions || !p->frames || !p->threads || !p->processes || !p->tick_bases ||
        !p->sources || !p->unknown)
        return PYRO_E_NOMEM;
    p->function_count = b->functions.len;
    p->frame_count = b->frames.len;
    p->thread_count = b->threads.len;
    p->process_count = b->processes.len;
    p->tick_base_count = b->tick_bases.len;
    p->ticks = b->ticks.data; /* by far the longest: it is handed over, not copied */
    p->tick_count = b->ticks.len;
    b->ticks = PYRO_VEC(uint32_t);
    p->source_count = b->sources.len;
    p->unknown_count = b->unknown.len;

    rc = place_samples(b);
    if (rc == PYRO_OK)
        rc = place_delays(b);
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
    for (size_t i = 0; p->threads != NULL && i < p->thread_count; i++)
        free(p->threads[i].runs);
    free(p->ticks);
    if (p->arena != NULL)
        pyro_base_arena_free(p->arena);
    free(p);
}
