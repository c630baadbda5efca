/*
 * Feeds a builder facts written as text, so that a test reads like the tree it is about:
 *
 *     feed_sample(&feed, "main", "m:3 > f:10 > g:21", 5);
 *
 * is five samples in which m, at line 3, called f, which at line 10 called g, which was at line
 * 21.  A function "m" is file "/app/m.py", qualname "m", first line 1, no module;
 * feed_function says otherwise.  An instruction's offset is twice its line.
 */
#ifndef FEED_H
#define FEED_H

#include "profile_priv.h"

#define FEED_MAX 64

struct feed {
    struct pyro_profile_builder *b;
    struct {
        char name[32];
        uint32_t id;
    } functions[FEED_MAX], threads[FEED_MAX];
    uint32_t function_count, thread_count, frame_count, node_count;
    struct pyro_map frames, nodes;
    uint64_t at[FEED_MAX]; /* the next tick of each thread */
    bool ticked;
};

/* The stream has a period of 1 ms and `ticks` ticks, 1 ms from each other. */
void feed_start(struct feed *feed, size_t ticks);
void feed_function(struct feed *feed, const char *name, const char *file, const char *qualname,
                   const char *module, uint32_t first_line, uint32_t last_line);
uint32_t feed_node(struct feed *feed, const char *path);
uint32_t feed_thread(struct feed *feed, const char *name); /* tid: 100, 101 ... */
/* The thread's next `count` ticks. */
void feed_sample(struct feed *feed, const char *thread, const char *path, size_t count);
void feed_flagged(struct feed *feed, const char *thread, const char *path, size_t count,
                  uint32_t unverified, uint32_t flags);
/* What the second reads showed at the `count` ticks that end `back` ticks before the thread's
 * next. */
void feed_second(struct feed *feed, const char *thread, const char *path, size_t back,
                 size_t count);
/* The same of what the thread did. */
void feed_state(struct feed *feed, const char *thread, uint32_t state, size_t back, size_t count);
/* What the scheduler says of the thread, ms. */
void feed_delay(struct feed *feed, const char *thread, uint64_t over, uint64_t ran,
                uint64_t delayed);
/* So many stills of the path. */
void feed_still(struct feed *feed, const char *path, size_t count);
struct pyro_profile *feed_finish(struct feed *feed);

/* The function of that qualname; fails the test if there is none. */
uint32_t find_function(const struct pyro_profile *p, const char *qualname);
struct pyro_function_sums sums_of(const struct pyro_profile *p, const char *qualname);
/* Samples of the edge; caller NULL: the bottom.  0: there is no such edge. */
uint64_t edge_of(const struct pyro_profile *p, const char *caller, const char *callee);
/* Sums of a line of a function; zeros if there is none. */
struct pyro_line_sums line_of(const struct pyro_profile *p, const char *qualname, uint32_t line);

#endif
