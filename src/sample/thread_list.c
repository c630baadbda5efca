/*
 * thread_list: which threads the process has.  New ones are put at the head of the interpreter's
 * list, so one word tells of them; ended ones are found by walking the list again now and then, and
 * when a read fails.
 */
#include "sample_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MOST 16384
#define NAME_AGAIN_FIRST UINT64_C(2000000) /* ns; then twice as long each time ... */
#define NAME_AGAIN_MOST UINT64_C(8000000000)

void threads_free_one(struct pyro_sampler *s, struct thread *t)
{
    if (s->hasty == t)
        s->hasty = NULL;
    states_forget(s, t);
    plan_forget_off(t);
    free(t->chunks);
    free(t->stack);
    free(t->last);
    free(t);
}

/* A process in a namespace of its own calls its threads by other numbers than we do. */
static pid_t task_of(struct pyro_sampler *s, int64_t tid)
{
    if (!s->apart)
        return (pid_t)tid;
    uint32_t task = pyro_base_map_get(&s->tasks, (uint64_t)tid, 0);
    uint64_t age = s->tick + 1 - s->tasks_tick; /* 0: made in this tick */
    if (age > REFRESH_TICKS || (task == PYRO_MAP_NONE && age > 0)) {
        pyro_base_map_clear(&s->tasks);
        pyro_target_tasks(pyro_target_pid(s->target), &s->tasks);
        s->tasks_tick = s->tick + 1;
        task = pyro_base_map_get(&s->tasks, (uint64_t)tid, 0);
    }
    return task == PYRO_MAP_NONE ? 0 : (pid_t)task;
}

/* The main thread's number is the process's. */
static pid_t main_task(const struct pyro_sampler *s)
{
    pid_t pid = pyro_target_pid(s->target), parent;
    const char *words;
    if (pid == PYRO_CORE_PID)
        pyro_target_core_process(&pid, &parent, &words);
    return pid;
}

/* What the system says of the thread; of one in a core file it says nothing. */
static bool stat_of(const struct pyro_sampler *s, const struct thread *t,
                    struct pyro_proc_stat *out)
{
    pid_t pid = pyro_target_pid(s->target);
    return pid == PYRO_CORE_PID || pyro_target_proc_stat(pid, t->task, out) == 0;
}

static void give_row(struct pyro_sampler *s, struct thread *t, uint64_t start_ticks)
{
    struct pyro_thread_fact fact = {
        .tid = t->task > 0 ? t->task : t->tid,
        .start_ticks = start_ticks,
        .name = {t->name, strlen(t->name)},
    };
    t->id = pyro_format_stream_thread(s->stream, &fact);
    t->named = t->id != PYRO_MAP_NONE;
}

/* A thread gets its row in the stream when its id is known: CPython notes it when it starts to
 * run. */
void threads_name(struct pyro_sampler *s, struct thread *t)
{
    struct pyro_proc_stat stat = {0};
    pid_t pid = main_task(s);
    if (t->task > 0 && stat_of(s, t, &stat) && t->name[0] == '\0')
        snprintf(t->name, sizeof t->name, "%s", t->task == pid ? "MainThread" : stat.comm);
    give_row(s, t, stat.start_ticks);
}

/* What Python calls the thread: the system is told of that from 3.14 on, and of the first 15 bytes.
 * The lowest frame of one that `threading` has started is Thread._bootstrap's, whose first argument
 * is the thread's object. */
static bool python_name(struct pyro_sampler *s, const struct thread *t, char *out, size_t size)
{
    uint64_t object;
    if (t->depth == 0 || strcmp(t->stack[0].code->facts.name, "_bootstrap") != 0)
        return false;
    return pyro_target_read_u64(s->target, t->stack[0].at + (uint64_t)s->lay->frame_locals,
                                &object) == 0 &&
           pyro_target_thread_name(s->target, object & ~(uint64_t)s->lay->tag_mask, out, size);
}

/* A thread is given its name when it runs already, and any may give itself another. */
void threads_rename(struct pyro_sampler *s)
{
    for (int i = 0; i < s->thread_count; i++) {
        struct thread *t = s->threads[i];
        struct pyro_proc_stat stat = {0};
        char name[sizeof t->name];
        pid_t pid = main_task(s);
        if (t->name_due > s->now || t->task == pid || t->task == 0)
            continue;
        t->name_wait = t->name_wait == 0 ? NAME_AGAIN_FIRST : 2 * t->name_wait;
        if (t->name_wait > NAME_AGAIN_MOST)
            t->name_wait = NAME_AGAIN_MOST;
        t->name_due = s->now + t->name_wait;
        if (!stat_of(s, t, &stat))
            continue;
        if (python_name(s, t, name, sizeof name))
            t->by_python = true;
        else if (t->by_python)
            continue;
        else
            snprintf(name, sizeof name, "%s", stat.comm);
        if (strcmp(name, t->name) != 0) {
            memcpy(t->name, name, sizeof name);
            give_row(s, t, stat.start_ticks);
        }
    }
}

static void find_interpreter(struct pyro_sampler *s, struct thread *t)
{
    uint64_t main = pyro_target_interpreter(s->target), its = main;
    pyro_target_read_u64(s->target, t->state + (uint64_t)s->lay->thread_interp, &its);
    t->is_main = its == main;
    t->has_gil = t->is_main || pyro_target_gil(s->target, its) == s->gil;
}

