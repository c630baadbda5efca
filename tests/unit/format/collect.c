#include "collect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void collect_line(struct pyro_buf *log, const char *fmt, ...)
{
    char line[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n > (int)sizeof line - 1)
        n = sizeof line - 1;
    pyro_base_put(log, line, (size_t)n);
    pyro_base_put_u8(log, '\n');
}

#define STR(s) (int)(s).size, (s).bytes

void log_function(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_function_fact *f)
{
    collect_line(log, "function %u.%u %.*s|%.*s|%.*s|%.*s|%u-%u %" PRIx64, s, id, STR(f->file),
                 STR(f->name), STR(f->qualname), STR(f->module), f->first_line, f->last_line,
                 f->table_hash);
}

void log_frame(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_frame_fact *f)
{
    collect_line(log, "frame %u.%u %u@%d %u-%u %u-%u", s, id, f->function, f->instruction, f->line,
                 f->end_line, f->column, f->end_column);
}

void log_node(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_node_fact *f)
{
    collect_line(log, "node %u.%u %u %u", s, id, f->parent, f->frame);
}

void log_thread(struct pyro_buf *log, uint32_t s, uint32_t id, const struct pyro_thread_fact *f)
{
    collect_line(log, "thread %u.%u %" PRId64 " %" PRIu64 " %.*s", s, id, f->tid, f->start_ticks,
                 STR(f->name));
}

static int on_head(void *ctx, const struct pyro_recording_head *f)
{
    struct collected *c = ctx;
    collect_line(&c->log, "head %s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %.*s argc=%zu",
                 f->boot_id, f->tool, f->host, f->wall_ns, f->mono_ns, f->tsc, STR(f->cwd),
                 f->argc);
    for (size_t i = 0; i < f->argc; i++)
        collect_line(&c->log, "  arg %.*s", STR(f->argv[i]));
    return 0;
}

static int on_exit_of(void *ctx, const struct pyro_exit_fact *f)
{
    struct collected *c = ctx;
    collect_line(&c->log, "exit of %u: %d", f->process, f->exit_status);
    return 0;
}

static int on_process(void *ctx, const struct pyro_process_fact *f)
{
    struct collected *c = ctx;
    collect_line(&c->log, "process %u pid %d ppid %d start %" PRIu64 " exec %u %.*s argc=%zu",
                 f->id, f->pid, f->ppid, f->start_ticks, f->exec_count, STR(f->python), f->argc);
    for (size_t i = 0; i < f->argc; i++)
        collect_line(&c->log, "  arg %.*s", STR(f->argv[i]));
    return 0;
}

static int on_stream(void *ctx, const struct pyro_stream_fact *f)
{
    struct collected *c = ctx;
    collect_line(&c->log, "stream %u %.*s of %u %" PRIu64 " %" PRIu64 " %" PRIx64 " %u", f->id,
                 STR(f->kind), f->process, f->period_ns, f->first_ns, f->seed, f->lateness_unit_ns);
    if (f->id != c->stream_count)
        abort(); /* the reader promises dense ids */
    if (f->id < 8) {
        c->streams[f->id] = (struct collected_stream){.fact = *f};
        c->streams[f->id].times = PYRO_VEC(uint64_t);
        c->streams[f->id].tree = PYRO_VEC(struct pyro_node_fact);
        c->streams[f->id].threads = PYRO_VEC(struct pyro_vec);
    }
    c->stream_count++;
    return 0;
}

static struct collected_stream *stream_of(struct collected *c, uint32_t id)
{
    if (id >= c->stream_count || id >= 8)
        abort();
    return &c->streams[id];
}

static void check(bool ok)
{
    if (!ok)
        abort(); /* a promise of format.h is broken: loud, also in the fuzzer */
}

static int on_function(void *ctx, uint32_t s, uint32_t id, const struct pyro_function_fact *f)
{
    struct collected *c = ctx;
    check(id == stream_of(c, s)->functions++);
    log_function(&c->log, s, id, f);
    return 0;
}

