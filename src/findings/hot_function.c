/*
 * The function that leads to the cause.  On the way down the heaviest path most functions only
 * pass time on: nearly all they hold is held by one callee too.  Worth naming is one that holds
 * much of the time and where that time parts: into its own code, or into several callees.  Parting
 * at the very top says little (everything is under main), so there only own time counts.  If even
 * that function has little of the time, there is no cause to name: the time is spread out.
 */
#include "findings_priv.h"
#include "stats.h"

#include <string.h>

#define FREE_SHARE 0.75 /* up to this share of all time, parting counts in full; then less ... */
#define TOP_SHARE 0.99  /* ... and from here on not at all */
#define ITSELF 0.90     /* this part of its time in its own code: "in f itself", not "under f" */
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

static double score(const struct pyro_profile *p, const struct pyro_walk *walk,
                    const struct pyro_step *step)
{
    double all = (double)p->samples;
    double share = (double)step->total / all, self = (double)step->self / all;
    double heaviest = 0.0;
    if (step->branch_count > 0)
        heaviest = (double)walk->branches[step->first_branch].total / all;
    double parting = share - self - heaviest;
    if (parting < 0.0) /* recursion: its own time elsewhere was counted here */
        parting = 0.0;
    double weight = 1.0;
    if (share > FREE_SHARE)
        weight = share < TOP_SHARE ? (TOP_SHARE - share) / (TOP_SHARE - FREE_SHARE) : 0.0;
    return share * (self + parting * weight);
}

/* Nearly all of its time is its own, and the reads were sure of that. */
static bool is_itself(const struct pyro_profile *p, const struct pyro_step *step)
{
    return !pyro_profile_is_unsure(&p->function_sums[step->function]) &&
           (double)step->self >= ITSELF * (double)step->total;
}

/* The function, with its share. */
static int find(const struct pyro_profile *p, struct pyro_finding *out, bool *itself)
{
    struct pyro_walk walk;
    int rc = pyro_profile_walk(p, &walk);
    if (rc < 0)
        return rc;
    size_t best = 1; /* step 0 is the bottom below all threads */
    double most = -1.0;
    for (size_t i = 1; i < walk.step_count; i++) {
        double worth =
            is_thread_start(p, walk.steps[i].function) ? -0.5 : score(p, &walk, &walk.steps[i]);
        if (worth > most) {
            most = worth;
            best = i;
        }
    }
    const struct pyro_step *step = &walk.steps[best];
    *itself = is_itself(p, step);
    out->function = step->function;
    out->caller = walk.steps[best - 1].function;
    out->samples = *itself ? step->self : step->total;
    out->of = p->samples;
    out->share = (double)out->samples / (double)out->of;
    const struct pyro_function_sums *sums = &p->function_sums[out->function];
    out->trials = pyro_stats_effective(out->samples, out->of,
                                       *itself ? sums->self_variance : sums->total_variance);
    pyro_profile_walk_release(&walk);
    return PYRO_OK;
}

/* "`f` itself, main.py:389, called from `g`" */
static void say_function(const struct pyro_profile *p, bool itself, struct pyro_finding *out)
{
    const struct pyro_function *f = &p->functions[out->function];
    findings_say_name(out, f);
    findings_say(out, itself ? " itself, " : ", ");
    findings_say_place(out, f, f->first_line);
    if (out->caller != PYRO_NONE)
        findings_say_caller(out, &p->functions[out->caller]);
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
