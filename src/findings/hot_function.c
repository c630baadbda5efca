/*
 * The function that leads to the cause.  On the way down the heaviest path most functions only
 * pass time on: nearly all they hold is held by one callee too.  Worth naming is one that holds
 * much of the time and where that time parts: into its own code, or into several callees.  Parting
 * at the very top says little (everything is under main), so there only own time counts.
 */
#include "findings.h"

#include <stdio.h>
#include <string.h>

#define FREE_SHARE 0.75   /* up to this share of all time, parting counts in full; then less ... */
#define TOP_SHARE 0.99    /* ... and from here on not at all */
#define SPREAD_BELOW 0.20 /* a finding smaller than this says that time is spread out */
#define ITSELF 0.90       /* this part of its time in its own code: "in f itself", not "under f" */
#define FEW_SAMPLES 100

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

/* Appends a name between back-quotes, cut to a readable length at a character's edge. */
static size_t put_name(char *out, size_t at, size_t size, const struct pyro_function *f)
{
    struct pyro_str name = f->name;
    if (name.size == 0 || name.bytes[0] == '<' ||
        (name.size > 1 && memcmp(name.bytes, "__", 2) == 0))
        name = f->qualname;
    size_t shown = name.size;
    const char *rest = "";
    if (shown > 100) {
        shown = 100;
        while (shown > 0 && ((unsigned char)name.bytes[shown] & 0xc0) == 0x80)
            shown--;
        rest = "…";
    }
    int n = snprintf(out + at, size - at, "`%.*s%s`", (int)shown, name.bytes, rest);
    return n < 0 ? at : at + (size_t)n;
}

static size_t put_place(char *out, size_t at, size_t size, const struct pyro_function *f)
{
    struct pyro_str file = f->file;
    for (size_t i = file.size; i-- > 0;) {
        if (file.bytes[i] == '/') {
            file.bytes += i + 1;
            file.size -= i + 1;
            break;
        }
    }
    int shown = file.size > 200 ? 200 : (int)file.size;
    int n = snprintf(out + at, size - at, "%.*s:%u", shown, file.bytes, f->first_line);
    return n < 0 ? at : at + (size_t)n;
}

/* Nearly all of its time is its own, and the reads were sure of that. */
static bool is_itself(const struct pyro_profile *p, const struct pyro_step *step)
{
    return !pyro_profile_is_unsure(&p->function_sums[step->function]) &&
           (double)step->self >= ITSELF * (double)step->total;
}

static void phrase(const struct pyro_profile *p, bool itself, struct pyro_finding *out)
{
    const struct pyro_function *f = &p->functions[out->function];
    size_t running = 0;
    for (size_t i = 0; i < p->thread_count; i++)
        running += p->threads[i].samples > 0;
    const char *time = running > 1 ? "the threads' time" : "the time";

    char *text = out->text;
    size_t size = sizeof out->text, at;
    double percent = 100.0 * out->share;
    if (out->share < SPREAD_BELOW)
        at = (size_t)snprintf(text, size, "%c%s is spread out: the largest part, %.0f %%, is %s ",
                              'T', time + 1, percent, itself ? "in" : "under");
    else
        at = (size_t)snprintf(text, size, "%.0f %% of %s is %s ", percent, time,
                              itself ? "in" : "under");
    /* names and places are cut, so what follows fits */
    at = put_name(text, at, size, f);
    if (itself)
        at += (size_t)snprintf(text + at, size - at, " itself");
    at += (size_t)snprintf(text + at, size - at, ", ");
    out->place_at = at;
    at = put_place(text, at, size, f);
    out->place_size = at - out->place_at;
    if (out->caller != PYRO_NONE) {
        at += (size_t)snprintf(text + at, size - at, ", called from ");
        at = put_name(text, at, size, &p->functions[out->caller]);
    }
    if (p->samples < FEW_SAMPLES)
        snprintf(text + at, size - at, " (of only %llu sample%s)", (unsigned long long)p->samples,
                 p->samples == 1 ? "" : "s");
}

int pyro_findings_find(const struct pyro_profile *p, struct pyro_finding *out, size_t max)
{
    struct pyro_walk walk;
    if (max == 0 || p->samples == 0 || p->node_count == 0)
        return 0;
    int rc = pyro_profile_walk(p, &walk);
    if (rc < 0)
        return rc;
    size_t best = 1; /* step 0 is the bottom below all threads */
    double most = -1.0;
    for (size_t i = 1; i < walk.step_count; i++) {
        double worth = score(p, &walk, &walk.steps[i]);
        if (worth > most) {
            most = worth;
            best = i;
        }
    }
    const struct pyro_step *step = &walk.steps[best];
    bool itself = is_itself(p, step);
    uint64_t samples = itself ? step->self : step->total;
    *out = (struct pyro_finding){.function = step->function,
                                 .caller = walk.steps[best - 1].function,
                                 .samples = samples,
                                 .share = (double)samples / (double)p->samples,
                                 .interval = pyro_stats_wilson(samples, p->samples)};
    phrase(p, itself, out);
    pyro_profile_walk_release(&walk);
    return 1;
}
