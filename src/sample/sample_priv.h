/*
 * The sampler's own structures.  One struct pyro_sampler a process; it owns all the others.
 */
#ifndef PYRO_SAMPLE_PRIV_H
#define PYRO_SAMPLE_PRIV_H

#include "sample.h"

#define LINE 64                  /* bytes of a cache line */
#define WINDOW_BYTES (16 * 1024) /* the top of the frames that is read twice at every tick */
#define REFRESH_TICKS 100        /* what lies below is read again at least this often */
#define MAX_REGIONS 24           /* pieces of chunks in a window */
#define MAX_OFF 400              /* frames off the chunks that a thread's plan holds */
#define MAX_DEPTH (1 << 20)      /* frames of one stack that are believed */
#define MAX_CHUNKS (1 << 16)

/* ---- functions and code objects of the target (codes.c) */
struct code {
    struct pyro_code facts;
    uint32_t function;   /* id in the stream; PYRO_MAP_NONE: not written yet */
    uint32_t *frames;    /* frame ids by instruction/2 + 1; 0 = none yet, else id + 1 */
    uint64_t since;      /* when it was first read, ns */
    uint64_t check_at;   /* look again then whether the object is still the same */
    uint64_t generation; /* of the interpreter's code objects when it was looked at last */
    int32_t *starts;     /* 3.11, 3.12: where each code unit's location begins; NULL: not needed */
    uint64_t module_at;  /* of a function object that had this code; 0: none seen */
    bool sought;         /* 3.10: its qualified name was */
};

struct codes;
struct codes *codes_new(struct pyro_target *target);
void codes_free(struct codes *codes);
size_t codes_bytes(const struct codes *codes); /* what they take, about */
/* Tells the time and the generation of code objects, at each read. */
void codes_at(struct codes *codes, uint64_t now, uint64_t generation);
/* The code object at the address, read now if it is new (or no longer the one known); NULL if it is
 * none. */
struct code *codes_get(struct codes *codes, uint64_t address);
/* True if the function object has this code (known, or read now). */
bool codes_function_has(struct codes *codes, uint64_t function, struct code *code);
/* A running frame has this function and this code: the function's __code__ was exchanged since.
 * True if that is news. */
bool codes_exchange(struct codes *codes, uint64_t function, uint64_t code);
/* Is it a Python function?  Answers from memory unless `now`. */
bool codes_is_function(struct codes *codes, uint64_t address, bool now);
/* Is it time to look again?  generation: a number that changes when a code object is freed (3.14
 * on; else always the same). */
static inline bool codes_is_due(const struct code *code, uint64_t now, uint64_t generation)
{
    return code->check_at <= now || code->generation != generation;
}
/* Looks again at those that are due among the code objects given.  True if one of them is no longer
 * what it was (it is then forgotten). */
bool codes_recheck(struct codes *codes, struct code *const *list, size_t count, uint64_t now,
                   uint64_t generation);
/* The frame's id in the stream for this instruction (offset in bytes). */
uint32_t codes_frame_id(struct codes *codes, struct code *code, int32_t instruction,
                        struct pyro_stream *stream, const struct pyro_sampler_options *options);

/* ---- what a walk sees */
struct item {
    uint64_t at;       /* the frame's address */
    uint64_t previous; /* as it says itself */
    struct code *code;
    uint64_t function; /* the function object; 3.10: its globals */
    int32_t instruction;
    uint32_t node;    /* only in a thread's kept stack */
    bool called_back; /* a C function stands between it and the frame below */
    int barrier;      /* in a kept stack: the highest up to it that was called back or is off the
                       * chunks; -1: none */
};

/* 3.10: seeks the qualified name of the code that runs in this frame, once, before it is written.
 */
void codes_find_name(struct codes *codes, const struct item *item, const struct item *caller);

struct region { /* a piece of remote memory and its copy */
    uint64_t start, end;
    const uint8_t *bytes;
    int chunk; /* index into the thread's chunks; -1: off the chunks */
};

struct chunk { /* a block of the thread's data stack */
    uint64_t at;
    uint64_t first; /* address of the first frame */
    uint64_t end;   /* one past its memory */
    uint64_t used;  /* one past its frames (not for the newest: see thread.top) */
};

