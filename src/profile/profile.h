/*
 * profile: the model in memory: a few tables built from a recording, and the operations on them
 * (load, keep, query).  Views read the tables and nothing else; none of them knows which probe or
 * which Python the facts came from.  Folding of unverified paths is done here, once, on loading.
 * A profile belongs to one thread and is not changed after loading: filters make a new one.
 */
#ifndef PYRO_PROFILE_H
#define PYRO_PROFILE_H

#include "base.h"
#include "format.h"

#define PYRO_NONE UINT32_MAX

struct pyro_function {                            /* one per function identity */
    struct pyro_str file, name, qualname, module; /* owned by the profile */
    uint32_t first_line, last_line;
    uint64_t table_hash;
};
struct pyro_frame {
    uint32_t function;
    int32_t instruction;
    uint32_t line, end_line, column, end_column;
};
struct pyro_node {   /* parents come before children */
    uint32_t parent; /* or PYRO_NONE */
    uint32_t frame;  /* the frame with the place it is at (call site, or where it was on top) */
    uint64_t self, total; /* samples */
    uint64_t moved;       /* of self: the two reads disagreed on the top function */
};
struct pyro_function_sums { /* parallel to functions; recursion counted once in total */
    uint64_t self, total, moved;
    double self_variance, total_variance; /* of these as counts of samples in time; ... */
    double self_trials, total_trials;     /* ... independent ones that would be worth as much */
};
struct pyro_line_sums { /* one per (function, line) seen, sorted by function, then line */
    uint32_t function, line;
    uint64_t self, total; /* recursion counted once */
};
struct pyro_edge { /* caller PYRO_NONE: the bottom of a thread's stack */
    uint32_t caller, callee;
    uint64_t total; /* samples in which this edge is on the stack, once a sample */
};
struct pyro_run {  /* run-length: a thread was at a node for `count` ticks from tick `tick` on */
    uint32_t node; /* PYRO_NONE: no Python frame */
    uint32_t count;
    uint64_t tick : 40;  /* the recording's ticks are numbered in the order of the file */
    uint64_t state : 8;  /* facts about the thread, as in pyro_sample */
    uint64_t moved : 1;  /* these two are of loading alone: its two reads disagreed on the top; */
    uint64_t second : 1; /* what the second read showed is known */
};
struct pyro_delay {      /* what the kernel's scheduler said of a thread, about once a second */
    uint64_t at_ns;      /* since the recording began: from then on it ran, ... */
    uint64_t over_ns;    /* ... in this time, ... */
    uint64_t ran_ns;     /* ... so long, ... */
    uint64_t delayed_ns; /* ... and was ready without a CPU so long */
};
struct pyro_thread {
    uint32_t process;
    int64_t tid;
    struct pyro_str name;
    uint64_t samples;
    struct pyro_run *runs; /* owned by the profile; in time order */
    size_t run_count;
    struct pyro_delay *delays; /* in time order */
    size_t delay_count;
    uint64_t watched_ns, ran_ns, delayed_ns; /* their sums */
};
struct pyro_process {
    int32_t pid, ppid;
    struct pyro_str python;
    struct pyro_str *argv;
    size_t argc;
    int32_t exit_status; /* INT32_MIN: not known */
};
struct pyro_tick_base { /* ticks from number `first` on are so many ns after base_ns */
    uint64_t first, base_ns;
};
struct pyro_source { /* sorted by file, line */
    struct pyro_str file;
    uint32_t first_line;
    struct pyro_str text;
};

struct pyro_sampling { /* keys of the report's "sampling" */
    double rate_hz;    /* 0: as fast as it could */
    uint64_t ticks, missed, planned, discarded, taken, folded, moved, lost, assumed, broken;
};
/* ticks holds the missed ones; planned = discarded + taken; lost, folded and moved are of those
 * taken (docs/internals/folding.md). A sample that found a thread without any Python frame is in
 * none of planned, taken, lost: it is in `samples` and `outside` of the profile.  Unfiltered: sum
 * of self over nodes = taken - lost. */

/* What a thread did, defined by the three facts of a sample: docs/internals/states.md. */
enum pyro_state {
    PYRO_STATE_ANY,
    PYRO_STATE_CPU,
    PYRO_STATE_HOLDS_GIL,
    PYRO_STATE_WAITING,
    PYRO_STATE_IDLE,
    PYRO_STATE_COLLECTING,
    PYRO_STATES
};
extern const char *const pyro_profile_state_names[PYRO_STATES];
#define PYRO_FACTS (1 << PYRO_STATE_BITS)
/* Does a sample with these facts show the state?  1, 0, or -1: unknown. */
int pyro_profile_shows(uint32_t facts, enum pyro_state state);

