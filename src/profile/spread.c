/*
 * spread: how well the samples in view tell each function's share of the time.  Along each thread
 * it is counted how often a function comes and goes from one sample to the next; threads are taken
 * as independent of one another.  Only what differs between two stacks is looked at.
 */
#include "profile_priv.h"
#include "stats.h"

#include <stdlib.h>

#define RUNS_MOST (1 << 18) /* looked at: of more, so many in blocks that are spread evenly */
#define BLOCK 1024          /* runs in a row */

struct coming { /* and going, of a function in one thread: anywhere in the stack, or on top */
    uint64_t changes, singles;
    uint64_t changed; /* the sample at which it last did */
};

struct seen { /* a function in one thread */
    struct coming total, self;
    uint32_t frames; /* of it in the stack */
    bool was_on;     /* before the step, if it is in `touched` */
    bool touched, met;
};

struct spread {
    const struct pyro_profile *p;
    uint32_t *depth;         /* of each node */
    struct seen *seen;       /* of each function */
    uint32_t *touched, *met; /* functions: in this step, in this thread */
    size_t touched_count, met_count;
};

static void change(struct coming *c, uint64_t sample)
{
    if (c->changes > 0 && sample - c->changed == 1)
        c->singles++;
    c->changes++;
    c->changed = sample;
}

static double variance_of(const struct coming *c, double part)
{
    return pyro_stats_count_variance((uint64_t)((double)c->changes / part),
                                     (uint64_t)((double)c->singles / part));
}

static struct seen *touch(struct spread *s, uint32_t node)
{
    uint32_t function = pyro_profile_function_of(s->p, node);
    struct seen *seen = &s->seen[function];
    if (!seen->touched) {
        seen->touched = true;
        seen->was_on = seen->frames > 0;
        s->touched[s->touched_count++] = function;
    }
    if (!seen->met) {
        seen->met = true;
        s->met[s->met_count++] = function;
    }
    return seen;
}

/* From one stack to the next, PYRO_NONE being an empty one; counts what comes and goes if they are
 * of samples in a row. */
static void step(struct spread *s, uint32_t from, uint32_t to, uint64_t sample, bool counts)
{
    const struct pyro_node *nodes = s->p->nodes;
    uint32_t top_from = from == PYRO_NONE ? PYRO_NONE : pyro_profile_function_of(s->p, from);
    uint32_t top_to = to == PYRO_NONE ? PYRO_NONE : pyro_profile_function_of(s->p, to);
    while (from != to) {
        bool leaves = to == PYRO_NONE || (from != PYRO_NONE && s->depth[from] >= s->depth[to]);
        if (leaves) {
            touch(s, from)->frames--;
            from = nodes[from].parent;
        } else {
            touch(s, to)->frames++;
            to = nodes[to].parent;
        }
    }
    for (size_t i = 0; i < s->touched_count; i++) {
        struct seen *seen = &s->seen[s->touched[i]];
        seen->touched = false;
        if (counts && seen->was_on != (seen->frames > 0))
            change(&seen->total, sample);
    }
    s->touched_count = 0;
    if (!counts || top_from == top_to)
        return;
    if (top_from != PYRO_NONE)
        change(&s->seen[top_from].self, sample);
    if (top_to != PYRO_NONE)
        change(&s->seen[top_to].self, sample);
}

/* What the thread's samples say, of which a part was looked at, goes to the functions. */
static void end_thread(struct spread *s, struct pyro_function_sums *sums, double part)
{
    for (size_t i = 0; i < s->met_count; i++) {
        struct seen *seen = &s->seen[s->met[i]];
        struct pyro_function_sums *to = &sums[s->met[i]];
        to->total_variance += variance_of(&seen->total, part);
        to->self_variance += variance_of(&seen->self, part);
        *seen = (struct seen){0};
    }
    s->met_count = 0;
}

/* The runs of one thread, the first of which is number `first` among all. */
static void go_along(struct spread *s, const struct pyro_thread *thread, size_t first, size_t every,
                     struct pyro_function_sums *sums)
{
    const struct pyro_run *runs = thread->runs;
    uint32_t node = PYRO_NONE;
    uint64_t sample = 0, looked = 0;
    bool in_row = false;
    for (size_t i = 0; i < thread->run_count; i++) {
        if ((first + i) / BLOCK % every == 0) {
            step(s, node, runs[i].node, sample, in_row);
            node = runs[i].node;
            looked += runs[i].count;
            in_row = true;
        } else if (in_row) {
            step(s, node, PYRO_NONE, sample, false);
            node = PYRO_NONE;
            in_row = false;
        }
        sample += runs[i].count;
    }
    end_thread(s, sums, sample > 0 ? (double)looked / (double)sample : 1.0);
}

int pyro_profile_spread(struct pyro_profile *p)
{
    struct spread s = {
        .p = p,
        .depth = malloc((p->node_count + 1) * sizeof(uint32_t)),
        .seen = calloc(p->function_count + 1, sizeof(struct seen)),
        .touched = malloc((p->function_count + 1) * sizeof(uint32_t)),
        .met = malloc((p->function_count + 1) * sizeof(uint32_t)),
    };
    int rc = s.depth == NULL || s.seen == NULL || s.touched == NULL || s.met == NULL ? PYRO_E_NOMEM
                                                                                     : PYRO_OK;
    for (size_t i = 0; i < p->node_count && rc == PYRO_OK; i++)
        s.depth[i] = p->nodes[i].parent == PYRO_NONE ? 1 : s.depth[p->nodes[i].parent] + 1;
    const size_t every = p->run_count / RUNS_MOST + 1; /* of so many blocks one is looked at */
    size_t first = 0;
    for (size_t i = 0; i < p->thread_count && rc == PYRO_OK; i++) {
        go_along(&s, &p->threads[i], first, every, p->function_sums);
        first += p->threads[i].run_count;
    }
    for (size_t i = 0; i < p->function_count && rc == PYRO_OK; i++) {
        struct pyro_function_sums *sums = &p->function_sums[i];
        sums->self_trials = pyro_stats_effective(sums->self, p->samples, sums->self_variance);
        sums->total_trials = pyro_stats_effective(sums->total, p->samples, sums->total_variance);
    }
    free(s.depth);
    free(s.seen);
    free(s.touched);
    free(s.met);
    return rc;
}