struct view { /* one of the two reads of one thread */
    struct region regions[MAX_REGIONS + MAX_OFF];
    int count;        /* of all */
    int blocks;       /* the first ones are of chunks, from the bottom up */
    uint64_t current; /* current_frame; 0: not known */
    uint64_t chunk, top;
    uint64_t tid;
    uint64_t cframe;
    bool current_known;
    bool partial; /* the stack goes on above it */
};

struct waiting {    /* how a generator stood under what it called */
    uint64_t above; /* the function of the frame on top of it; 0: none */
    uint64_t previous, executable, function;
    int32_t instruction;
};

#define WAITS 4
struct off { /* a frame (or a cframe) that is not on a chunk and was met lately */
    uint64_t at;
    struct waiting *waits; /* WAITS of them, the latest first; may be NULL */
    uint32_t before;       /* bytes before `at` that are read too: a generator's state */
    uint32_t size;         /* bytes from `at` on */
    uint64_t last_used;    /* tick */
    int index;             /* 3.10: where in the kept stack it was last */
};

#define UNKNOWNS 16
struct walk {
    struct item *items;
    int count, cap;
    uint64_t need; /* an address off the chunks that was not in the read; 0: none */
    bool need_cframe;
    uint64_t unsure; /* the frame whose caller does not wait for it, as far as we know; 0: none */
    uint64_t unknown[UNKNOWNS]; /* what is not known to be: see struct standing */
    int unknown_count;
    struct {
        uint64_t at, function, code;
    } doubt; /* the frame that ended the walk, for its function has another code; 0: none */
};

struct thread {
    uint64_t state;       /* address of the PyThreadState */
    bool is_main;         /* of the main interpreter, ... */
    bool has_gil;         /* ... or of one that shares its GIL */
    struct thread *inner; /* the next of this thread's states in interpreters that it called */
    int64_t tid;          /* as the interpreter has it: the process's own namespace's number */
    uint64_t self;        /* 3.10: the C library's thread; 0: not seen yet */
    pid_t task;           /* ours; 0: not known */
    uint32_t id;          /* in the stream */
    bool named, alive;
    bool by_python; /* the name is what Python calls it */
    char name[64];
    uint64_t name_due, name_wait; /* when it is looked at again, and how long after that */
    uint64_t sample_tick;         /* when it was last sampled, ... */
    bool has_frames;              /* ... and then it was in a Python function */
    uint64_t chunks_tick;         /* when its chunks were last doubted */
    struct chunk *chunks;
    int chunk_count, chunk_cap;
    uint64_t top;   /* datastack_top as last read */
    uint64_t reach; /* bytes above `first` of the newest chunk that are read */
    struct off off[MAX_OFF];
    int off_count;
    struct item *stack; /* the last sample, bottom first, with nodes */
    int depth, cap;
    int sure; /* so many of them were the same in both copies */
    bool stack_known;
    struct {
        uint64_t at, tick;
        int32_t instruction;
    } suspect;     /* a frame that may be left over */
    uint8_t *last; /* the blocks that the kept stack was walked from */
    size_t last_size, last_cap;
    struct region last_blocks[MAX_REGIONS];
    int last_count;
    uint32_t runnable;             /* PYRO_STATE_*: what the kernel said ... */
    uint64_t asked_tick;           /* ... then */
    int stat_file;                 /* its /proc/PID/task/TID/stat; 0: not open */
    uint32_t last_node;            /* of its last sample, ... */
    uint32_t last_flags;           /* ... its flags, ... */
    bool last_sure;                /* ... and whether all of it was the same in both copies */
    bool rests;                    /* in this tick it is where it was */
    uint64_t delay_at, delay_wait; /* when the scheduler was asked, and for how long not, ns */
    uint64_t ran, delayed;         /* what it said */
    uint64_t lower_tick;           /* when what lies below the window was last read */
    bool lower_fresh;              /* ... in this tick: the kept stack ends where the plan begins */
    /* the plan of this tick */
    struct region plan[MAX_REGIONS + MAX_OFF + 1]; /* the last is the thread state */
    int plan_count, plan_blocks;
    size_t plan_bytes;
    size_t gap_bytes;    /* between the two copies */
    uint64_t window_low; /* address in chunk window_chunk where the window begins */
    int window_chunk;
    bool window_whole; /* it begins at the bottom of the stack */
    int window_first;  /* 3.10: it begins with this frame of the kept stack */
};

