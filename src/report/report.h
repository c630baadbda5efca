/*
 * report: a profile as text for a terminal, and as JSON.  Writes to the FILE it is given; nothing
 * that comes from a recording reaches it raw (control characters, broken UTF-8, bidi marks).
 */
#ifndef PYRO_REPORT_H
#define PYRO_REPORT_H

#include "profile.h"

struct pyro_report_options {
    bool colour;           /* SGR sequences */
    bool hyperlinks;       /* OSC 8 links on file:line */
    int width;             /* columns; 0: 80 */
    size_t limit;          /* rows; 0: the view's own default */
    const char *sort;      /* "self" (default), "total", "name", "file"; of the functions */
    const char *recording; /* its path, named at the end; NULL: not */
    const char *export;    /* the same of an export made of it */
};
int pyro_report_summary(FILE *to, const struct pyro_profile *p,
                        const struct pyro_report_options *o);
int pyro_report_functions(FILE *to, const struct pyro_profile *p,
                          const struct pyro_report_options *o);
int pyro_report_tree(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o);
/* target: a file's path (or its end) or a function (pattern).  PYRO_E_NOT_FOUND with what is
 * there. */
int pyro_report_lines(FILE *to, const struct pyro_profile *p, const char *target,
                      const struct pyro_report_options *o, struct pyro_error *err);
int pyro_report_json(FILE *to, const struct pyro_profile *p);
/* Each thread's stack as it was last seen, the innermost call first; for a terminal, and as JSON.
 */
struct pyro_report_variable { /* of the function that has so many below it on the thread's stack */
    int64_t tid;
    uint32_t frame;
    const char *function;
    const char *name, *value; /* NULL: all of this function are in the list */
};
struct pyro_report_variables { /* in the order of a stack, bottom up */
    const struct pyro_report_variable *list;
    size_t count;
};
int pyro_report_stacks(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o,
                       struct pyro_report_variables variables);
int pyro_report_stacks_json(FILE *to, const struct pyro_profile *p,
                            struct pyro_report_variables variables);
/* Text from a recording made safe for a terminal, appended to out: control characters, broken
 * UTF-8, marks of direction and of no width as \x1b, \u202e.  At most `max` columns (0: all), the
 * last of which is an ellipsis if it was cut. */
void pyro_report_clean(struct pyro_buf *out, const char *bytes, size_t size, size_t max);

/* What a Python was started to run: a file, or what *kind says: 'm' a module, 'c' code.  Empty: its
 * words do not tell. */
struct pyro_str pyro_report_program(const struct pyro_str *argv, size_t argc, char *kind);

#endif
