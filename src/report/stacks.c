/*
 * The stacks of all threads as they were last seen: what `dump` prints.
 */
#include "report_priv.h"

#include <stdlib.h>
#include <string.h>

const struct pyro_run *pyro_report_last(const struct pyro_profile *p, uint32_t thread)
{
    const struct pyro_thread *of = &p->threads[thread];
    return of->run_count > 0 ? &of->runs[of->run_count - 1] : NULL;
}

#define GONE_TICKS 5 /* a thread that was not seen at so many of the last ones has ended */

static uint64_t end_of(const struct pyro_run *run)
{
    return run != NULL ? run->tick + run->count : 0;
}

/* Where the thread's process stands among p->processes; behind all of them: it is not known. */
static size_t process_of(const struct pyro_profile *p, uint32_t thread)
{
    size_t process = p->threads[thread].process;
    return process < p->process_count ? process : p->process_count;
}

uint64_t *pyro_report_newest(const struct pyro_profile *p)
{
    uint64_t *newest = calloc(p->process_count + 1, sizeof *newest);
    for (uint32_t i = 0; newest != NULL && i < p->thread_count; i++) {
        uint64_t end = end_of(pyro_report_last(p, i)), *of = &newest[process_of(p, i)];
        *of = end > *of ? end : *of;
    }
    return newest;
}

bool pyro_report_has_ended(const struct pyro_profile *p, uint32_t thread, const uint64_t *newest)
{
    const struct pyro_run *last = pyro_report_last(p, thread);
    return last != NULL && end_of(last) + GONE_TICKS <= newest[process_of(p, thread)];
}

uint32_t pyro_report_state(const struct pyro_profile *p, uint32_t thread, const uint64_t *newest)
{
    const struct pyro_run *last = pyro_report_last(p, thread);
    bool now = last != NULL && end_of(last) == newest[process_of(p, thread)];
    return now ? last->state : 0;
}

/* "waiting", "running, holds the GIL": what is known. */
static void put_state(struct pyro_page *page, uint32_t state)
{
    static const struct {
        int shift;
        unsigned fact;
        const char *words;
    } told[] = {{PYRO_STATE_RUNNABLE, PYRO_STATE_YES, "running"},
                {PYRO_STATE_RUNNABLE, PYRO_STATE_NO, "waiting"},
                {PYRO_STATE_GIL, PYRO_STATE_YES, "holds the GIL"},
                {PYRO_STATE_GC, PYRO_STATE_YES, "collecting garbage"}};
    const char *before = "  ";
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (pyro_state_fact(state, told[i].shift) == told[i].fact) {
            pyro_page_printf(page, "%s%s", before, told[i].words);
            before = ", ";
        }
}

static void put_frame(struct pyro_page *page, const struct pyro_frame *frame)
{
    const struct pyro_function *f = &page->p->functions[frame->function];
    uint32_t line = frame->line > 0 ? frame->line : f->first_line;
    pyro_page_put(page, "    ");
    pyro_report_clean(&page->buf, f->qualname.bytes, f->qualname.size, 200);
    pyro_page_put(page, "  ");
    pyro_page_style(page, DIM);
    bool linked = pyro_page_link(page, f->file, line);
    pyro_report_place(&page->buf, page->p, f->file, line);
    if (linked)
        pyro_page_unlink(page);
    pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
}

uint32_t pyro_report_depth(const struct pyro_profile *p, uint32_t node)
{
    uint32_t depth = 0;
    for (; node != PYRO_NONE; node = p->nodes[node].parent)
        depth++;
    return depth;
}

bool pyro_report_is_of(const struct pyro_report_variable *variable, const struct pyro_profile *p,
                       int64_t tid, uint32_t node, uint32_t frame)
{
    struct pyro_str name = p->functions[pyro_profile_function_of(p, node)].qualname;
    return variable->tid == tid && variable->frame == frame &&
           strlen(variable->function) == name.size &&
           memcmp(variable->function, name.bytes, name.size) == 0;
}

static void put_variables(struct pyro_page *page, const struct pyro_report_variables *variables,
                          int64_t tid, uint32_t node, uint32_t frame)
{
    bool known = false;
    if (variables->list == NULL)
        return; /* nobody asked */
    for (size_t i = 0; i < variables->count; i++) {
        const struct pyro_report_variable *v = &variables->list[i];
        if (!pyro_report_is_of(v, page->p, tid, node, frame))
            continue;
        known = known || v->name == NULL;
        if (v->name == NULL)
            continue;
        pyro_page_put(page, "        ");
        pyro_report_clean(&page->buf, v->name, strlen(v->name), 100);
        pyro_page_put(page, " = ");
        pyro_report_clean(&page->buf, v->value, strlen(v->value), 0);
        pyro_page_put(page, "\n");
    }
    if (!known)
        pyro_page_put(page, "        (its variables could not be read: it went on)\n");
}

static void put_thread(struct pyro_page *page, uint32_t id, const uint64_t *newest,
                       const struct pyro_report_variables *variables)
{
    const struct pyro_profile *p = page->p;
    const struct pyro_thread *thread = &p->threads[id];
    const struct pyro_run *last = pyro_report_last(p, id);
    uint32_t node = last != NULL ? last->node : PYRO_NONE;
    pyro_page_put(page, "\n");
    pyro_page_style(page, BOLD);
    pyro_page_printf(page, "Thread %lld", (long long)thread->tid);
    pyro_page_style(page, PLAIN);
    if (thread->name.size > 0) {
        pyro_page_put(page, "  ");
        pyro_report_clean(&page->buf, thread->name.bytes, thread->name.size, 100);
    }
    pyro_page_style(page, DIM);
    put_state(page, pyro_report_state(p, id, newest));
    pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
    if (node == PYRO_NONE)
        pyro_page_put(page, last != NULL ? "    no Python function is running\n"
                                         : "    its stack could not be read\n");
    for (uint32_t depth = pyro_report_depth(p, node); node != PYRO_NONE;
         node = p->nodes[node].parent) {
        put_frame(page, &p->frames[p->nodes[node].frame]);
        put_variables(page, variables, thread->tid, node, --depth);
    }
}

int pyro_report_stacks(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o,
                       struct pyro_report_variables variables)
{
    struct pyro_page page;
    uint64_t *newest = pyro_report_newest(p);
    if (newest == NULL)
        return PYRO_E_NOMEM;
    pyro_page_init(&page, p, o);
    for (size_t i = 0; i < p->process_count; i++) {
        const struct pyro_process *process = &p->processes[i];
        pyro_page_printf(&page, "%sProcess %d: ", i > 0 ? "\n" : "", (int)process->pid);
        for (size_t k = 0; k < process->argc; k++) {
            pyro_page_put(&page, k > 0 ? " " : "");
            pyro_report_clean(&page.buf, process->argv[k].bytes, process->argv[k].size, 200);
        }
        pyro_page_put(&page, process->argc > 0 ? " (Python " : "(Python ");
        pyro_report_clean(&page.buf, process->python.bytes, process->python.size, 40);
        pyro_page_put(&page, ")\n");
        for (size_t k = 0; k < p->thread_count; k++)
            if (p->threads[k].process == i && !pyro_report_has_ended(p, (uint32_t)k, newest))
                put_thread(&page, (uint32_t)k, newest, &variables);
    }
    free(newest);
    return pyro_page_finish(&page, to);
}
