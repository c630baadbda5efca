/*
 * still: stacks read while their thread cannot run.  A second thread of ours goes to the CPU that
 * the program's thread runs on; while it copies there, that one has to wait, and the copy is of one
 * moment.  It costs the program some microseconds, so there are few of them: they are no samples,
 * but tell, when the recording is loaded, which paths there are (src/profile/fold.c).  They are
 * only made where the two copies of a sample were not alike.
 *
 * The helper knows nothing of stacks: it copies what it is given, and finds out whether the thread
 * could have run meanwhile.  The tick that comes next takes up what it has copied.
 */
#include "sample_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define EVERY_TICKS 32             /* at most one in so many ticks, ... */
#define EVERY_NS UINT64_C(1500000) /* ... and in so much time, in a process */
#define PLAN_MOST (MAX_REGIONS + MAX_OFF + 1)
#define PROCESSOR_FIELD 39 /* of /proc/PID/task/TID/stat */

enum { IDLE, ASKED, DONE };

struct still {
    pthread_t helper;
    sem_t wanted;
    atomic_int state; /* the rest is the helper's while it is ASKED, else the sampler's */
    bool ending;
    cpu_set_t allowed; /* to all of us, as we began */
    int cpu;           /* where the helper is; -1: anywhere */
    /* what is asked for */
    pid_t pid, task;
    int file; /* the task's stat; -1: not open */
    pid_t file_task;
    struct iovec remote[PLAN_MOST]; /* the plan; it is copied twice */
    int count;
    size_t bytes; /* of one copy */
    uint8_t *copies;
    size_t cap;
    bool exact; /* the answer */
    /* whose it is */
    struct pyro_sampler *sampler; /* NULL: nobody's any more */
    uint64_t thread_state;
    int64_t tid;
    struct region plan[PLAN_MOST];
    int blocks, window_chunk;
    uint64_t window_low;
    bool window_whole;
    int window_first;
};

/* ---- the helper */

/* The thread's state, and the CPU that it is on or was on last.  0: not known. */
static char look_at(int file, int *cpu)
{
    char text[1024];
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *at = strrchr(text, ')'); /* the end of field 2, which may hold anything */
    if (at == NULL || at[1] != ' ')
        return 0;
    char state = at[2];
    for (int field = 2; field < PROCESSOR_FIELD && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return 0;
    *cpu = atoi(at + 1);
    return state;
}

static void close_stat(struct still *still)
{
    if (still->file >= 0)
        close(still->file);
    still->file = -1;
}

static void open_stat(struct still *still)
{
    char path[64];
    if (still->file >= 0 && still->file_task == still->task)
        return;
    close_stat(still);
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)still->pid, (int)still->task);
    still->file = open(path, O_RDONLY | O_CLOEXEC);
    still->file_task = still->task;
}

static bool go_to(struct still *still, int cpu)
{
    cpu_set_t one;
    if (cpu == still->cpu)
        return true;
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &still->allowed))
        return false;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    still->cpu = sched_setaffinity(0, sizeof one, &one) == 0 ? cpu : -1;
    return still->cpu == cpu;
}

static long switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw + usage.ru_nivcsw : -1;
}

static bool copy_twice(struct still *still)
{
    struct iovec local = {still->copies, still->bytes};
    for (int half = 0; half < 2; half++) {
        if (process_vm_readv(still->pid, &local, 1, still->remote, (unsigned long)still->count,
                             0) != (ssize_t)still->bytes)
            return false;
        local.iov_base = still->copies + still->bytes;
    }
    return memcmp(still->copies, still->copies + still->bytes, still->bytes) == 0;
}

/* Copies on the thread's CPU.  It cannot have run meanwhile if it waits for that CPU behind us, who
 * had it all the time. */
static bool make(struct still *still)
{
    int before = -1, after = -1;
    open_stat(still);
    char state = look_at(still->file, &before);
    if (state == 0) { /* another thread may have its number by now */
        close_stat(still);
        return false;
    }
    if (state != 'R' || !go_to(still, before))
        return false;
    long given = switches();
    return copy_twice(still) && look_at(still->file, &after) == 'R' && after == before &&
           given >= 0 && switches() == given && sched_getcpu() == before;
}

static void *help(void *arg)
{
    struct still *still = arg;
    for (;;) {
        while (sem_wait(&still->wanted) != 0 && errno == EINTR)
            ;
        if (still->ending)
            return NULL;
        still->exact = make(still);
        atomic_store_explicit(&still->state, DONE, memory_order_release);
    }
}

