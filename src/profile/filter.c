/*
 * Filters: a new profile in which functions that are not kept are taken out of every path, and
 * samples of other threads and processes are left out.  Copies all it needs: the old one may be
 * freed. Functions, frames, threads and processes keep their ids.
 */
#include "profile_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy_str(struct pyro_profile *p, struct pyro_str *text)
{
    text->bytes = pyro_base_arena_copy(p->arena, text->size ? text->bytes : "", text->size);
    return text->bytes == NULL ? PYRO_E_NOMEM : PYRO_OK;
}

/* A copy of an array; never NULL when it succeeds. */
static void *copy_array(struct pyro_profile *p, const void *from, size_t count, size_t elem)
{
    void *to = pyro_base_arena_alloc(p->arena, (count + 1) * elem);
    if (to != NULL && count > 0)
        memcpy(to, from, count * elem);
    return to;
}

static int copy_strs(struct pyro_profile *p, struct pyro_str **texts, size_t count)
{
    *texts = copy_array(p, *texts, count, sizeof(**texts));
    int rc = *texts == NULL ? PYRO_E_NOMEM : PYRO_OK;
    for (size_t i = 0; rc == PYRO_OK && i < count; i++)
        rc = copy_str(p, &(*texts)[i]);
    return rc;
}

/* to starts as a plain copy of the struct, but for what is allocated by itself, with an arena of
 * its own. */
static int copy_tables(const struct pyro_profile *p, struct pyro_profile *to)
{
    to->functions = copy_array(to, to->functions, to->function_count, sizeof(*to->functions));
    to->frames = copy_array(to, to->frames, to->frame_count, sizeof(*to->frames));
    to->threads = copy_array(to, p->threads, p->thread_count, sizeof(*to->threads));
    to->processes = copy_array(to, to->processes, to->process_count, sizeof(*to->processes));
    to->tick_bases = copy_array(to, to->tick_bases, to->tick_base_count, sizeof(*to->tick_bases));
    for (size_t i = 0; to->threads != NULL && i < to->thread_count; i++) {
        to->threads[i].runs = NULL; /* its own are made anew */
        to->threads[i].run_count = 0;
    }
    to->ticks = malloc((p->tick_count + 1) * sizeof(*to->ticks));
    if (to->ticks != NULL && p->tick_count > 0)
        memcpy(to->ticks, p->ticks, p->tick_count * sizeof(*to->ticks));
    to->sources = copy_array(to, to->sources, to->source_count, sizeof(*to->sources));
    if (!to->functions || !to->frames || !to->threads || !to->processes || !to->tick_bases ||
        !to->ticks || !to->sources)
        return PYRO_E_NOMEM;
    int rc = PYRO_OK;
    for (size_t i = 0; rc == PYRO_OK && i < to->function_count; i++) {
        struct pyro_function *f = &to->functions[i];
        struct pyro_str *texts[] = {&f->file, &f->name, &f->qualname, &f->module};
        for (size_t k = 0; rc == PYRO_OK && k < 4; k++)
            rc = copy_str(to, texts[k]);
    }
    for (size_t i = 0; rc == PYRO_OK && i < to->thread_count; i++) {
        struct pyro_thread *thread = &to->threads[i];
        thread->delays =
            copy_array(to, thread->delays, thread->delay_count, sizeof(*thread->delays));
        rc = thread->delays == NULL ? PYRO_E_NOMEM : copy_str(to, &thread->name);
    }
    for (size_t i = 0; rc == PYRO_OK && i < to->process_count; i++) {
        rc = copy_str(to, &to->processes[i].python);
        if (rc == PYRO_OK)
            rc = copy_strs(to, &to->processes[i].argv, to->processes[i].argc);
    }
    for (size_t i = 0; rc == PYRO_OK && i < to->source_count; i++) {
        rc = copy_str(to, &to->sources[i].file);
        if (rc == PYRO_OK)
            rc = copy_str(to, &to->sources[i].text);
    }
    struct pyro_str *texts[] = {&to->cwd, &to->tool, &to->host, &to->python};
    for (size_t k = 0; rc == PYRO_OK && k < 4; k++)
        rc = copy_str(to, texts[k]);
    if (rc == PYRO_OK)
        rc = copy_strs(to, &to->argv, to->argc);
    if (rc == PYRO_OK)
        rc = copy_strs(to, &to->warnings, to->warning_count);
    if (rc == PYRO_OK)
        rc = copy_strs(to, &to->unknown, to->unknown_count);
    return rc;
}

