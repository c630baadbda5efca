/*
 * The profile's workshop: the builder that turns facts into tables, and the passes over them.
 * Used by this room's files and by tests that feed facts without a file.
 */
#ifndef PYRO_PROFILE_PRIV_H
#define PYRO_PROFILE_PRIV_H

#include "profile.h"

/* ---- ids.c: ids of a stream -> ids of the profile.  Ids are dense from 0 but for gaps that
 * damage leaves: memory follows the number of definitions, never their highest id. */
struct pyro_ids {
    struct pyro_vec values;   /* uint32_t */
    struct pyro_vec segments; /* struct segment: runs of consecutive ids, ascending */
};
void pyro_profile_ids_init(struct pyro_ids *ids);
void pyro_profile_ids_release(struct pyro_ids *ids);
/* PYRO_E_INVALID: not above all ids so far. */
int pyro_profile_ids_add(struct pyro_ids *ids, uint32_t id, uint32_t value);
uint32_t pyro_profile_ids_get(const struct pyro_ids *ids, uint32_t id); /* or PYRO_NONE */

/* ---- load.c: the builder */
struct pyro_build_node {
    uint32_t parent, frame; /* parents first */
    uint32_t depth;         /* 1: a root */
    uint32_t jump;          /* an ancestor further down (fold.c); the root's is itself */
    uint64_t own;           /* samples with it on top, ... */
    uint64_t verified;      /* ... with it at the top of what both reads agree on; ... */
    uint64_t stills;        /* ... at which a thread was seen that could not run */
};
struct pyro_build_sample { /* as in the file, ids made the profile's */
    uint32_t thread, node; /* node PYRO_NONE: no Python frame */
    uint32_t unverified;
    bool moved;
    uint64_t tick, count;
};
struct pyro_build_beside { /* what is told of ticks in a row beside their samples */
    uint32_t thread, value;
    uint64_t tick, count;
};
struct pyro_track {          /* of a thread, in the order of the file */
    struct pyro_vec runs;    /* struct pyro_run */
    struct pyro_vec seconds; /* uint32_t: the second read's node of each run that has one */
    struct pyro_vec delays;  /* struct pyro_delay, at_ns: when its batch begins, on the clock */
};
struct pyro_build_stream {
    uint32_t process;
    bool samples; /* of the kind that is read here */
    uint64_t period_ns;
    struct pyro_ids functions, frames, nodes, threads;
    uint64_t first_ns, last_ns, ticks; /* of the ticks kept */
    uint64_t batch_first, batch_count; /* the last batch's ticks among all, ... */
    uint64_t batch_ns;                 /* ... and when the first of them was */
};

struct pyro_profile_builder {
    struct pyro_visitor visitor; /* its ctx is the builder */
    struct pyro_profile *profile;
    struct pyro_strings *strings;
    struct pyro_vec texts; /* struct pyro_str by string id, in the profile's arena */
    struct pyro_map stream_map, process_map, pair_map, function_map, frame_map, node_map,
        thread_map;
    uint32_t pairs;
    struct pyro_vec streams, processes, functions, frames, nodes, threads, tracks, tick_bases,
        ticks, sources, warnings, unknown;
    /* of the last batch alone: struct pyro_build_sample, then struct pyro_build_beside: the nodes
     * that the second reads showed, and facts about the threads */
    struct pyro_vec samples, seconds, states;
    uint64_t in_file;  /* samples read, discarded ones and those without a frame left out */
    uint64_t dangling; /* of them, those whose node or thread is missing */
    uint64_t discarded, frameless;
    uint64_t damages, dropped_facts;
    bool saw_head, saw_status, saw_end;
    uint64_t head_mono_ns;
    struct pyro_status_fact status;
    struct pyro_end_fact end;
};

/* Facts go in through builder->visitor; then finish makes the profile and frees the builder,
 * whatever it returns.  free: without finishing. */
struct pyro_profile_builder *pyro_profile_builder_new(void);
int pyro_profile_builder_finish(struct pyro_profile_builder *b, enum pyro_ending ending,
                                struct pyro_profile **out, struct pyro_error *err);