#define STANDINGS 4096
struct standing { /* a function on an instruction of a generator, called by something in C */
    uint64_t key; /* which; 0: none */
    uint64_t since, last, seen; /* ticks: the first, the last, and in how many */
    bool agreed;                /* both copies of a sample showed it */
};

#define SHAPES 1024
struct shape {    /* durations of calls of one shape */
    uint64_t key; /* which: iovecs, bytes to the next power of two; 0: none */
    uint32_t ring[64];
    uint32_t seen;
    uint32_t median;
};

#define NO_FRAMES 16
struct no_frame { /* words that are no frame's: there is no code object; until: a tick */
    uint64_t executable, ip, previous, function, until;
};

#define CALLINGS 64
struct calling { /* an instruction that something can run under; until: a tick */
    uint64_t at, until;
};

#define WAIT_TIMERS 16
struct wait { /* timers of the ticks from `first` to before `end` */
    int fds[WAIT_TIMERS];
    int count;
    uint64_t first, end;
};

struct pyro_sample_clock {
    struct pyro_stream_fact schedule; /* period_ns, first_ns and seed of it */
    struct wait wait;
    uint64_t next;   /* number of the tick that is waited for */
    uint64_t tick;   /* the last one, ... */
    uint64_t now;    /* ... and when it began, ns */
    uint64_t woke;   /* when it last stopped waiting */
    uint64_t random; /* --rate max */
    int files;       /* that the samplers keep open */
    uint64_t ask_ns; /* what may still be spent on asking the kernel for threads' states, ... */
    uint64_t asked;  /* ... as of the tick that began then, ... */
    uint64_t threads, threads_before; /* ... that had so many threads, and the one before it */
    struct still *still;              /* NULL: there are none */
};

struct pyro_sampler {
    struct pyro_target *target;
    struct pyro_sample_clock *clock;
    const struct pyro_layout *lay;
    struct pyro_writer *writer;
    struct pyro_stream *stream;
    struct pyro_stream_fact fact;
    struct pyro_sampler_options options;
    struct codes *codes;
    struct pyro_map nodes; /* (parent, frame) -> node */
    size_t nodes_most;     /* with more of them a new stream begins */
    struct thread **threads;
    int thread_count, thread_cap;
    bool apart;            /* the process is in another pid namespace: ... */
    struct pyro_map tasks; /* ... tid -> task, ... */
    uint64_t tasks_tick;   /* ... as of the tick before this one; 0: never */
    uint64_t *states;      /* where the list is put while it is walked, ... */
    uint64_t *numbers;     /* ... and the threads' numbers */
    uint64_t threads_tick; /* when that was last done */
    uint64_t head;         /* address of the newest thread state, as the list was walked */
    uint64_t head_now;     /* the same word, as read with the last tick */
    uint8_t *buffer;       /* copies of the two reads of all threads */
    size_t buffer_cap;
    uint8_t *copies;   /* in it */
    uint64_t read_ns;  /* when they were made, ... */
    size_t read_codes; /* ... and what codes_bytes said then */
    uint64_t frames;   /* of all threads, as the tick began */
    bool held;         /* it had no CPU between two of the tick's reads, or in a later one */
    uint8_t *lower[2]; /* copies of what lies below a window: two chunks in turn */
    size_t lower_cap[2];
    struct iovec *iovecs;
    int iovec_cap;
    struct thread **todo; /* the threads that this tick reads */
    int todo_cap;
    uint64_t switches;      /* of the GIL's, as this tick began, ... */
    uint64_t switches_tick; /* ... which was so many; 0: never */
    struct walk one, two;
    struct no_frame no_frames[NO_FRAMES];
    struct calling callings[CALLINGS];
    struct standing standings[STANDINGS];
    struct shape *shapes; /* SHAPES of them, or NULL */
    uint64_t next_tick;   /* its number in the schedule */
    bool resumed;         /* it was off until now */
    uint64_t tick;        /* kept ticks so far */
    uint64_t skipped;     /* ticks since then that could not be kept */
    uint64_t kept_ns;     /* when the last one was kept */
    uint64_t memory;      /* where the program was put; 0: not known */
    uint64_t exec_ns;     /* when it was last asked whether it is another, ns */
    uint64_t now;         /* when this tick began, ns */
    uint64_t words_ns;    /* when head_now and generation were read */
    uint64_t generation;  /* see codes_is_due */
    uint64_t random;      /* of the gaps between copies */
    uint64_t gil;         /* where the GIL is; 0: not known */
    uint64_t gil_holder;  /* the thread state that holds it, as last read; 0: none */
    bool gil_known, collecting;
    bool gil_wanted;      /* it is looked at in this tick */
    uint64_t rested_tick; /* when a thread last did not run */
    size_t gil_at;        /* where its lines are among the copies */
    uint64_t ask_every;   /* ticks between questions to the kernel for a thread's state */
    struct thread *hasty; /* in this tick its two copies were not alike; NULL: none */
    uint64_t still_due;   /* when a still is wanted again, ns */
    int misses;           /* reads in a row that failed wholly */
    struct pyro_status_fact sums;
};

