/*
 * All rules, each with its threshold, and which finding comes first.  docs/internals/findings.md
 * says what each is about; tests/truth/test_findings.py has a program that each is found in, and a
 * twin in which it must not be.
 */
#include "findings_priv.h"

#include <stdlib.h>
#include <string.h>

#define HOT 0.20 /* from this share on a function is hot; if there is none, time is spread out */

static const struct rule {
    const char *name;
    double least; /* share of the samples that it is about */
    rule_fn *find;
    bool of_states; /* of what threads did: says nothing where they were chosen by it */
} rules[PYRO_FINDING_KINDS] = {
    [PYRO_FINDING_HOT_FUNCTION] = {"hot-function", HOT, findings_hot_function, false},
    [PYRO_FINDING_SPREAD_OUT] = {"spread-out", HOT, findings_spread_out, false},
    [PYRO_FINDING_HOT_LINE] = {"hot-line", 0.25, findings_hot_line, false},
    [PYRO_FINDING_WAITING_LINE] = {"waiting-line", 0.20, findings_waiting_line, true},
    [PYRO_FINDING_GIL] = {"gil", 0.20, findings_gil, true},
    [PYRO_FINDING_COLLECTOR] = {"gc", 0.05, findings_collector, true},
    [PYRO_FINDING_IMPORTS] = {"imports", 0.20, findings_imports, false},
    [PYRO_FINDING_SATURATED_THREAD] = {"saturated-thread", 0.90, findings_saturated_thread, true},
    [PYRO_FINDING_BUSY_MACHINE] = {"busy-machine", 0.15, findings_busy_machine, true},
};

/* A program that waits, or imports, for half of its time: that is what to say first. */
#define FIRST 0.5

const char *pyro_findings_kind(enum pyro_finding_kind kind)
{
    return rules[kind].name;
}

static int rank(const struct pyro_finding *f)
{
    bool whole = f->kind == PYRO_FINDING_WAITING_LINE || f->kind == PYRO_FINDING_IMPORTS;
    if (whole && f->share >= FIRST)
        return 0;
    return f->kind == PYRO_FINDING_HOT_FUNCTION || f->kind == PYRO_FINDING_SPREAD_OUT ? 1 : 2;
}

static int by_rank(const void *a, const void *b)
{
    const struct pyro_finding *x = a, *y = b;
    if (rank(x) != rank(y))
        return rank(x) < rank(y) ? -1 : 1;
    if (x->share != y->share)
        return x->share < y->share ? 1 : -1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* How many, or an error code. */
static int find_all(const struct evidence *e, struct pyro_finding *all)
{
    int count = 0;
    for (int kind = 0; kind < PYRO_FINDING_KINDS; kind++) {
        struct pyro_finding *f = &all[count];
        if (rules[kind].of_states && e->p->state != PYRO_STATE_ANY)
            continue;
        *f = (struct pyro_finding){
            .kind = (enum pyro_finding_kind)kind, .function = PYRO_NONE, .caller = PYRO_NONE};
        int rc = rules[kind].find(e, rules[kind].least, f);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        f->interval = pyro_stats_wilson(f->share, f->trials > 0 ? f->trials : (double)f->of);
        count++;
    }
    return count;
}

int pyro_findings_find(const struct pyro_profile *p, struct pyro_finding *out, size_t max,
                       struct pyro_waits *waits)
{
    struct pyro_finding all[PYRO_FINDING_KINDS];
    struct pyro_waits found = {0};
    if (waits != NULL)
        *waits = found;
    if (max == 0 || p->samples == 0 || p->node_count == 0)
        return 0;
    uint32_t *line_of = findings_lines_of(p);
    struct tally *nodes = line_of == NULL ? NULL : findings_tally(p, line_of);
    struct evidence e = {.p = p, .nodes = nodes, .line_of = line_of, .waits = &found};
    int count = nodes == NULL ? PYRO_E_NOMEM : findings_waits(&e, &found);
    if (count == PYRO_OK)
        count = find_all(&e, all);
    free(line_of);
    free(nodes);
    if (waits != NULL && count >= 0)
        *waits = found;
    else
        pyro_findings_release_waits(&found);
    if (count < 0)
        return count;
    qsort(all, (size_t)count, sizeof *all, by_rank);
    if ((size_t)count > max)
        count = (int)max;
    memcpy(out, all, (size_t)count * sizeof *all);
    return count;
}
