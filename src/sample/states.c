/*
 * states: what a thread does at the moment of its sample: can it run, does it hold the GIL, is it
 * in the garbage collector?  Each yes, no or unknown.  A thread whose stack is not the same in both
 * copies ran, and nobody writes frames without the GIL.  Of others, words of the interpreter's tell
 * that are read between the two copies, if there was one not long ago; for the first one after a
 * while they are asked right after.
 * Whether a thread that did not move can run is the kernel's to say, which costs some microseconds:
 * those that went on since the last tick are asked about at once, the others in turn, of all
 * processes together for at most a fifth of the time between two ticks.  An answer holds while the
 * thread stays where it is, but not longer than KNOWN_TICKS.
 */
#include "sample_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHARE 5         /* of the time between two ticks, at most one in so many parts */
#define ASK_NS 3000     /* what asking costs through an open file, ... */
#define OPEN_NS 9000    /* ... and what through one that has to be opened */
#define KNOWN_TICKS 100 /* an answer is not believed for longer */
#define RESTS_EVERY 50  /* ticks between questions about a thread that did not run Python */
#define FILES_MOST 256  /* kept open by all samplers of a recording */
#define GIL_TICKS 100   /* after one that did not run the GIL is looked at in so many ticks, ... */
#define GIL_TICKS_MAX 1 /* ... with `--rate max` */

static uint32_t answer(bool yes)
{
    return yes ? PYRO_STATE_YES : PYRO_STATE_NO;
}

/* What may be spent in a tick is shared by all samplers of a clock. */
static void begin_tick(struct pyro_sample_clock *clock)
{
    uint64_t period = clock->schedule.period_ns;
    uint64_t most = (period > 0 ? period : OPEN_NS * SHARE) / SHARE + OPEN_NS;
    clock->ask_ns += (clock->now - clock->asked) / SHARE;
    if (clock->ask_ns > most)
        clock->ask_ns = most;
    clock->asked = clock->now;
    clock->threads_before = clock->threads;
    clock->threads = 0;
}

void states_tick(struct pyro_sampler *s)
{
    struct pyro_sample_clock *clock = s->clock;
    uint64_t period = s->fact.period_ns;
    s->gil_wanted = s->tick - s->rested_tick <= (period > 0 ? GIL_TICKS : GIL_TICKS_MAX);
    if (clock->asked != clock->now)
        begin_tick(clock);
    clock->threads += (uint64_t)s->thread_count;
    /* so many ticks until it is a thread's turn again */
    uint64_t all = clock->threads > clock->threads_before ? clock->threads : clock->threads_before;
    s->ask_every = period > 0 ? 1 + all * ASK_NS * SHARE / period : KNOWN_TICKS;
}

static int open_stat(const struct pyro_sampler *s, const struct thread *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pyro_target_pid(s->target),
             (int)t->task);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The state's letter; 0: not known.  Field 2, before it, may hold anything. */
static char read_letter(int fd)
{
    char text[160];
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' ? end[2] : 0;
}

static void ask(struct pyro_sampler *s, struct thread *t)
{
    uint64_t cost = t->stat_file > 0 ? ASK_NS : OPEN_NS;
    if (s->clock->ask_ns < cost || t->task == 0)
        return;
    s->clock->ask_ns -= cost;
    int fd = t->stat_file > 0 ? t->stat_file : open_stat(s, t);
    char letter = fd >= 0 ? read_letter(fd) : 0;
    if (fd >= 0 && t->stat_file == 0) {
        if (fd > 0 && s->clock->files < FILES_MOST) {
            s->clock->files++;
            t->stat_file = fd;
        } else {
            close(fd);
        }
    }
    t->asked_tick = s->tick;
    t->runnable = letter == 0 || strchr("ZXx", letter) != NULL ? 0 : answer(letter == 'R');
}

void states_forget(struct pyro_sampler *s, struct thread *t)
{
    if (t->stat_file <= 0)
        return;
    close(t->stat_file);
    t->stat_file = 0;
    s->clock->files--;
}

uint64_t states_collecting_at(const struct pyro_sampler *s)
{
    return pyro_target_interpreter(s->target) +
           (uint64_t)(s->lay->interp_gc + s->lay->gc_collecting);
}

void states_gil(struct pyro_sampler *s, const uint8_t *gil, const uint8_t *collecting)
{
    int32_t locked = word32(gil + s->lay->gil_locked);
    s->gil_known = locked == 0 || locked == 1;
    s->gil_holder = locked == 1 ? word(gil + s->lay->gil_holder) : 0;
    s->collecting = word32(collecting) != 0;
}

static void look_at_gil(struct pyro_sampler *s)
{
    uint8_t gil[256], collecting[4];
    const size_t size = (size_t)s->lay->gil_locked + 4;
    s->gil_wanted = true; /* once in a tick */
    if (s->gil != 0 && size <= sizeof gil && pyro_target_read(s->target, s->gil, gil, size) == 0 &&
        pyro_target_read(s->target, states_collecting_at(s), collecting, sizeof collecting) == 0)
        states_gil(s, gil, collecting);
}

uint32_t states_of(struct pyro_sampler *s, struct thread *t, bool ran, bool moved)
{
    uint32_t holds = 0, collects = 0;
    if (!ran && !s->gil_wanted && s->fact.period_ns > 0)
        look_at_gil(s);
    if (ran || (s->gil_known && t->has_gil)) {
        holds = answer(ran || s->gil_holder == t->state);
        collects = answer(holds == PYRO_STATE_YES && s->gil_known && s->collecting);
    }
    if (!ran)
        s->rested_tick = s->tick;
    if (ran || moved)
        t->runnable = 0; /* what is known is of another moment */
    const uint64_t every = t->rests && s->ask_every < RESTS_EVERY ? RESTS_EVERY : s->ask_every;
    if (!ran && (t->runnable == 0 || s->tick - t->asked_tick >= every))
        ask(s, t);
    if (s->tick - t->asked_tick > KNOWN_TICKS)
        t->runnable = 0;
    return (ran ? PYRO_STATE_YES : t->runnable) << PYRO_STATE_RUNNABLE | holds << PYRO_STATE_GIL |
           collects << PYRO_STATE_GC;
}