/* ---- plan.c: what to read */
/* Makes the thread's plan: the state, the window, the frames off the chunks. */
void plan_thread(struct pyro_sampler *s, struct thread *t);
/* Learns the chunks from the newest down to one already known.  PYRO_E_*: cannot be read. */
int plan_learn_chunks(struct pyro_sampler *s, struct thread *t, uint64_t newest, uint64_t top);
/* Adds an address off the chunks to the next plans. */
void plan_add_off(struct pyro_sampler *s, struct thread *t, uint64_t at, bool cframe);
/* Is a frame at this address read (not only a cframe's few bytes)? */
bool plan_has_frame(const struct pyro_sampler *s, struct thread *t, uint64_t at);
struct off *plan_find_off(struct thread *t, uint64_t at);
void plan_forget_off(struct thread *t);
/* Lays the copy of one half of a plan (`count` regions, the first `blocks` of them of chunks) out
 * as a view. */
void plan_view(const struct pyro_sampler *s, const struct region *plan, int count, int blocks,
               const uint8_t *bytes, struct view *view);

/* ---- thread_list.c */
/* Walks the interpreter's list anew.  PYRO_E_*: it cannot be read. */
int threads_refresh(struct pyro_sampler *s);
/* Gives the thread its row in the stream. */
void threads_name(struct pyro_sampler *s, struct thread *t);
/* Gives those another row that have another name by now. */
void threads_rename(struct pyro_sampler *s);
void threads_free_one(struct pyro_sampler *s, struct thread *t);

/* ---- lower.c: what lies below the window */
/* Reads all of it and walks it: the kept stack then ends where the window begins. */
int lower_read(struct pyro_sampler *s, struct thread *t);

/* ---- stack.c: the kept stack of a thread */
bool stack_same(const struct item *a, const struct item *b);
/* Puts the walk on top of the kept stack from index `anchor` on; gives each new item its node. */
int stack_keep(struct pyro_sampler *s, struct thread *t, int anchor, const struct walk *w);
/* The node of the walk's top frame, on top of the node `parent`. */
uint32_t stack_path(struct pyro_sampler *s, uint32_t parent, const struct walk *w);
/* The lowest frame of the kept stack that lies in the view's window; -1: none. */
int stack_anchor(const struct thread *t, const struct view *view);
int stack_chunk_of(const struct thread *t, uint64_t at); /* -1: on none */
/* Keeps the blocks of a view, for the next tick to be compared with. */
void stack_note(struct thread *t, const struct view *view);
/* How many cache lines of the plan's blocks, whose copy begins at bytes, are not as in those kept.
 */
size_t stack_lines_changed(const struct thread *t, const uint8_t *bytes);
/* How many frames of the kept stack, from index `from` on, have the very same bytes in the view as
 * in the blocks kept (or in `other`, if given): they need not be judged again. */
int stack_unchanged(const struct thread *t, const struct view *view, const struct view *other,
                    int from);

/* ---- sampler.c */
enum verdict { TAKEN, AGAIN, DEAD };
/* Writes the thread's sample of this tick. */
void sampler_emit(struct pyro_sampler *s, struct thread *t, uint32_t node, uint32_t flags,
                  uint32_t unverified, uint32_t second, bool ran);
/* True if some code object met, in the kept stack from `from` to before `to` or in the walk, is not
 * what it was: the read has to be made again. */
bool sampler_recheck(struct pyro_sampler *s, const struct thread *t, int from, int to,
                     const struct walk *w);
uint8_t *sampler_grow(uint8_t **buffer, size_t *cap, size_t need);

