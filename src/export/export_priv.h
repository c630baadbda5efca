/*
 * What the formats share: frames as the options want them, and names made safe.
 */
#ifndef PYRO_EXPORT_PRIV_H
#define PYRO_EXPORT_PRIV_H

#include "export.h"

/* The frames of an export: those that some node has, without duplicates at the wanted grain. */
struct pyro_label {
    uint32_t function;
    uint32_t line;       /* the function's first for PYRO_EXPORT_FUNCTIONS, 0 for _NAMES */
    uint32_t column;     /* PYRO_EXPORT_INSTRUCTIONS only, else 0 */
    int32_t instruction; /* PYRO_EXPORT_INSTRUCTIONS only, else -1 */
    const char *text;    /* for formats that tell frames apart by text: unique.  In the arena */
};
struct pyro_labels {
    struct pyro_label *labels;
    size_t count;
    uint32_t *of_node; /* parallel to the profile's nodes */
    struct pyro_arena *arena;
};
/* Releases what it has made if it fails. */
int pyro_export_labels(const struct pyro_profile *p, enum pyro_export_frames grain, bool texts,
                       struct pyro_labels *out);
void pyro_export_labels_release(struct pyro_labels *labels);

/* The profile's tree at that grain: nodes whose whole paths read the same are one path. */
struct pyro_path {   /* parents come before children */
    uint32_t parent; /* or PYRO_NONE */
    uint32_t label;
    uint32_t depth; /* 1 at the bottom */
    uint64_t self;
};
struct pyro_paths {
    struct pyro_path *paths;
    size_t count;
    uint32_t *of_node; /* parallel to the profile's nodes */
    uint32_t *labels;  /* room for the labels of one path */
};
int pyro_export_paths(const struct pyro_profile *p, const struct pyro_labels *labels,
                      struct pyro_paths *out);
/* The labels from the bottom to the top of a path, in out->labels; their number. */
size_t pyro_export_path(const struct pyro_paths *paths, uint32_t path);
void pyro_export_paths_release(struct pyro_paths *paths);

/* Names made safe: control characters, marks that turn the direction of writing, line separators
 * and bytes that are not UTF-8 become \xNN or \uNNNN; so does each ASCII character of `also`.  At
 * most about `max` bytes, never cutting a character; "..." where something was cut. */
void pyro_export_put_name(struct pyro_buf *out, struct pyro_str name, const char *also, size_t max);
#define PYRO_EXPORT_LONGEST_NAME 1000

extern const struct pyro_export_format pyro_export_collapsed, pyro_export_speedscope;

#endif
