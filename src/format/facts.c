/*
 * The payloads of the chunks that hold one fact each, written and read back.  Whatever follows the
 * fields known here is ignored, so that a later minor version can add fields at the end.
 */
#include "format_priv.h"

#include <string.h>

/* ---- writing */

static void put_str(struct pyro_buf *out, struct pyro_str str)
{
    pyro_base_put_string(out, str.bytes, str.size);
}

static void put_text(struct pyro_buf *out, const char *text)
{
    pyro_base_put_string(out, text, text ? strlen(text) : 0);
}

static void put_argv(struct pyro_buf *out, const struct pyro_str *argv, size_t argc)
{
    pyro_base_put_varint(out, argc);
    for (size_t i = 0; i < argc; i++)
        put_str(out, argv[i]);
}

void pyro_format_put_head(struct pyro_buf *out, const struct pyro_recording_head *fact)
{
    pyro_base_put_varint(out, PYRO_FORMAT_MAJOR);
    pyro_base_put_varint(out, PYRO_FORMAT_MINOR);
    put_text(out, fact->boot_id);
    pyro_base_put_varint(out, fact->wall_ns);
    pyro_base_put_varint(out, fact->mono_ns);
    pyro_base_put_varint(out, fact->tsc);
    put_text(out, fact->tool);
    put_text(out, fact->host);
    put_str(out, fact->cwd);
    put_argv(out, fact->argv, fact->argc);
}

void pyro_format_put_process(struct pyro_buf *out, const struct pyro_process_fact *fact)
{
    pyro_base_put_varint(out, fact->id);
    pyro_base_put_zigzag(out, fact->pid);
    pyro_base_put_zigzag(out, fact->ppid);
    pyro_base_put_varint(out, fact->start_ticks);
    pyro_base_put_varint(out, fact->exec_count);
    put_str(out, fact->python);
    put_argv(out, fact->argv, fact->argc);
}

void pyro_format_put_exit(struct pyro_buf *out, const struct pyro_exit_fact *fact)
{
    pyro_base_put_varint(out, fact->process);
    pyro_base_put_zigzag(out, fact->exit_status);
}

void pyro_format_put_stream(struct pyro_buf *out, const struct pyro_stream_fact *fact)
{
    pyro_base_put_varint(out, fact->id);
    put_str(out, fact->kind);
    pyro_base_put_varint(out, fact->process);
    pyro_base_put_varint(out, fact->period_ns);
    pyro_base_put_varint(out, fact->first_ns);
    pyro_base_put_u64(out, fact->seed);
    pyro_base_put_varint(out, fact->lateness_unit_ns);
}

/* The numbers of a status in their order in the file; new ones go to the end. */
/* clang-format off */
#define STATUS_FIELDS(X)                                                                           \
    X(mono_ns) X(wall_ns) X(tsc) X(ticks) X(missed) X(planned) X(discarded) X(taken) X(assumed)    \
    X(broken) X(lost) X(target_cpu_ns) X(target_wall_ns) X(sampler_cpu_ns) X(target_peak_rss)
/* clang-format on */

#define X(field) +1
enum { STATUS_COUNT = 0 STATUS_FIELDS(X) };
#undef X

void pyro_format_put_status(struct pyro_buf *out, const struct pyro_status_fact *fact)
{
    pyro_base_put_varint(out, STATUS_COUNT);
#define X(field) pyro_base_put_varint(out, fact->field);
    STATUS_FIELDS(X)
#undef X
}

void pyro_format_put_source(struct pyro_buf *out, const struct pyro_source_fact *fact)
{
    put_str(out, fact->file);
    pyro_base_put_varint(out, fact->first_line);
    put_str(out, fact->text);
}

void pyro_format_put_end(struct pyro_buf *out, const struct pyro_end_fact *fact)
{
    pyro_base_put_zigzag(out, fact->exit_status);
    pyro_base_put_varint(out, fact->mono_ns);
    pyro_base_put_varint(out, fact->wall_ns);
    pyro_base_put_varint(out, fact->cpu_ns);
}

/* ---- reading */

static struct pyro_str get_str(struct pyro_cursor *cur)
{
    struct pyro_str str;
    str.bytes = pyro_base_get_string(cur, &str.size);
    return str;
}

static uint32_t get_u32(struct pyro_cursor *cur) /* a varint that must fit 32 bits */
{
    uint64_t value = pyro_base_get_varint(cur);
    if (value > UINT32_MAX)
        cur->failed = true;
    return (uint32_t)value;
}

