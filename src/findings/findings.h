/*
 * findings: rules that turn a profile into sentences with their evidence, the most telling first.
 * Text is as the recording's names are: whoever prints it cleans it.
 */
#ifndef PYRO_FINDINGS_H
#define PYRO_FINDINGS_H

#include "profile.h"
#include "stats.h"

enum pyro_finding_kind {
    PYRO_FINDING_HOT_FUNCTION,
    PYRO_FINDING_SPREAD_OUT, /* there is no such function */
    PYRO_FINDING_HOT_LINE,
    PYRO_FINDING_WAITING_LINE,
    PYRO_FINDING_GIL,
    PYRO_FINDING_COLLECTOR,
    PYRO_FINDING_IMPORTS,
    PYRO_FINDING_SATURATED_THREAD,
    PYRO_FINDING_BUSY_MACHINE,
    PYRO_FINDING_KINDS
};
/* "hot-function" and so on: the words of the JSON. */
const char *pyro_findings_kind(enum pyro_finding_kind kind);

struct pyro_finding {
    enum pyro_finding_kind kind;
    char text[1000];               /* one sentence, without its full stop */
    size_t place_at, place_size;   /* the part of text that says where: "main.py:389" */
    uint32_t function;             /* what it is about, or PYRO_NONE */
    uint32_t line;                 /* in its file; 0: none in particular */
    uint32_t caller;               /* the function that most of it was called from, or PYRO_NONE */
    uint64_t samples, of;          /* that show it, of how many; docs/internals/findings.md */
    double share;                  /* samples / of */
    double trials;                 /* independent samples that would tell it as well */
    struct pyro_interval interval; /* of the share, 95 % */
};

struct pyro_wait { /* a line at which threads wait */
    uint32_t line; /* in the profile's lines */
    uint64_t samples;
};
struct pyro_waits {
    struct pyro_wait *list; /* those with most samples first */
    size_t count;
    uint64_t samples, of; /* of all of them, and of how many samples it is known */
};
void pyro_findings_release_waits(struct pyro_waits *waits);

/* The findings, at most max: how many, or an error code.  None if there are no samples; else the
 * first is the one to begin with.  waits, if not NULL, are filled in beside them: none where the
 * samples were chosen by a state that threads can be in without waiting. */
int pyro_findings_find(const struct pyro_profile *p, struct pyro_finding *out, size_t max,
                       struct pyro_waits *waits);

#endif
