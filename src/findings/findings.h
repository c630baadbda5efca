/*
 * findings: rules that turn a profile into sentences with their evidence, the most telling first.
 * Text is as the recording's names are: whoever prints it cleans it.
 */
#ifndef PYRO_FINDINGS_H
#define PYRO_FINDINGS_H

#include "profile.h"
#include "stats.h"

struct pyro_finding {
    char text[1000];             /* one sentence, without its full stop */
    size_t place_at, place_size; /* the part of text that says where: "main.py:389" */
    uint32_t function;           /* what it is about, or PYRO_NONE */
    uint32_t caller;             /* the function that it was called from, or PYRO_NONE */
    uint64_t samples; /* under it, or in it itself, as the sentence says; in this context */
    double share;     /* of all samples in view */
    struct pyro_interval interval; /* of the share, 95 % */
};

/* The findings, at most max: how many, or an error code.  None if there are no samples. */
int pyro_findings_find(const struct pyro_profile *p, struct pyro_finding *out, size_t max);

#endif