void pyro_profile_builder_free(struct pyro_profile_builder *b);
int pyro_profile_build_warning(struct pyro_profile_builder *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- batch.c */
/* Puts the last batch's samples into their threads' tracks, with what is told beside them. */
int pyro_profile_settle_batch(struct pyro_profile_builder *b);

/* ---- runs.c */
/* `next` is the same, directly behind. */
bool pyro_profile_goes_on(const struct pyro_run *run, const struct pyro_run *next);
/* Makes them the thread's, and leaves the vector empty. */
void pyro_profile_give_runs(struct pyro_profile *p, size_t thread, struct pyro_vec *runs);

/* ---- fold.c */
/* An ancestor's node at the given depth (1 .. its own depth). */
uint32_t pyro_profile_ancestor(const struct pyro_build_node *nodes, uint32_t node, uint32_t depth);
/* The jump of a new node below `parent` (or PYRO_NONE), for the line above. */
uint32_t pyro_profile_jump(const struct pyro_build_node *nodes, uint32_t node, uint32_t parent);
/* target[i]: the node to which samples at node i are charged: i if its path is kept; else the same
 * frames where they are at home, or the nearest caller kept.  A sample whose own node is not kept
 * is charged to its second read's, if that one is.  node_map: of (parent, frame). */
int pyro_profile_fold(const struct pyro_build_node *nodes, size_t node_count,
                      const struct pyro_map *node_map, const struct pyro_frame *frames,
                      uint32_t *target);

struct pyro_path_times { /* samples with a path in the verified part, and anywhere; its stills */
    uint64_t verified, seen, stills;
};

struct pyro_path {
    uint32_t parent; /* of the caller's path, or PYRO_NONE; callers come first */
    uint32_t from;   /* the caller's node: where it was called */
    uint32_t function;
    uint32_t top;     /* its most frequent node */
    uint32_t instead; /* of what is not kept: the path that is charged, ... */
    uint32_t home;    /* ... or the one that a mix's upper half belongs to; or PYRO_NONE */
    bool kept, ends_in_mix;
    struct pyro_path_times times;
};

void pyro_profile_add_times(struct pyro_path_times *to, struct pyro_path_times more);

/* ---- mix.c: the rule */
struct pyro_site_sums {  /* of a place that calls are made from */
    uint64_t own, under; /* samples: with it on top, and at or under it */
    uint64_t stills;     /* at or under it, ... */
    uint64_t own_stills; /* ... and with it on top */
};

struct pyro_mix_counts {           /* what the rule compares a path, or a call, with */
    struct pyro_site_sums site;    /* of the caller's node: this very call, and on top: about to */
    struct pyro_path_times caller; /* the caller's path, whatever its own instruction */
    struct pyro_path_times elsewhere; /* the most frequent path to the same function */
    uint64_t same_caller;             /* the most frequent call of it by the same caller's path */
};

/* Common sources, and the two reads seldom agreed on it. */
bool pyro_profile_is_mix(struct pyro_path_times own, const struct pyro_mix_counts *counts);
/* Sources so much more frequent that agreement does not matter. */
bool pyro_profile_is_very_rare(struct pyro_path_times own, const struct pyro_mix_counts *counts);
/* The reads agreed on it, and often: what is known of other paths does not matter. */
bool pyro_profile_is_proven(struct pyro_path_times own);

/* ---- most.c */
struct pyro_most {
    struct pyro_map ids;   /* groups, by function and caller */
    struct pyro_vec times; /* struct pyro_path_times: of the most frequent one in each group */
};
#define PYRO_MOST ((struct pyro_most){.times = PYRO_VEC(struct pyro_path_times)})
/* Returns the group's number; PYRO_MAP_NONE: no memory.  (Where a path is itself the most frequent
 * of its group it does no harm: nothing is so many times as frequent as itself.) */
uint32_t pyro_profile_most_enter(struct pyro_most *most, uint64_t function, uint64_t caller,
                                 struct pyro_path_times times);
struct pyro_path_times pyro_profile_most_of(struct pyro_most *most, uint32_t group);
void pyro_profile_most_release(struct pyro_most *most);

/* ---- calls.c */
/* Sets ends_in_mix.  path_of, sums: of each node. */
int pyro_profile_judge_calls(struct pyro_path *path, size_t count,
                             const struct pyro_build_node *nodes, size_t node_count,
                             const struct pyro_frame *frames, const uint32_t *path_of,
                             const struct pyro_site_sums *sums);

/* ---- home.c: where mixes are charged */
int pyro_profile_find_homes(struct pyro_path *paths, size_t count);

/* ---- links.c: children of a tree given by parents; for walks that need no stack */
struct pyro_links {
    uint32_t root;          /* the first root, or PYRO_NONE */
    uint32_t *first, *next; /* first child; next sibling (roots are siblings) */
};
/* parent is read at `stride` bytes from one to the next; each is < its child's index. */
int pyro_profile_links_init(struct pyro_links *links, const uint32_t *parent, size_t stride,
                            size_t count);
void pyro_profile_links_release(struct pyro_links *links);
/* As pyro_profile_totals, over any tree; weight[i]: samples at or under node i. */
int pyro_profile_links_totals(const struct pyro_links *links, const uint32_t *parent,
                              size_t parent_stride, const uint32_t *key, size_t keys,
                              const uint64_t *weight, size_t weight_stride, uint64_t *total);

/* ---- spread.c: the variances of the functions' sums, from the runs */
int pyro_profile_spread(struct pyro_profile *p);

/* ---- states.c */
void pyro_profile_count_states(struct pyro_profile *p); /* from the runs */

/* ---- sums.c: from nodes (parent, frame, self, moved) and runs to all that is derived: nodes
 * without a sample at or under them go, totals, sums of functions, lines and edges are made. */
int pyro_profile_settle(struct pyro_profile *p);

#endif