/* ---- states.c: what the threads do */
void states_tick(struct pyro_sampler *s);
/* Of a thread whose sample was just taken.  ran: its stack was not the same in both copies.
 * moved: it is not where it was at the last tick. */
uint32_t states_of(struct pyro_sampler *s, struct thread *t, bool ran, bool moved);
void states_forget(struct pyro_sampler *s, struct thread *t); /* before it is freed */
/* Takes what a copy of the GIL and of the word at collecting_at say. */
void states_gil(struct pyro_sampler *s, const uint8_t *gil, const uint8_t *collecting);
uint64_t states_collecting_at(const struct pyro_sampler *s);

/* ---- delays.c: how long the threads ran, and were ready to */
void delays_tick(struct pyro_sampler *s);

/* ---- still.c: stacks of threads that cannot run */
struct still;
struct still *still_new(void); /* NULL: there is one CPU, or no memory */
void still_free(struct still *still);
/* At the end of a tick: takes up what was asked for, and asks again when it is time. */
void still_tick(struct pyro_sampler *s);
void still_forget(struct pyro_sampler *s); /* before it is freed */

/* ---- sampler.c, for still.c */
struct start { /* where a walk of a window begins */
    uint64_t from;
    int chunk;
    int anchor; /* frames of the kept stack below it */
    bool assumed;
};
/* The window does not begin at the bottom: what lies below is as it was if the lowest frame seen
 * has not moved, or if it was read just now up to that frame.  False: it has to be read. */
bool sampler_find_start(struct pyro_sampler *s, struct thread *t, const struct view *view,
                        struct start *start);

/* ---- linked.c: stacks of 3.10 */
void linked_plan(struct pyro_sampler *s, struct thread *t);
/* The thread's sample from the two copies of its plan; last_try: whatever they hold. */
enum verdict linked_judge(struct pyro_sampler *s, struct thread *t, const uint8_t *bytes, bool slow,
                          bool last_try);
/* What changes faster than it can be read: a sample by single reads. */
void linked_take_hasty(struct pyro_sampler *s, struct thread *t);
/* The path in a copy of a plan whose window began with frame `first`; PYRO_NO_NODE: more has to be
 * read than was planned. */
uint32_t linked_path(struct pyro_sampler *s, struct thread *t, const struct region *plan, int count,
                     int first, const uint8_t *bytes);

/* ---- variables.c */
void variables_tell(struct pyro_sampler *s); /* to whom the options name */

/* ---- walk.c: from bytes to frames */
/* Walks up from the frame at `from` (in chunk `chunk`), using nothing but the view.  below: the
 * item under it, or NULL. */
void walk_view(struct pyro_sampler *s, struct thread *t, const struct view *view, uint64_t from,
               int chunk, const struct item *below, struct walk *out);
/* What the view has of these bytes; NULL: not all of them.  *rest (may be NULL): how many it has
 * from there on. */
const uint8_t *walk_locate(const struct view *view, uint64_t at, size_t size, size_t *rest);
/* The next item, to be filled in; NULL: no memory. */
struct item *walk_push(struct walk *out);
/* What was not known to stand on a generator is, if both walks met it. */
void walk_agree(struct pyro_sampler *s);
/* Reads one frame's header as an item; false if it is none. */
bool walk_header(struct pyro_sampler *s, const struct view *view, uint64_t at, struct item *out);

/* ---- timing.c */
/* Notes how long a call of this shape took.  How long it may take at most: twice the median. */
uint64_t timing_limit(struct pyro_sampler *s, uint32_t iovecs, size_t bytes, uint64_t ns);

/* ---- wait.c: until a tick is due */
void wait_init(struct wait *w, uint64_t period_ns);
void wait_release(struct wait *w);
/* Sleeps until the tick is due, or a signal or some time has come.  now: when it last woke. Returns
 * the time. */
uint64_t wait_until(struct wait *w, const struct pyro_stream_fact *schedule, uint64_t tick,
                    uint64_t now);

static inline uint64_t word(const uint8_t *at)
{
    uint64_t v;
    __builtin_memcpy(&v, at, sizeof v);
    return v;
}
static inline int32_t word32(const uint8_t *at)
{
    int32_t v;
    __builtin_memcpy(&v, at, sizeof v);
    return v;
}

#endif
