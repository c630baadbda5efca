/*
 * The way down the heaviest path (see profile.h).  All nodes that share the same chain of
 * functions are taken together, whatever their call sites.  Recursion folds back: a function that
 * is already a step is passed through.  Each node is entered at most once.
 */
#include "profile_priv.h"

#include <stdlib.h>

struct walker {
    const struct pyro_profile *p;
    struct pyro_links links;
    struct pyro_vec steps, branches;
    struct pyro_vec here, below; /* uint32_t: nodes of the current step; their children */
    uint32_t *step_of;           /* by function: its step, or PYRO_NONE */
    uint32_t *branch_of;         /* by function: index from the step's first branch + 1 */
    uint32_t *open;              /* by function: how often it is on the way to where we are */
};

static struct pyro_step *step_at(struct walker *w, size_t i)
{
    return pyro_base_vec_at(&w->steps, i);
}

/* A function called from the current step. */
static int add_branch(struct walker *w, size_t first, uint32_t node)
{
    uint32_t function = pyro_profile_function_of(w->p, node);
    if (w->branch_of[function] == 0) {
        struct pyro_branch *fresh = pyro_base_vec_push(&w->branches);
        if (fresh == NULL)
            return PYRO_E_NOMEM;
        fresh->function = function;
        w->branch_of[function] = (uint32_t)(w->branches.len - first);
    }
    struct pyro_branch *branch = pyro_base_vec_at(&w->branches, first + w->branch_of[function] - 1);
    branch->total += w->p->nodes[node].total;
    branch->self += w->p->nodes[node].self;
    uint32_t *slot = pyro_base_vec_push(&w->below);
    if (slot == NULL)
        return PYRO_E_NOMEM;
    *slot = node;
    return PYRO_OK;
}

/* A node of a function that is a step: its own time and its recursion count there. */
static void enter(struct walker *w, uint32_t node)
{
    uint32_t function = pyro_profile_function_of(w->p, node);
    struct pyro_step *step = step_at(w, w->step_of[function]);
    step->self += w->p->nodes[node].self;
    if (++w->open[function] > step->repeats)
        step->repeats = w->open[function];
}

/* From one node of the current step down through recursion; what is called is a branch. */
static int expand(struct walker *w, size_t first, uint32_t top)
{
    const struct pyro_profile *p = w->p;
    uint32_t node = top, child;
    enter(w, node);
    child = w->links.first[node];
    for (;;) {
        if (child == PYRO_NONE) {
            w->open[pyro_profile_function_of(p, node)]--;
            if (node == top)
                return PYRO_OK;
            child = w->links.next[node];
            node = p->nodes[node].parent;
        } else if (w->step_of[pyro_profile_function_of(p, child)] != PYRO_NONE) {
            node = child;
            enter(w, node);
            child = w->links.first[node];
        } else {
            if (add_branch(w, first, child) < 0)
                return PYRO_E_NOMEM;
            child = w->links.next[child];
        }
    }
}

static int heavier(const void *a, const void *b)
{
    const struct pyro_branch *x = a, *y = b;
    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return x->function < y->function ? -1 : x->function > y->function;
}

/* Ends a step: its branches in order; the next step's nodes.  false: there is no next one. */
static bool descend(struct walker *w, size_t first, struct pyro_branch *next)
{
    struct pyro_branch *branches = pyro_base_vec_at(&w->branches, first);
    size_t count = w->branches.len - first;
    struct pyro_step *step = step_at(w, w->steps.len - 1);
    step->first_branch = first;
    step->branch_count = count;
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        w->branch_of[branches[i].function] = 0;
    qsort(branches, count, sizeof(*branches), heavier);
    *next = branches[0];
    w->here.len = 0;
    const uint32_t *below = w->below.data;
    uint32_t *here = w->here.data; /* has room: reserved by walk */
    for (size_t i = 0; i < w->below.len; i++) {
        if (pyro_profile_function_of(w->p, below[i]) == next->function)
            here[w->here.len++] = below[i];
    }
    w->below.len = 0;
    return true;
}

static int walk(struct walker *w)
{
    const struct pyro_profile *p = w->p;
    if (pyro_base_vec_resize(&w->here, p->node_count + 1) < 0)
        return PYRO_E_NOMEM;
    w->here.len = 0;
    struct pyro_step *bottom = pyro_base_vec_push(&w->steps);
    if (bottom == NULL)
        return PYRO_E_NOMEM;
    *bottom = (struct pyro_step){.function = PYRO_NONE, .total = p->samples, .repeats = 1};
    for (uint32_t node = w->links.root; node != PYRO_NONE; node = w->links.next[node]) {
        if (add_branch(w, 0, node) < 0)
            return PYRO_E_NOMEM;
    }
    struct pyro_branch next;
    for (size_t first = 0; descend(w, first, &next);) {
        first = w->branches.len;
        uint32_t id = (uint32_t)w->steps.len;
        struct pyro_step *step = pyro_base_vec_push(&w->steps);
        if (step == NULL)
            return PYRO_E_NOMEM;
        *step = (struct pyro_step){.function = next.function, .total = next.total};
        w->step_of[next.function] = id;
        for (size_t i = 0; i < w->here.len; i++) {
            if (expand(w, first, *(uint32_t *)pyro_base_vec_at(&w->here, i)) < 0)
                return PYRO_E_NOMEM;
        }
        w->open[next.function] = 1; /* from here on it is below all that comes */
    }
    return PYRO_OK;
}

int pyro_profile_walk(const struct pyro_profile *p, struct pyro_walk *out)
{
    struct walker w = {.p = p,
                       .steps = PYRO_VEC(struct pyro_step),
                       .branches = PYRO_VEC(struct pyro_branch),
                       .here = PYRO_VEC(uint32_t),
                       .below = PYRO_VEC(uint32_t)};
    *out = (struct pyro_walk){0};
    w.step_of = malloc((p->function_count + 1) * sizeof(uint32_t));
    w.branch_of = calloc(p->function_count + 1, sizeof(uint32_t));
    w.open = calloc(p->function_count + 1, sizeof(uint32_t));
    for (size_t i = 0; w.step_of != NULL && i < p->function_count; i++)
        w.step_of[i] = PYRO_NONE;
    int rc = pyro_profile_links_init(&w.links, &p->nodes->parent, sizeof(*p->nodes), p->node_count);
    if (rc == PYRO_OK)
        rc = w.step_of == NULL || w.branch_of == NULL || w.open == NULL ? PYRO_E_NOMEM : walk(&w);
    *out = (struct pyro_walk){w.steps.data, w.steps.len, w.branches.data, w.branches.len};
    pyro_profile_links_release(&w.links);
    pyro_base_vec_release(&w.here);
    pyro_base_vec_release(&w.below);
    free(w.step_of);
    free(w.branch_of);
    free(w.open);
    if (rc < 0)
        pyro_profile_walk_release(out);
    return rc;
}

void pyro_profile_walk_release(struct pyro_walk *walk)
{
    free(walk->steps);
    free(walk->branches);
    *walk = (struct pyro_walk){0};
}