static int32_t get_i32(struct pyro_cursor *cur)
{
    int64_t value = pyro_base_get_zigzag(cur);
    if (value < INT32_MIN || value > INT32_MAX)
        cur->failed = true;
    return (int32_t)value;
}

static const char *get_text(struct pyro_cursor *cur, char *to, size_t room)
{
    struct pyro_str str = get_str(cur);
    size_t size = str.size < room ? str.size : room - 1;
    memcpy(to, str.bytes, size);
    to[size] = 0;
    return to;
}

static const struct pyro_str *get_argv(struct pyro_cursor *cur, struct pyro_vec *argv, size_t *argc)
{
    uint64_t count = pyro_base_get_varint(cur);
    *argc = 0;
    argv->len = 0;
    for (uint64_t i = 0; i < count && !cur->failed; i++) {
        struct pyro_str str = get_str(cur), *to = pyro_base_vec_push(argv);
        if (!to)
            cur->failed = true;
        else
            *to = str;
    }
    *argc = cur->failed ? 0 : argv->len;
    return argv->data;
}

bool pyro_format_get_head(struct pyro_cursor *cur, struct pyro_recording_head *fact,
                          struct pyro_head_texts *texts, struct pyro_vec *argv, uint64_t *major)
{
    *major = pyro_base_get_varint(cur);
    pyro_base_get_varint(cur); /* minor: nothing depends on it yet */
    if (*major != PYRO_FORMAT_MAJOR)
        return !cur->failed;
    fact->boot_id = get_text(cur, texts->boot_id, sizeof texts->boot_id);
    fact->wall_ns = pyro_base_get_varint(cur);
    fact->mono_ns = pyro_base_get_varint(cur);
    fact->tsc = pyro_base_get_varint(cur);
    fact->tool = get_text(cur, texts->tool, sizeof texts->tool);
    fact->host = get_text(cur, texts->host, sizeof texts->host);
    fact->cwd = get_str(cur);
    fact->argv = get_argv(cur, argv, &fact->argc);
    return !cur->failed;
}

bool pyro_format_get_process(struct pyro_cursor *cur, struct pyro_process_fact *fact,
                             struct pyro_vec *argv)
{
    fact->id = get_u32(cur);
    fact->pid = get_i32(cur);
    fact->ppid = get_i32(cur);
    fact->start_ticks = pyro_base_get_varint(cur);
    fact->exec_count = get_u32(cur);
    fact->python = get_str(cur);
    fact->argv = get_argv(cur, argv, &fact->argc);
    return !cur->failed;
}

bool pyro_format_get_exit(struct pyro_cursor *cur, struct pyro_exit_fact *fact)
{
    fact->process = get_u32(cur);
    fact->exit_status = get_i32(cur);
    return !cur->failed;
}

bool pyro_format_get_stream(struct pyro_cursor *cur, struct pyro_stream_fact *fact)
{
    *fact = (struct pyro_stream_fact){.id = get_u32(cur)};
    fact->kind = get_str(cur);
    fact->process = get_u32(cur);
    if (cur->failed || !pyro_format_kind_is(fact, "samples"))
        return !cur->failed;
    fact->period_ns = pyro_base_get_varint(cur);
    fact->first_ns = pyro_base_get_varint(cur);
    fact->seed = pyro_base_get_u64(cur);
    fact->lateness_unit_ns = get_u32(cur);
    return !cur->failed;
}

bool pyro_format_get_status(struct pyro_cursor *cur, struct pyro_status_fact *fact)
{
    uint64_t count = pyro_base_get_varint(cur);
    *fact = (struct pyro_status_fact){0};
#define X(field)                                                                                   \
    if (count > 0) {                                                                               \
        fact->field = pyro_base_get_varint(cur);                                                   \
        count--;                                                                                   \
    }
    STATUS_FIELDS(X)
#undef X
    return !cur->failed;
}

bool pyro_format_get_source(struct pyro_cursor *cur, struct pyro_source_fact *fact)
{
    fact->file = get_str(cur);
    fact->first_line = get_u32(cur);
    fact->text = get_str(cur);
    return !cur->failed;
}

bool pyro_format_get_end(struct pyro_cursor *cur, struct pyro_end_fact *fact)
{
    fact->exit_status = get_i32(cur);
    fact->mono_ns = pyro_base_get_varint(cur);
    fact->wall_ns = pyro_base_get_varint(cur);
    fact->cpu_ns = pyro_base_get_varint(cur);
    return !cur->failed;
}

bool pyro_format_kind_is(const struct pyro_stream_fact *fact, const char *kind)
{
    return fact->kind.size == strlen(kind) && !memcmp(fact->kind.bytes, kind, fact->kind.size);
}