/* A thread that runs code in another interpreter has a state in each, and one more while it makes
 * or ends it: where it is is what that one of them says that has frames. */
static int find_inner(struct pyro_sampler *s)
{
    struct pyro_map mains = {0};
    int others = 0, rc = 0;
    for (int i = 0; i < s->thread_count; i++) {
        s->threads[i]->inner = NULL;
        others += !s->threads[i]->is_main;
    }
    for (int i = 0; i < s->thread_count && others > 0 && rc == 0; i++)
        if (s->threads[i]->is_main)
            rc = pyro_base_map_put(&mains, (uint64_t)s->threads[i]->tid, 0, (uint32_t)i);
    for (int i = 0; i < s->thread_count && others > 0 && rc == 0; i++) {
        struct thread *t = s->threads[i];
        uint32_t at = pyro_base_map_get(&mains, (uint64_t)t->tid, 0);
        if (t->is_main || at == PYRO_MAP_NONE)
            continue;
        t->inner = s->threads[at]->inner;
        s->threads[at]->inner = t;
    }
    pyro_base_map_release(&mains);
    return rc;
}

static struct thread *add(struct pyro_sampler *s, uint64_t state, int64_t tid)
{
    if (s->thread_count == s->thread_cap) {
        int cap = s->thread_cap ? s->thread_cap * 2 : 16;
        struct thread **more = realloc(s->threads, (size_t)cap * sizeof(struct thread *));
        if (more == NULL)
            return NULL;
        s->threads = more;
        s->thread_cap = cap;
    }
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->state = state;
    t->tid = tid;
    t->task = task_of(s, tid);
    find_interpreter(s, t);
    threads_name(s, t);
    s->threads[s->thread_count++] = t;
    return t;
}

/* The threads' numbers; 0: not begun (or gone), UINT64_MAX: cannot be read.  3.10: the state of one
 * that has not begun has the number of the one that made it, whose own state is older. */
static int read_numbers(struct pyro_sampler *s, int count)
{
    struct pyro_map seen = {0};
    int rc = 0;
    for (int i = count - 1; i >= 0 && rc == 0; i--) { /* the oldest first */
        uint64_t its = 0, *number = &s->numbers[i];
        if (pyro_target_thread_number(s->target, s->states[i], number) != 0) {
            *number = UINT64_MAX;
            continue;
        }
        if (!pyro_layout_is_linked(s->lay) || *number == 0)
            continue;
        pyro_target_read_u64(s->target, s->states[i] + (uint64_t)s->lay->thread_interp, &its);
        if (pyro_base_map_get(&seen, *number, its) != PYRO_MAP_NONE)
            *number = 0;
        else
            rc = pyro_base_map_put(&seen, *number, its, 1);
    }
    pyro_base_map_release(&seen);
    return rc;
}

/* The threads of the list are alive: known ones are found by state and number. */
static int mark_alive(struct pyro_sampler *s, int count)
{
    struct pyro_map known = {0};
    int rc = 0;
    for (int i = 0; i < s->thread_count && rc == 0; i++) {
        struct thread *t = s->threads[i];
        t->alive = false;
        rc = pyro_base_map_put(&known, t->state, (uint64_t)t->tid, (uint32_t)i);
    }
    for (int i = 0; i < count && rc == 0; i++) {
        const uint64_t state = s->states[i], tid = s->numbers[i];
        if (tid == UINT64_MAX)
            continue;
        if (tid == 0) { /* made, but not begun: again at the next tick */
            s->head = 0;
            continue;
        }
        uint32_t at = pyro_base_map_get(&known, state, tid);
        struct thread *t = at == PYRO_MAP_NONE ? add(s, state, (int64_t)tid) : s->threads[at];
        if (t != NULL && t->named)
            t->alive = true;
        if (t != NULL && at == PYRO_MAP_NONE) /* lists that lie may have it again */
            rc = pyro_base_map_put(&known, state, tid, (uint32_t)s->thread_count - 1);
    }
    pyro_base_map_release(&known);
    return rc;
}

int threads_refresh(struct pyro_sampler *s)
{
    if (s->states == NULL && !(s->states = malloc(2 * THREADS_MOST * sizeof *s->states)))
        return PYRO_E_NOMEM;
    s->numbers = s->states + THREADS_MOST;
    int count = pyro_target_threads(s->target, s->states, THREADS_MOST);
    if (count >= 0 && read_numbers(s, count) != 0)
        return PYRO_E_NOMEM;
    if (count < 0)
        return count;
    if (s->gil == 0)
        s->gil = pyro_target_gil(s->target, pyro_target_interpreter(s->target));
    s->threads_tick = s->tick;
    s->head = count > 0 ? s->states[0] : 0;
    if (mark_alive(s, count) != 0)
        return PYRO_E_NOMEM;
    int kept = 0;
    for (int i = 0; i < s->thread_count; i++) {
        if (s->threads[i]->alive)
            s->threads[kept++] = s->threads[i];
        else
            threads_free_one(s, s->threads[i]);
    }
    s->thread_count = kept;
    return find_inner(s);
}