static int on_frame(void *ctx, uint32_t s, uint32_t id, const struct pyro_frame_fact *f)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    check(id == st->frames++ && f->function < st->functions);
    log_frame(&c->log, s, id, f);
    return 0;
}

static int on_node(void *ctx, uint32_t s, uint32_t id, const struct pyro_node_fact *f)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    check(id == st->nodes++ && f->frame < st->frames);
    check(f->parent == PYRO_NO_NODE || f->parent < id);
    struct pyro_node_fact *kept = pyro_base_vec_push(&st->tree);
    check(kept != NULL);
    *kept = *f;
    log_node(&c->log, s, id, f);
    return 0;
}

static int on_thread(void *ctx, uint32_t s, uint32_t id, const struct pyro_thread_fact *f)
{
    struct collected *c = ctx;
    check(id == stream_of(c, s)->named++);
    log_thread(&c->log, s, id, f);
    return 0;
}

static int on_ticks(void *ctx, uint32_t s, const uint64_t *times, size_t count)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    st->batch = st->times.len;
    check(!pyro_base_vec_resize(&st->times, st->batch + count));
    if (count)
        memcpy(pyro_base_vec_at(&st->times, st->batch), times, count * sizeof *times);
    collect_line(&c->log, "ticks %u %zu", s, count);
    for (size_t i = 0; i < count; i++)
        collect_line(&c->log, " t%" PRIu64, times[i]);
    return 0;
}

struct cell *collect_cell(struct collected_stream *s, uint32_t thread, size_t tick)
{
    while (s->threads.len <= thread) {
        struct pyro_vec *cells = pyro_base_vec_push(&s->threads);
        check(cells);
        *cells = PYRO_VEC(struct cell);
    }
    struct pyro_vec *cells = pyro_base_vec_at(&s->threads, thread);
    if (tick >= cells->len)
        check(!pyro_base_vec_resize(cells, tick + 1));
    return pyro_base_vec_at(cells, tick);
}

static int on_samples(void *ctx, uint32_t s, const struct pyro_sample *sample, size_t first,
                      size_t count)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    check(sample->thread < st->named && count && first + count <= st->times.len - st->batch);
    check(sample->node == PYRO_NO_NODE || sample->node < st->nodes);
    for (size_t i = first; i < first + count; i++)
        *collect_cell(st, sample->thread, st->batch + i) =
            (struct cell){sample->node, sample->unverified, sample->flags, 0, 1, 0};
    collect_line(&c->log, "samples %u t%u n%u u%u f%u %zu+%zu", s, sample->thread, sample->node,
                 sample->unverified, sample->flags, first, count);
    return 0;
}

static int on_seconds(void *ctx, uint32_t s, uint32_t thread, uint32_t node, size_t first,
                      size_t count)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    check(thread < st->named && count && first + count <= st->times.len - st->batch);
    check(node == PYRO_NO_NODE || node < st->nodes);
    for (size_t i = first; i < first + count; i++)
        collect_cell(st, thread, st->batch + i)->second = node + 1;
    collect_line(&c->log, "seconds %u t%u n%u %zu+%zu", s, thread, node, first, count);
    return 0;
}

static int on_states(void *ctx, uint32_t s, uint32_t thread, uint32_t state, size_t first,
                     size_t count)
{
    struct collected *c = ctx;
    struct collected_stream *st = stream_of(c, s);
    check(thread < st->named && count && first + count <= st->times.len - st->batch);
    check(state < 1u << PYRO_STATE_BITS);
    for (size_t i = first; i < first + count; i++)
        collect_cell(st, thread, st->batch + i)->state = state;
    collect_line(&c->log, "states %u t%u %u %zu+%zu", s, thread, state, first, count);
    return 0;
}

