/*
 * The threads of all interpreters of a process.  The lists are read while the program changes them:
 * each thread must point back to the one before and to its interpreter, and the interpreters not
 * lead round; a walk that meets anything else begins again, and after a few attempts the last one
 * counts.
 */
#include "target_priv.h"

enum { WALKS = 4, THREAD_READ_MAX = 4096, INTERPRETERS_MAX = 1 << 12 };

/* Adds the threads of one interpreter.  *whole: the walk came to the list's end, or to max. */
static int walk(struct pyro_target *t, uint64_t interpreter, uint64_t *out, int max, bool *whole)
{
    const struct pyro_layout *l = &t->layout;
    uint8_t bytes[THREAD_READ_MAX];
    uint64_t at, before = 0;
    int count = 0;
    int rc = pyro_target_read_u64(t, interpreter + (uint64_t)l->interp_threads_head, &at);

    *whole = false;
    if (rc)
        return rc;
    while (at && count < max) {
        if (!target_plausible(at))
            return count;
        rc = target_read(t->pid, at, bytes, (size_t)l->thread_size);
        if (rc)
            return rc == PYRO_E_IO ? count : rc;
        if (target_u64(bytes + l->thread_prev) != before ||
            target_u64(bytes + l->thread_interp) != interpreter)
            return count;
        out[count++] = at;
        before = at;
        at = target_u64(bytes + l->thread_next);
    }
    *whole = true;
    return count;
}

/* The interpreters, the newest first and the main one last. */
static int walk_all(struct pyro_target *t, uint64_t *out, int max, bool *whole)
{
    const struct pyro_layout *l = &t->layout;
    struct pyro_round round = {0};
    uint64_t at;
    int count = 0;
    int rc = pyro_target_read_u64(t, t->runtime + (uint64_t)l->runtime_interpreters_head, &at);

    *whole = true;
    t->others = 0;
    for (int i = 0; !rc && at != t->interpreter && i < INTERPRETERS_MAX; i++) {
        bool its_whole = false;
        int its = target_plausible(at) ? walk(t, at, out + count, max - count, &its_whole) : 0;

        /* it is being made or ended */
        if (its < 0 || !its_whole || pyro_base_goes_round(&round, at)) {
            *whole = false;
            break;
        }
        count += its;
        t->others++;
        rc = pyro_target_read_u64(t, at + (uint64_t)l->interp_next, &at);
    }
    bool main_whole = false;
    int its = walk(t, t->interpreter, out + count, max - count, &main_whole);
    if (its < 0)
        return its;
    *whole &= main_whole;
    return count + its;
}

int pyro_target_threads(struct pyro_target *t, uint64_t *out, int max)
{
    bool whole = false;
    int best = 0;

    if (t->layout.thread_size <= 0 || t->layout.thread_size > THREAD_READ_MAX)
        return PYRO_E_UNSUPPORTED;
    for (int i = 0; i < WALKS; i++) {
        int count = walk_all(t, out, max, &whole);

        if (count < 0 || whole)
            return count;
        best = count; /* `out` holds this last walk */
    }
    return best;
}

/* Where glibc's struct pthread has the thread's number.  It is checked, and sought where it is
 * another one. */
#if defined(__aarch64__)
enum { NUMBER_USUALLY_AT = 0xd0 };
#else
enum { NUMBER_USUALLY_AT = 0x2d0 };
#endif
enum { NUMBER_LEAST = 0x80, NUMBER_MOST = 0x400 };

static bool is_number(struct pyro_target *t, const struct pyro_map *tasks, uint64_t thread, int at)
{
    int32_t number;

    return target_read(t->pid, thread + (uint64_t)at, &number, 4) == 0 && number > 0 &&
           pyro_base_map_get(tasks, (uint64_t)number, 0) != PYRO_MAP_NONE;
}

/* From the C library's struct of a thread that runs. */
static int find_number(struct pyro_target *t, uint64_t thread)
{
    struct pyro_map tasks = {0};
    int at = 0;

    if (t->pid == PYRO_CORE_PID)
        return NUMBER_USUALLY_AT;
    if (pyro_target_tasks(t->pid, &tasks) >= 0) {
        if (is_number(t, &tasks, thread, NUMBER_USUALLY_AT))
            at = NUMBER_USUALLY_AT;
        for (int i = NUMBER_LEAST; i < NUMBER_MOST && at == 0; i += 4)
            if (is_number(t, &tasks, thread, i))
                at = i;
    }
    pyro_base_map_release(&tasks);
    return at;
}

int pyro_target_thread_number(struct pyro_target *t, uint64_t state, uint64_t *out)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t thread;
    int32_t number = 0;
    int rc;

    *out = 0;
    if (!pyro_layout_is_linked(l))
        return pyro_target_read_u64(t, state + (uint64_t)l->thread_native_id, out);
    rc = pyro_target_read_u64(t, state + (uint64_t)l->thread_id, &thread);
    if (rc || !target_plausible(thread))
        return rc;
    if (t->number_at == 0)
        t->number_at = find_number(t, thread);
    if (t->number_at > 0)
        rc = target_read(t->pid, thread + (uint64_t)t->number_at, &number, 4);
    *out = number > 0 ? (uint64_t)number : 0;
    return rc == PYRO_E_IO ? 0 : rc; /* it has ended meanwhile */
}
