/*
 * The function that leads to the cause.  On the way down the heaviest path most functions only
 * pass time on: nearly all they hold is held by one callee too.  Worth naming is one that holds
 * much of the time and where that time parts: into its own code, or into several callees.  Parting
 * at the very top says little (everything is under main), so there only own time counts.  A
 * function with much own time may be called from everywhere and be on no heavy path: it counts by
 * its own share times all of its share (also `Thread.run`, if it is that itself which takes the
 * time).  If even the function chosen has little of the time, there is no cause to name: the time
 * is spread out. What is said of it is said of all of its time, whoever calls it.
 */
#include "findings_priv.h"
#include "stats.h"

#include <string.h>

#define FREE_SHARE 0.75 /* up to this share of all time, parting counts in full; then less ... */
#define TOP_SHARE 0.99  /* ... and from here on not at all */
#define ITSELF 0.90     /* this part of its time in its own code: "in f itself", not "under f" */
#define ALONE 0.95 /* from this part of its time on, who calls it is the only one to be named */
#define FEW_SAMPLES 100

/* What every thread is under says nothing of any of them. */
static bool is_thread_start(const struct pyro_profile *p, uint32_t function)
{
    static const char end[] = "/threading.py";
    struct pyro_str file = p->functions[function].file, name = p->functions[function].name;
    return file.size >= sizeof end - 1 &&
           memcmp(file.bytes + file.size - (sizeof end - 1), end, sizeof end - 1) == 0 &&
           ((name.size == 3 && memcmp(name.bytes, "run", 3) == 0) ||
            (name.size >= 10 && memcmp(name.bytes, "_bootstrap", 10) == 0));
}

static double worth(const struct pyro_profile *p, uint32_t function, double parting)
{
    const struct pyro_function_sums *sums = &p->function_sums[function];
    double all = (double)p->samples, weight = 1.0;
    double share = (double)sums->total / all, self = (double)sums->self / all;
    if (share > FREE_SHARE)
        weight = share < TOP_SHARE ? (TOP_SHARE - share) / (TOP_SHARE - FREE_SHARE) : 0.0;
    return share * (self + parting * weight);
}

/* Share of the time that goes into other callees than the heaviest. */
static double parting(const struct pyro_profile *p, const struct pyro_walk *walk,
                      const struct pyro_step *step)
{
    uint64_t heaviest = step->branch_count > 0 ? walk->branches[step->first_branch].total : 0;
    uint64_t kept = step->self + heaviest; /* recursion: own time elsewhere was counted here */
    return kept < step->total ? (double)(step->total - kept) / (double)p->samples : 0.0;
}

static int choose(const struct pyro_profile *p, uint32_t *function)
{
    struct pyro_walk walk;
    int rc = pyro_profile_walk(p, &walk);
    if (rc < 0)
        return rc;
    double most = -1.0;
    for (size_t i = 1; i < walk.step_count; i++) { /* step 0 is the bottom below all threads */
        const struct pyro_step *step = &walk.steps[i];
        double here = is_thread_start(p, step->function)
                          ? -0.5
                          : worth(p, step->function, parting(p, &walk, step));
        if (here > most) {
            most = here;
            *function = step->function;
        }
    }
    pyro_profile_walk_release(&walk);
    for (uint32_t i = 0; i < p->function_count; i++) {
        double here = worth(p, i, 0.0);
        if (here > most) {
            most = here;
            *function = i;
        }
    }
    return PYRO_OK;
}

/* Nearly all of its time is its own, and the reads were sure of that. */
static bool is_itself(const struct pyro_function_sums *sums)
{
    return !pyro_profile_is_unsure(sums) && (double)sums->self >= ITSELF * (double)sums->total;
}

/* The function, with its share. */
static int find(const struct pyro_profile *p, struct pyro_finding *out, bool *itself)
{
    int rc = choose(p, &out->function);
    if (rc < 0)
        return rc;
    const struct pyro_function_sums *sums = &p->function_sums[out->function];
    *itself = is_itself(sums);
    out->samples = *itself ? sums->self : sums->total;
    out->of = p->samples;
    out->share = (double)out->samples / (double)out->of;
    out->trials = pyro_stats_effective(out->samples, out->of,
                                       *itself ? sums->self_variance : sums->total_variance);
    return PYRO_OK;
}

/* From where most of its time was called: but for recursion. */
static void say_caller(const struct pyro_profile *p, struct pyro_finding *out)
{
    const struct pyro_edge *most = NULL;
    for (size_t i = 0; i < p->edge_count; i++) {
        const struct pyro_edge *edge = &p->edges[i];
        if (edge->callee == out->function && edge->caller != out->function &&
            (most == NULL || edge->total > most->total))
            most = edge;
    }
    if (most == NULL || most->caller == PYRO_NONE)
        return;
    out->caller = most->caller;
    findings_say_caller(out, p, &p->functions[out->caller]);
    if ((double)most->total < ALONE * (double)p->function_sums[out->function].total)
        findings_say(out, " and others");
}

/* "`f` itself, main.py:389, called from `g`" */
static void say_function(const struct pyro_profile *p, bool itself, struct pyro_finding *out)
{
    const struct pyro_function *f = &p->functions[out->function];
    findings_say_name(out, p, f);
    findings_say(out, itself ? " itself, " : ", ");
    findings_say_place(out, f, f->first_line);
    say_caller(p, out);
    if (p->samples < FEW_SAMPLES)
        findings_say(out, " (of only %llu sample%s)", (unsigned long long)p->samples,
                     p->samples == 1 ? "" : "s");
}

int findings_hot_function(const struct evidence *e, double least, struct pyro_finding *out)
{
    bool itself;
    int rc = find(e->p, out, &itself);
    if (rc < 0 || out->share < least)
        return rc;
    findings_say(out, "%.0f %% of %s is %s ", 100.0 * out->share, findings_time(e->p),
                 itself ? "in" : "under");
    say_function(e->p, itself, out);
    return 1;
}

int findings_spread_out(const struct evidence *e, double least, struct pyro_finding *out)
{
    bool itself;
    int rc = find(e->p, out, &itself);
    if (rc < 0 || out->share >= least)
        return rc;
    findings_say(out, "T%s is spread out: the largest part, %.0f %%, is %s ",
                 findings_time(e->p) + 1, 100.0 * out->share, itself ? "in" : "under");
    say_function(e->p, itself, out);
    return 1;
}