static int on_delay(void *ctx, uint32_t s, const struct pyro_delay_fact *f)
{
    struct collected *c = ctx;
    check(f->thread < stream_of(c, s)->named);
    collect_line(&c->log, "delay %u t%u %" PRIu64 " %" PRIu64 " %" PRIu64, s, f->thread, f->over_ns,
                 f->ran_ns, f->delayed_ns);
    return 0;
}

static int on_still(void *ctx, uint32_t s, uint32_t node)
{
    struct collected *c = ctx;
    collect_line(&c->log, "still %u %u", s, node);
    return 0;
}

static int on_source(void *ctx, const struct pyro_source_fact *f)
{
    struct collected *c = ctx;
    collect_line(&c->log, "source %.*s:%u %.*s", STR(f->file), f->first_line, STR(f->text));
    return 0;
}

static int on_warning(void *ctx, struct pyro_str sentence)
{
    struct collected *c = ctx;
    collect_line(&c->log, "warning %.*s", STR(sentence));
    return 0;
}

static int on_status(void *ctx, const struct pyro_status_fact *f)
{
    struct collected *c = ctx;
    c->status = *f;
    c->statuses++;
    collect_line(&c->log,
                 "status %" PRIu64 " %" PRIu64 " %" PRIu64 " taken %" PRIu64 " lost %" PRIu64
                 " rss %" PRIu64,
                 f->mono_ns, f->wall_ns, f->tsc, f->taken, f->lost, f->target_peak_rss);
    return 0;
}

static int on_end(void *ctx, const struct pyro_end_fact *f)
{
    struct collected *c = ctx;
    c->end = *f;
    c->ends++;
    collect_line(&c->log, "end %d %" PRIu64 " %" PRIu64 " %" PRIu64, f->exit_status, f->mono_ns,
                 f->wall_ns, f->cpu_ns);
    return 0;
}

static int on_unknown(void *ctx, const char *what, uint64_t bytes)
{
    struct collected *c = ctx;
    size_t len = strlen(c->unknown);
    c->unknowns++;
    snprintf(c->unknown + len, sizeof c->unknown - len, "%s %" PRIu64 "\n", what, bytes);
    return 0;
}

static int on_damage(void *ctx, uint64_t offset, uint64_t bytes, const char *why)
{
    struct collected *c = ctx;
    size_t len = strlen(c->why);
    c->damages++;
    c->damaged_bytes += bytes;
    snprintf(c->why + len, sizeof c->why - len, "%" PRIu64 "+%" PRIu64 " %s\n", offset, bytes, why);
    return 0;
}

struct pyro_visitor collect_visitor(struct collected *c)
{
    return (struct pyro_visitor){
        .ctx = c,
        .head = on_head,
        .process = on_process,
        .exit = on_exit_of,
        .stream = on_stream,
        .function = on_function,
        .frame = on_frame,
        .node = on_node,
        .thread = on_thread,
        .ticks = on_ticks,
        .samples = on_samples,
        .seconds = on_seconds,
        .states = on_states,
        .delay = on_delay,
        .still = on_still,
        .source = on_source,
        .warning = on_warning,
        .status = on_status,
        .end = on_end,
        .unknown = on_unknown,
        .damage = on_damage,
    };
}

void collect_release(struct collected *c)
{
    pyro_base_buf_release(&c->log);
    for (size_t i = 0; i < c->stream_count && i < 8; i++) {
        struct collected_stream *s = &c->streams[i];
        for (size_t t = 0; t < s->threads.len; t++)
            pyro_base_vec_release(pyro_base_vec_at(&s->threads, t));
        pyro_base_vec_release(&s->threads);
        pyro_base_vec_release(&s->times);
        pyro_base_vec_release(&s->tree);
    }
    *c = (struct collected){0};
}

int collect_memory(struct collected *c, const void *bytes, size_t size, enum pyro_ending *ending)
{
    struct pyro_error err = {0};
    *c = (struct collected){0};
    struct pyro_visitor visitor = collect_visitor(c);
    return pyro_format_read_memory(bytes, size, &visitor, ending, &err);
}