/* ---- mine: the program's own files */

static bool is_environment(struct pyro_map *seen, const char *folder, size_t size)
{
    char path[4096 + 16];
    uint64_t key = pyro_base_hash(folder, size);
    uint32_t known = pyro_base_map_get(seen, key, size);
    if (known != PYRO_MAP_NONE)
        return known;
    snprintf(path, sizeof path, "%.*s/pyvenv.cfg", (int)size, folder);
    bool found = access(path, F_OK) == 0;
    pyro_base_map_put(seen, key, size, found); /* a failure only costs time */
    return found;
}

static bool part_is(const char *part, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(part, name, size) == 0;
}

static bool is_mine(const struct pyro_profile *p, const struct pyro_function *f, const char *dir,
                    struct pyro_map *seen)
{
    char path[4096];
    struct pyro_str file = f->file;
    if (file.size > 0 && file.bytes[0] == '<') /* code given on the command line or typed in */
        return (part_is(file.bytes, file.size, "<string>") &&
                (f->module.size == 0 || part_is(f->module.bytes, f->module.size, "__main__"))) ||
               part_is(file.bytes, file.size, "<stdin>");
    int size = file.size > 0 && file.bytes[0] == '/'
                   ? snprintf(path, sizeof path, "%.*s", (int)(file.size & 0xffff), file.bytes)
                   : snprintf(path, sizeof path, "%.*s/%.*s", (int)(p->cwd.size & 0xffff),
                              p->cwd.bytes, (int)(file.size & 0xffff), file.bytes);
    size_t base = strlen(dir);
    while (base > 0 && dir[base - 1] == '/')
        base--;
    if (file.size == 0 || file.size > 0xffff || size < 0 || (size_t)size >= sizeof path ||
        (size_t)size <= base || memcmp(path, dir, base) != 0 || path[base] != '/')
        return false;

    bool after_lib = false;
    for (char *part = path + base + 1;;) { /* the folders below dir */
        char *end = strchr(part, '/');
        if (end == NULL)
            return true;
        size_t n = (size_t)(end - part);
        if (part_is(part, n, "site-packages") || part_is(part, n, "dist-packages") ||
            (after_lib && n > 8 && memcmp(part, "python3.", 8) == 0) ||
            is_environment(seen, path, (size_t)(end - path)))
            return false;
        after_lib = part_is(part, n, "lib") || part_is(part, n, "lib64");
        part = end + 1;
    }
}

static bool matches_any(const struct pyro_function *f, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pyro_profile_matches(f, patterns[i]))
            return true;
    }
    return false;
}

static bool *choose_functions(const struct pyro_profile *p, const struct pyro_filter *filter)
{
    struct pyro_map seen = {0};
    bool *keep = malloc(p->function_count + 1);
    for (size_t i = 0; keep != NULL && i < p->function_count; i++) {
        const struct pyro_function *f = &p->functions[i];
        keep[i] = (filter->only_count == 0 || matches_any(f, filter->only, filter->only_count)) &&
                  !matches_any(f, filter->exclude, filter->exclude_count) &&
                  (filter->mine == NULL || is_mine(p, f, filter->mine, &seen));
    }
    pyro_base_map_release(&seen);
    return keep;
}

/* ---- threads and paths */

static bool thread_is(const struct pyro_thread *thread, const char *wanted)
{
    char tid[32];
    if (wanted == NULL)
        return true;
    snprintf(tid, sizeof tid, "%lld", (long long)thread->tid);
    return strcmp(tid, wanted) == 0 || part_is(thread->name.bytes, thread->name.size, wanted);
}

static bool process_is(const struct pyro_profile *p, const struct pyro_thread *thread, int32_t pid)
{
    return pid == 0 ||
           (thread->process < p->process_count && p->processes[thread->process].pid == pid);
}

static bool is_wanted(const struct pyro_profile *p, uint32_t thread,
                      const struct pyro_filter *filter)
{
    return thread_is(&p->threads[thread], filter->thread) &&
           process_is(p, &p->threads[thread], filter->process);
}

