/*
 * export: a profile in formats that other tools read; one file per format.
 */
#ifndef PYRO_EXPORT_H
#define PYRO_EXPORT_H

#include "profile.h"

enum pyro_export_frames { /* what counts as one frame */
                          PYRO_EXPORT_FUNCTIONS,
                          PYRO_EXPORT_NAMES, /* functions, without their lines */
                          PYRO_EXPORT_LINES, /* function and the line that was running or calling */
                          PYRO_EXPORT_INSTRUCTIONS, /* function, line and offset in the bytecode */
};

struct pyro_export_options {
    enum pyro_export_frames frames;
    bool threads; /* the thread is the lowest frame; for formats that do not tell threads apart */
};

struct pyro_export_format {
    const char *name;   /* "collapsed" */
    const char *ending; /* ".collapsed" */
    const char *holds;  /* a sentence: what it cannot hold */
    /* 0, or an error code with its sentence.  That the stream failed is seen by ferror(to). */
    int (*write)(FILE *to, const struct pyro_profile *p, const struct pyro_export_options *options,
                 struct pyro_error *err);
};
extern const struct pyro_export_format *const pyro_export_formats[]; /* ends with NULL */

/* NULL: there is none. */
const struct pyro_export_format *pyro_export_by_name(const char *name);
const struct pyro_export_format *pyro_export_by_ending(const char *path);

#endif