struct pyro_profile {
    struct pyro_arena *arena;
    struct pyro_function *functions;
    size_t function_count;
    struct pyro_frame *frames;
    size_t frame_count;
    struct pyro_node *nodes;
    size_t node_count;
    struct pyro_function_sums *function_sums;
    struct pyro_line_sums *lines;
    size_t line_count;
    struct pyro_edge *edges;
    size_t edge_count;
    struct pyro_thread *threads;
    size_t thread_count;
    struct pyro_process *processes;
    size_t process_count;
    size_t run_count;                  /* of all threads */
    struct pyro_tick_base *tick_bases; /* ascending; see pyro_profile_tick_ns */
    size_t tick_base_count;
    uint32_t *ticks; /* after its base, ns */
    size_t tick_count;
    struct pyro_source *sources;
    size_t source_count;
    struct pyro_str *warnings;
    size_t warning_count;
    struct pyro_sampling sampling;
    bool has_samples;
    uint64_t states[PYRO_STATES];       /* of the samples in view, how many show each ... */
    uint64_t states_known[PYRO_STATES]; /* ... and of how many it is known */
    uint64_t samples;                   /* in view: sum of self over nodes + outside */
    uint64_t outside;       /* samples with no frame in view (filtered away, or no Python frame) */
    bool filtered;          /* what is in view was chosen of a recording that has samples: ... */
    uint64_t of_samples;    /* ... of so many, ... */
    enum pyro_state state;  /* ... those in which threads were in this state, ... */
    bool by_function;       /* ... with some functions taken out; ... */
    struct pyro_str chosen; /* ... in words: "--thread main --state gc" */
    double ns_per_sample;   /* wall time that one sample stands for */
    struct pyro_str *argv;
    size_t argc;
    struct pyro_str cwd, tool, host, python;
    uint64_t start_wall_ns, wall_ns, cpu_ns, sampler_cpu_ns, peak_rss;
    int32_t exit_status; /* INT32_MIN: not known */
    enum pyro_ending ending;
    struct pyro_str *unknown;
    size_t unknown_count; /* streams and chunks that were skipped */
};

/* Errors as pyro_format_read's. */
int pyro_profile_load(const char *path, struct pyro_profile **out, struct pyro_error *err);
void pyro_profile_free(struct pyro_profile *p);

/* What to keep.  Functions not kept are taken out of every path: their samples are charged to
 * the nearest kept caller, or to `outside`.  PATTERN: a path glob, a package or module, or
 * module:qualname (each with *). */
struct pyro_filter {
    const char *const *only;
    size_t only_count;
    const char *const *exclude;
    size_t exclude_count;
    const char *mine;   /* a directory: keep only functions of files under it; NULL: no */
    const char *thread; /* a name or a tid; NULL: all */
    int32_t process;    /* a pid; 0: all */
    enum pyro_state state;
};
int pyro_profile_filter(const struct pyro_profile *p, const struct pyro_filter *filter,
                        struct pyro_profile **out, struct pyro_error *err);
bool pyro_profile_matches(const struct pyro_function *f, const char *pattern);
/* '*' any run of bytes, '?' any one byte, the rest as it is. */
bool pyro_profile_glob(const char *pattern, size_t pattern_size, const char *text,
                       size_t text_size);

/* ---- queries that views share */

/* When a tick was, CLOCK_MONOTONIC; number < tick_count. */
uint64_t pyro_profile_tick_ns(const struct pyro_profile *p, uint64_t number);

static inline uint32_t pyro_profile_function_of(const struct pyro_profile *p, uint32_t node)
{
    return p->frames[p->nodes[node].frame].function;
}

/* The last part of a path; two of them where the last says nothing: "json/__init__.py". */
struct pyro_str pyro_profile_file_name(struct pyro_str path);

/* The two reads of a sample disagreed on the top function in so many of its own samples that its
 * self share is not measured to the precision of the rest: views mark it with ~. */
bool pyro_profile_is_unsure(const struct pyro_function_sums *sums);

/* A line of a file, without its end; false: the recording does not hold it. */
bool pyro_profile_source_line(const struct pyro_profile *p, struct pyro_str file, uint32_t line,
                              struct pyro_str *out);
/* The same without the white space around it; false also where nothing is left. */
bool pyro_profile_source_text(const struct pyro_profile *p, struct pyro_str file, uint32_t line,
                              struct pyro_str *out);

/* For each key, the samples in whose path a node of that key is found, once a sample however
 * often it is found.  key_of_node[i] < keys, or PYRO_NONE: counts nowhere.  total holds `keys`
 * figures.  Linear in the number of nodes, whatever their depth. */
int pyro_profile_totals(const struct pyro_profile *p, const uint32_t *key_of_node, size_t keys,
                        uint64_t *total);

/* The way down the heaviest path, contexts that differ only in their call sites taken together.
 * A function that is met again below itself is not a step of its own: what it calls belongs to
 * the step last reached, its own time to the step that is already there. */
struct pyro_branch { /* a function called from a step */
    uint32_t function;
    uint64_t total, self; /* samples; self: with it on top, directly below the step */
};
struct pyro_step {
    uint32_t function;                 /* PYRO_NONE for the first: the bottom below all threads */
    uint64_t total;                    /* samples at or under it, in these contexts */
    uint64_t self;                     /* samples with it on top */
    uint32_t repeats;                  /* how often it is on the stack at most; 1: no recursion */
    size_t first_branch, branch_count; /* heaviest first; the heaviest is the next step */
};
struct pyro_walk {
    struct pyro_step *steps;
    size_t step_count;
    struct pyro_branch *branches;
    size_t branch_count;
};
int pyro_profile_walk(const struct pyro_profile *p, struct pyro_walk *out);
void pyro_profile_walk_release(struct pyro_walk *walk);

#endif