/* The kept paths: now[old node] is the new one, or PYRO_NONE. */
static int map_nodes(const struct pyro_profile *p, const bool *keep, uint32_t *now,
                     struct pyro_vec *nodes)
{
    struct pyro_map map = {0};
    int rc = PYRO_OK;
    for (size_t i = 0; i < p->node_count && rc == PYRO_OK; i++) {
        uint32_t parent = p->nodes[i].parent == PYRO_NONE ? PYRO_NONE : now[p->nodes[i].parent];
        now[i] = parent;
        if (!keep[pyro_profile_function_of(p, (uint32_t)i)])
            continue;
        uint32_t id = pyro_base_map_get(&map, parent, p->nodes[i].frame);
        if (id == PYRO_MAP_NONE) {
            id = (uint32_t)nodes->len;
            struct pyro_node *node = pyro_base_vec_push(nodes);
            if (node == NULL || pyro_base_map_put(&map, parent, p->nodes[i].frame, id) < 0) {
                rc = PYRO_E_NOMEM;
                break;
            }
            node->parent = parent;
            node->frame = p->nodes[i].frame;
        }
        now[i] = id;
    }
    pyro_base_map_release(&map);
    return rc;
}

/* The runs of a thread that are wanted, at their new nodes; self[node] of the old ones. */
static int filter_runs(const struct pyro_thread *from, const struct pyro_filter *filter,
                       const uint32_t *now, uint64_t *self, struct pyro_profile *to, size_t thread)
{
    struct pyro_vec runs = PYRO_VEC(struct pyro_run);
    int rc = PYRO_OK;
    for (size_t i = 0; i < from->run_count && rc == PYRO_OK; i++) {
        struct pyro_run run = from->runs[i];
        struct pyro_run *last = runs.len > 0 ? pyro_base_vec_at(&runs, runs.len - 1) : NULL;
        if (pyro_profile_shows(run.state, filter->state) != 1)
            continue;
        to->threads[thread].samples += run.count;
        to->samples += run.count;
        if (run.node != PYRO_NONE) {
            self[run.node] += run.count;
            run.node = now[run.node];
        }
        if (run.node == PYRO_NONE)
            to->outside += run.count;
        if (last != NULL && pyro_profile_goes_on(last, &run)) {
            last->count += run.count;
            continue;
        }
        struct pyro_run *next = pyro_base_vec_push(&runs);
        if (next == NULL)
            rc = PYRO_E_NOMEM;
        else
            *next = run;
    }
    if (rc == PYRO_OK)
        pyro_profile_give_runs(to, thread, &runs);
    pyro_base_vec_release(&runs);
    return rc;
}

/* Self samples of the new nodes: from the runs of the threads and the state wanted; `moved` is not
 * known per thread, so it is shared out by samples. */
static int fill(const struct pyro_profile *p, const struct pyro_filter *filter, const uint32_t *now,
                struct pyro_profile *to)
{
    uint64_t *self = calloc(p->node_count + 1, sizeof(*self));
    int rc = self == NULL ? PYRO_E_NOMEM : PYRO_OK;
    to->run_count = 0;
    to->samples = to->outside = 0;
    for (size_t i = 0; i < to->thread_count; i++)
        to->threads[i].samples = 0;
    for (size_t i = 0; i < p->thread_count && rc == PYRO_OK; i++)
        if (is_wanted(p, (uint32_t)i, filter))
            rc = filter_runs(&p->threads[i], filter, now, self, to, i);
    if (rc == PYRO_OK)
        pyro_profile_count_states(to);
    for (size_t i = 0; i < p->node_count && rc == PYRO_OK; i++) {
        const struct pyro_node *node = &p->nodes[i];
        if (now[i] == PYRO_NONE || self[i] == 0)
            continue;
        to->nodes[now[i]].self += self[i];
        to->nodes[now[i]].moved +=
            (uint64_t)((double)node->moved * (double)self[i] / (double)node->self + 0.5);
    }
    free(self);
    return rc;
}

static int fill_profile(const struct pyro_profile *p, const struct pyro_filter *filter,
                        struct pyro_profile *to)
{
    struct pyro_vec nodes = PYRO_VEC(struct pyro_node);
    uint32_t *now = malloc((p->node_count + 1) * sizeof(*now));
    bool *keep = choose_functions(p, filter);
    int rc = now == NULL || keep == NULL ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK)
        rc = copy_tables(p, to);
    if (rc == PYRO_OK)
        rc = map_nodes(p, keep, now, &nodes);
    if (rc == PYRO_OK) {
        to->nodes = copy_array(to, nodes.data, nodes.len, sizeof(*to->nodes));
        to->node_count = nodes.len;
        rc = to->nodes == NULL ? PYRO_E_NOMEM : fill(p, filter, now, to);
    }
    if (rc == PYRO_OK)
        rc = pyro_profile_settle(to);
    pyro_base_vec_release(&nodes);
    free(now);
    free(keep);
    return rc;
}

