/*
 * What the rules share: the table of thresholds, and the words of a sentence.
 */
#ifndef PYRO_FINDINGS_PRIV_H
#define PYRO_FINDINGS_PRIV_H

#include "findings.h"

/* A rule looks for one kind of finding.  1: *out is it, with text, place and evidence (kind and
 * interval are set by the caller); 0: there is none; or an error code.  least: the share from which
 * on it is one. */
typedef int rule_fn(const struct pyro_profile *p, double least, struct pyro_finding *out);
rule_fn findings_hot_function, findings_hot_line, findings_waiting_line, findings_gil,
    findings_collector, findings_imports, findings_saturated_thread, findings_busy_machine;

/* ---- words.c: each adds to out->text; names and places are cut, so that what follows fits */
void findings_say(struct pyro_finding *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void findings_say_name(struct pyro_finding *out, const struct pyro_function *f);
/* "main.py:389", which becomes the finding's place. */
void findings_say_place(struct pyro_finding *out, const struct pyro_function *f, uint32_t line);
/* ": `source of the line`", if the recording has it. */
void findings_say_source(struct pyro_finding *out, const struct pyro_profile *p,
                         const struct pyro_function *f, uint32_t line);
/* "the time", or "the threads' time" where there are several. */
const char *findings_time(const struct pyro_profile *p);

/* ---- gil.c */
/* Of each run in p->runs, at how many of its ticks its thread waits for the GIL.  NULL: out of
 * memory. */
uint64_t *findings_contended(const struct pyro_profile *p, const uint32_t *line_of);

/* ---- places.c: samples by the line they are in */
/* For each node the index in p->lines of the line that its frame is in, or PYRO_NONE.  NULL: out of
 * memory. */
uint32_t *findings_lines_of(const struct pyro_profile *p);
/* The function that called the place of most of the samples counted[node], if it is another one
 * than the line's own; PYRO_NONE: none. */
uint32_t findings_caller_of(const struct pyro_profile *p, const uint32_t *line_of,
                            const uint64_t *counted, uint32_t line);

#endif