struct still *still_new(void)
{
    cpu_set_t allowed;
    sigset_t all, before;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        return NULL; /* with one CPU every read is a still */
    struct still *still = calloc(1, sizeof *still);
    if (still == NULL || sem_init(&still->wanted, 0, 0) != 0) {
        free(still);
        return NULL;
    }
    still->allowed = allowed;
    still->cpu = still->file = -1;
    sigfillset(&all); /* signals are for the thread that we are */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&still->helper, NULL, help, still);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        sem_destroy(&still->wanted);
        free(still);
        return NULL;
    }
    return still;
}

void still_free(struct still *still)
{
    if (still == NULL)
        return;
    still->ending = true;
    sem_post(&still->wanted);
    pthread_join(still->helper, NULL);
    sem_destroy(&still->wanted);
    close_stat(still);
    free(still->copies);
    free(still);
}

/* ---- the sampler */

void still_forget(struct pyro_sampler *s)
{
    struct still *still = s->clock->still;
    if (still != NULL && still->sampler == s)
        still->sampler = NULL;
}

static struct thread *thread_of(const struct pyro_sampler *s, const struct still *still)
{
    for (int i = 0; i < s->thread_count; i++)
        if (s->threads[i]->state == still->thread_state && s->threads[i]->tid == still->tid)
            return s->threads[i];
    return NULL;
}

/* The path in the copy, or PYRO_NO_NODE: more has to be read than was planned. */
static uint32_t path_in(struct pyro_sampler *s, struct thread *t, const struct still *still)
{
    struct view view;
    if (pyro_layout_is_linked(s->lay))
        return linked_path(s, t, still->plan, still->count, still->window_first, still->copies);
    plan_view(s, still->plan, still->count, still->blocks, still->copies, &view);
    if ((int64_t)view.tid != t->tid || view.blocks == 0 || t->chunk_count == 0 ||
        view.chunk != t->chunks[t->chunk_count - 1].at ||
        view.top > view.regions[view.blocks - 1].end)
        return PYRO_NO_NODE;
    struct start start = {.from = still->window_low, .chunk = still->window_chunk};
    if (!still->window_whole && !sampler_find_start(s, t, &view, &start))
        return PYRO_NO_NODE;
    struct item below;
    if (start.anchor > 0)
        below = t->stack[start.anchor - 1];
    struct walk *w = &s->two;
    walk_view(s, t, &view, start.from, start.chunk, start.anchor > 0 ? &below : NULL, w);
    if (w->need != 0 || w->need_cframe || w->doubt.at != 0)
        return PYRO_NO_NODE;
    return stack_path(s, start.anchor > 0 ? below.node : PYRO_NO_NODE, w);
}

static void take_up(struct pyro_sampler *s, const struct still *still)
{
    struct thread *t = still->exact ? thread_of(s, still) : NULL;
    uint32_t node = t != NULL ? path_in(s, t, still) : PYRO_NO_NODE;
    if (node != PYRO_NO_NODE)
        pyro_format_stream_still(s->stream, node);
}

static bool ask(struct pyro_sampler *s, const struct thread *t, struct still *still)
{
    if (t->task == 0 || t->lower_fresh ||
        sampler_grow(&still->copies, &still->cap, 2 * t->plan_bytes) == NULL)
        return false;
    still->sampler = s;
    still->thread_state = t->state;
    still->tid = t->tid;
    still->pid = pyro_target_pid(s->target);
    still->task = t->task;
    still->count = t->plan_count;
    still->bytes = t->plan_bytes;
    still->blocks = t->plan_blocks;
    still->window_chunk = t->window_chunk;
    still->window_low = t->window_low;
    still->window_whole = t->window_whole;
    still->window_first = t->window_first;
    memcpy(still->plan, t->plan, (size_t)t->plan_count * sizeof *t->plan);
    for (int i = 0; i < t->plan_count; i++)
        still->remote[i] =
            (struct iovec){(void *)t->plan[i].start, t->plan[i].end - t->plan[i].start};
    atomic_store_explicit(&still->state, ASKED, memory_order_release);
    sem_post(&still->wanted);
    return true;
}

void still_tick(struct pyro_sampler *s)
{
    struct still *still = s->clock->still;
    if (still == NULL)
        return;
    int state = atomic_load_explicit(&still->state, memory_order_acquire);
    if (state == DONE && (still->sampler == s || still->sampler == NULL)) {
        if (still->sampler == s)
            take_up(s, still);
        still->sampler = NULL;
        atomic_store_explicit(&still->state, state = IDLE, memory_order_relaxed);
    }
    if (state != IDLE || s->hasty == NULL || s->now < s->still_due || !ask(s, s->hasty, still))
        return;
    uint64_t every = EVERY_TICKS * s->fact.period_ns;
    s->still_due = s->now + (every > EVERY_NS ? every : EVERY_NS);
}
