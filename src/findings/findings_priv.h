/*
 * What the rules share: the table of thresholds, and the words of a sentence.
 */
#ifndef PYRO_FINDINGS_PRIV_H
#define PYRO_FINDINGS_PRIV_H

#include "findings.h"

/* Samples at a node, by what their threads did; in those not counted it is not known. */
struct tally {
    uint64_t ran, waited, collected, held;
    uint64_t idle;      /* waited, and did not hold the GIL */
    uint64_t contended; /* of these, waited for the GIL (gil.c) */
};
/* What the rules look at: made once for all of them. */
struct evidence {
    const struct pyro_profile *p;
    const struct tally *nodes; /* of each node */
    const uint32_t *line_of;   /* of each node: where in p->lines its line is, or PYRO_NONE */
    const struct pyro_waits *waits;
};

/* A rule looks for one kind of finding.  1: *out is it, with text, place and evidence (kind and
 * interval are set by the caller); 0: there is none; or an error code.  least: the share from which
 * on it is one (findings_spread_out: below which). */
typedef int rule_fn(const struct evidence *e, double least, struct pyro_finding *out);
rule_fn findings_hot_function, findings_spread_out, findings_hot_line, findings_waiting_line,
    findings_gil, findings_collector, findings_imports, findings_saturated_thread,
    findings_busy_machine;

/* ---- words.c: each adds to out->text; names and places are cut, so that what follows fits */
void findings_say(struct pyro_finding *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void findings_say_name(struct pyro_finding *out, const struct pyro_profile *p,
                       const struct pyro_function *f);
/* ", called from `f`", or "`<module>` of app.py", for there are many of those. */
void findings_say_caller(struct pyro_finding *out, const struct pyro_profile *p,
                         const struct pyro_function *f);
/* "main.py:389", which becomes the finding's place. */
void findings_say_place(struct pyro_finding *out, const struct pyro_function *f, uint32_t line);
/* ": `source of the line`", if the recording has it. */
void findings_say_source(struct pyro_finding *out, const struct pyro_profile *p,
                         const struct pyro_function *f, uint32_t line);
/* "the time", or "the threads' time" where there are several; "that time" where a part of it was
 * chosen. */
const char *findings_time(const struct pyro_profile *p);

/* ---- tally.c */
/* pyro_profile_shows of all facts there can be. */
void findings_shows(enum pyro_state state, int8_t shows[PYRO_FACTS]);
/* NULL: out of memory. */
struct tally *findings_tally(const struct pyro_profile *p, const uint32_t *line_of);

/* ---- gil.c */
/* Fills tally.contended, of nodes of which all else is there. */
int findings_contended(const struct pyro_profile *p, const uint32_t *line_of, struct tally *nodes);

/* ---- places.c: samples by the line they are in */
/* For each node the index in p->lines of the line that its frame is in, or PYRO_NONE.  NULL: out of
 * memory. */
uint32_t *findings_lines_of(const struct pyro_profile *p);

/* ---- waits.c: a thread waits at the line of its innermost call, and for something else than the
 * GIL, which is a finding of its own */
/* Samples at the node of threads that wait. */
uint64_t findings_waits_at(const struct evidence *e, size_t node);
/* From all other evidence. */
int findings_waits(const struct evidence *e, struct pyro_waits *out);

#endif