static struct pyro_buf *put_word(struct pyro_buf *words, const char *word)
{
    if (words->len > 0)
        pyro_base_put(words, " ", 1);
    pyro_base_put(words, word, strlen(word));
    return words;
}

/* The filter, as it is written on the command line, after what an earlier one chose. */
static int describe(const struct pyro_profile *p, const struct pyro_filter *filter,
                    struct pyro_profile *to)
{
    struct pyro_buf words = {0};
    char number[32];
    const struct {
        const char *option;
        const char *const *values;
        size_t count;
    } lists[] = {{"--only", filter->only, filter->only_count},
                 {"--exclude", filter->exclude, filter->exclude_count}};
    snprintf(number, sizeof number, "%d", (int)filter->process);
    const struct {
        const char *option, *value;
        bool given;
    } single[] = {
        {"--mine", NULL, filter->mine != NULL},
        {"--thread", filter->thread, filter->thread != NULL},
        {"--process", number, filter->process != 0},
        {"--state", pyro_profile_state_names[filter->state], filter->state != PYRO_STATE_ANY}};
    pyro_base_put(&words, p->chosen.size ? p->chosen.bytes : "", p->chosen.size);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < lists[i].count; k++)
            put_word(put_word(&words, lists[i].option), lists[i].values[k]);
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (single[i].given) {
            put_word(&words, single[i].option);
            if (single[i].value != NULL)
                put_word(&words, single[i].value);
        }
    to->chosen.bytes =
        words.failed
            ? NULL
            : pyro_base_arena_copy(to->arena, words.len ? (const char *)words.data : "", words.len);
    to->chosen.size = words.len;
    pyro_base_buf_release(&words);
    return to->chosen.bytes == NULL ? PYRO_E_NOMEM : PYRO_OK;
}

/* What was asked for has to be there, so that a slip of the keyboard is no empty profile. */
static int check_wanted(const struct pyro_profile *p, const struct pyro_filter *filter,
                        struct pyro_error *err)
{
    bool process = filter->process == 0, thread = filter->thread == NULL;
    for (size_t i = 0; i < p->process_count && !process; i++)
        process = p->processes[i].pid == filter->process;
    if (!process)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND, "The recording has no process %d.",
                              (int)filter->process);
    for (size_t i = 0; i < p->thread_count && !thread; i++)
        thread = is_wanted(p, (uint32_t)i, filter);
    if (!thread)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND, "%s has no thread with the name or id %s.",
                              filter->process ? "That process" : "The recording", filter->thread);
    if (p->samples > 0 && p->states_known[filter->state] == 0)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND,
                              "Of none of the recording's samples it is known whether their "
                              "threads were in the state %s.",
                              pyro_profile_state_names[filter->state]);
    return PYRO_OK;
}

int pyro_profile_filter(const struct pyro_profile *p, const struct pyro_filter *filter,
                        struct pyro_profile **out, struct pyro_error *err)
{
    *out = NULL;
    int rc = check_wanted(p, filter, err);
    if (rc != PYRO_OK)
        return rc;
    struct pyro_profile *to = malloc(sizeof(*to));
    if (to != NULL) {
        *to = *p;
        to->threads = NULL;
        to->ticks = NULL;
        to->arena = pyro_base_arena_new();
        to->filtered = p->filtered || p->samples > 0;
        to->of_samples = p->filtered ? p->of_samples : p->samples;
        to->by_function =
            p->by_function || filter->only_count || filter->exclude_count || filter->mine;
        if (filter->state != PYRO_STATE_ANY)
            to->state = filter->state;
    }
    rc = to == NULL || to->arena == NULL ? PYRO_E_NOMEM : describe(p, filter, to);
    if (rc == PYRO_OK)
        rc = fill_profile(p, filter, to);
    if (rc < 0) {
        pyro_profile_free(to);
        return pyro_base_fail(err, rc, "There is not enough memory to filter the profile.");
    }
    *out = to;
    return PYRO_OK;
}
