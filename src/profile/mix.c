/*
 * The rule: is what was seen, by how often it and its surroundings were, a mix of two paths that
 * are both common?  docs/internals/folding.md gives the reasons and figures.
 */
#include "profile_priv.h"

#include <math.h>

/* The rule's constants. */
#define COMMON 5        /* a mix's two sources are each at least this many times as frequent */
#define COMMON_LEAST 20 /* ... and at least so often */
#define AGREE 0.5       /* of a true path's samples more than this share is verified; ... */
#define RARE 20         /* ... where the sources are this many times as frequent, ... */
#define AGREE_RARE 0.9  /* ... this share: reads can fall into step with a loop and mix it alike */

#define VERY_RARE 1000 /* ... and where they are so many times as frequent, any agreement */
#define SELDOM 10 /* verified so many times less often than the other path to its function, ... */
#define SELDOM_LEAST                                                                               \
    8            /* ... by which so many would be verified: a mix if it is but the rarer one */
#define ON_TOP 4 /* where nothing else is called, the caller on top has to be so much more */
#define STILLS 8 /* by its samples a path should have so many stills, and has ... */
#define STILLS_FEWER 12 /* ... so many times fewer: a mix; ... */
#define STILLS_SOME 5   /* ... or so many, and has none, ... */
#define SELDOM_SOME 3   /* ... and is verified so many times less often than elsewhere */
#define STILLS_ENOUGH 2 /* with so many it is none */
#define PROVEN 20       /* a path verified so often is judged by its own samples alone */

/* How often the lower half of a mix was seen. */
static uint64_t lower_source(uint64_t seen, const struct pyro_mix_counts *counts)
{
    uint64_t others = counts->site.under - counts->site.own - seen;
    if (others >= seen)
        others += counts->site.own;
    else if (others < counts->site.own / ON_TOP)
        others = counts->site.own / ON_TOP; /* it may be in a C function that calls back */
    return others > counts->same_caller ? others : counts->same_caller;
}

/* How often the rarer of the two halves was seen; 0: too seldom to say. */
static uint64_t rarer_source(uint64_t seen, const struct pyro_mix_counts *counts)
{
    uint64_t source = lower_source(seen, counts);
    if (source > counts->elsewhere.seen)
        source = counts->elsewhere.seen;
    return source < COMMON_LEAST ? 0 : source;
}

/* Is it so much less often verified than the upper half is elsewhere, that it cannot be another
 * of its kind? */
static bool is_seldom_verified(struct pyro_path_times own, struct pyro_path_times elsewhere,
                               unsigned fewer)
{
    double expected = (double)own.seen * (double)elsewhere.verified / (double)elsewhere.seen;
    return elsewhere.seen > own.seen && expected >= SELDOM_LEAST &&
           fewer * (double)own.verified <= expected;
}

static double stills_for(uint64_t seen, uint64_t stills, uint64_t of)
{
    return of > 0 ? (double)seen * (double)stills / (double)of : 0;
}

/* Are there too few stills of it, for its samples: by its call site's (all of them, or those of
 * what is called there), or by its caller's? */
static bool is_refuted(struct pyro_path_times own, const struct pyro_mix_counts *counts)
{
    const struct pyro_site_sums *site = &counts->site;
    double expected = stills_for(own.seen, site->stills, site->under);
    expected = fmax(expected,
                    stills_for(own.seen, site->stills - site->own_stills, site->under - site->own));
    expected = fmax(expected, stills_for(own.seen, counts->caller.stills, counts->caller.seen));
    if (counts->elsewhere.seen <= own.seen || lower_source(own.seen, counts) <= own.seen)
        return false; /* a mix is the rarer one */
    if (own.stills == 0 && expected >= STILLS_SOME &&
        is_seldom_verified(own, counts->elsewhere, SELDOM_SOME))
        return true;
    return expected >= STILLS && STILLS_FEWER * (double)own.stills <= expected &&
           (double)own.verified <= AGREE_RARE * (double)own.seen;
}

/* Common sources, and the two reads seldom agreed on it. */
bool pyro_profile_is_mix(struct pyro_path_times own, const struct pyro_mix_counts *counts)
{
    uint64_t source = rarer_source(own.seen, counts);
    if (source == 0 || own.stills >= STILLS_ENOUGH)
        return false;
    if (is_refuted(own, counts))
        return true;
    if (source < COMMON * own.seen)
        return lower_source(own.seen, counts) >= COMMON * own.seen &&
               is_seldom_verified(own, counts->elsewhere, SELDOM);
    double agree = source < RARE * own.seen ? AGREE : AGREE_RARE;
    return (double)own.verified <= agree * (double)own.seen;
}

bool pyro_profile_is_very_rare(struct pyro_path_times own, const struct pyro_mix_counts *counts)
{
    uint64_t source = rarer_source(own.seen, counts);
    return source > 0 && source >= VERY_RARE * own.seen && own.stills < STILLS_ENOUGH;
}

bool pyro_profile_is_proven(struct pyro_path_times own)
{
    return own.verified >= PROVEN && (double)own.verified > AGREE_RARE * (double)own.seen;
}
