/*
 * A sealed batch becomes the payload of a BATCH chunk: the stream, the next id of each table, then
 * sections, each a tag, a length and columns.  Columns, not rows: equal things side by side are
 * what makes zstd do well.  Called on the writing thread.
 */
#include "format_priv.h"

#include <stdlib.h>
#include <string.h>

static void put_section(struct pyro_buf *out, unsigned tag, struct pyro_buf *body)
{
    if (body->failed)
        out->failed = true;
    if (!body->len)
        return;
    pyro_base_put_varint(out, tag);
    pyro_base_put_string(out, (const char *)body->data, body->len);
    pyro_base_buf_clear(body);
}

static void put_strings(struct pyro_buf *out, const struct pyro_batch *b)
{
    const uint32_t *size = b->string_sizes.data;
    pyro_base_put_varint(out, b->string_sizes.len);
    for (size_t i = 0; i < b->string_sizes.len; i++)
        pyro_base_put_varint(out, size[i]);
    pyro_base_put(out, b->string_bytes.data, b->string_bytes.len);
}

#define COLUMN(put, expression)                                                                    \
    for (size_t i = 0; i < n; i++)                                                                 \
        put(out, expression);

static void put_functions(struct pyro_buf *out, const struct pyro_function_row *row, size_t n)
{
    pyro_base_put_varint(out, n);
    COLUMN(pyro_base_put_varint, row[i].file)
    COLUMN(pyro_base_put_varint, row[i].name)
    COLUMN(pyro_base_put_varint, row[i].qualname)
    COLUMN(pyro_base_put_varint, row[i].module)
    COLUMN(pyro_base_put_varint, row[i].first_line)
    COLUMN(pyro_base_put_zigzag, (int64_t)row[i].last_line - row[i].first_line)
    COLUMN(pyro_base_put_u64, row[i].table_hash)
}

static void put_frames(struct pyro_buf *out, const struct pyro_frame_row *row, size_t n)
{
    pyro_base_put_varint(out, n);
    COLUMN(pyro_base_put_varint, row[i].function)
    COLUMN(pyro_base_put_zigzag, row[i].instruction)
    COLUMN(pyro_base_put_zigzag, row[i].line_delta)
    COLUMN(pyro_base_put_zigzag, row[i].end_delta)
    COLUMN(pyro_base_put_varint, row[i].column)
    COLUMN(pyro_base_put_varint, row[i].end_column)
}

static int put_stacks(struct pyro_buf *out, const struct pyro_batch *b)
{
    struct pyro_model model;
    struct pyro_buf code = {0}, literals = {0};
    const struct pyro_stack_row *row = b->stacks.data;
    const uint32_t *above = b->stack_frames.data;
    struct pyro_vec path = PYRO_VEC(uint32_t);
    int rc = 0;
    pyro_format_model_init(&model);
    for (size_t i = 0; i < b->stacks.len && !rc; i++) {
        size_t depth = row[i].kept + row[i].above;
        uint32_t kept = row[i].kept, left = (uint32_t)path.len - kept;
        rc = pyro_format_model_put(&model, PYRO_CONTEXT_KEPT, left < kept ? 2 * left + 1 : 2 * kept,
                                   &code, &literals);
        if (!rc)
            rc = pyro_base_vec_resize(&path, depth);
        uint32_t *frames = path.data;
        for (size_t k = row[i].kept; k <= depth && !rc; k++) {
            if (k < depth)
                frames[k] = *above++;
            rc = pyro_format_model_put(
                &model, k ? PYRO_CONTEXT_ABOVE(frames[k - 1]) : PYRO_CONTEXT_BOTTOM,
                k < depth ? PYRO_SYMBOL_FRAME(frames[k]) : PYRO_SYMBOL_END, &code, &literals);
        }
    }
    pyro_format_model_end(&model, &code);
    size_t symbols = 2 * b->stacks.len + b->stack_frames.len;
    while (symbols > PYRO_SYMBOLS_PER_BYTE * (code.len + 1) && !code.failed)
        pyro_base_put_u8(&code, 0);
    pyro_base_put_varint(out, b->stacks.len);
    pyro_base_put_string(out, (const char *)code.data, code.len);
    pyro_base_put(out, literals.data, literals.len);
    out->failed |= code.failed | literals.failed;
    pyro_base_buf_release(&code);
    pyro_base_buf_release(&literals);
    pyro_base_vec_release(&path);
    pyro_format_model_release(&model);
    return rc;
}

static void put_threads(struct pyro_buf *out, const struct pyro_thread_row *row, size_t n)
{
    pyro_base_put_varint(out, n);
    COLUMN(pyro_base_put_zigzag, row[i].tid)
    COLUMN(pyro_base_put_varint, row[i].start_ticks)
    COLUMN(pyro_base_put_varint, row[i].name)
}

static void put_delays(struct pyro_buf *out, const struct pyro_delay_fact *row, size_t n)
{
    pyro_base_put_varint(out, n);
    COLUMN(pyro_base_put_varint, row[i].thread)
    COLUMN(pyro_base_put_varint, row[i].over_ns / 1000)
    COLUMN(pyro_base_put_varint, row[i].ran_ns / 1000)
    COLUMN(pyro_base_put_varint, row[i].delayed_ns / 1000)
}

static void put_stills(struct pyro_buf *out, const uint32_t *row, size_t n)
{
    pyro_base_put_varint(out, n);
    COLUMN(pyro_base_put_varint, row[i])
}

static void put_ticks(struct pyro_buf *out, const struct pyro_batch *b)
{
    const uint64_t *late = b->lateness.data;
    const struct pyro_tick_gap *gap = b->gaps.data;
    uint32_t last = 0;
    pyro_base_put_varint(out, b->first_tick);
    pyro_base_put_varint(out, b->lateness.len);
    pyro_base_put_varint(out, b->gaps.len);
    for (size_t i = 0; i < b->gaps.len; i++) {
        pyro_base_put_varint(out, gap[i].index - last);
        pyro_base_put_varint(out, gap[i].missed);
        last = gap[i].index;
    }
    for (size_t i = 0; i < b->lateness.len; i++)
        pyro_base_put_varint(out, late[i]);
}

static uint64_t stack_code(uint32_t stack)
{
    return stack == PYRO_NO_NODE ? 1 : (uint64_t)stack + 2;
}

/* The runs of one thread, with the ticks between them filled by "no entry". */
static int put_thread(struct pyro_buf *out, const struct pyro_entry_run *run, size_t n,
                      struct pyro_vec *values)
{
    uint32_t first = run[0].first, at = first;
    values->len = 0;
    for (size_t i = 0; i < n; i++) {
        struct pyro_value *v;
        if (run[i].first > at) {
            if (!(v = pyro_base_vec_push(values)))
                return PYRO_E_NOMEM;
            v->count = run[i].first - at;
        }
        if (!(v = pyro_base_vec_push(values)))
            return PYRO_E_NOMEM;
        *v = (struct pyro_value){stack_code(run[i].stack), run[i].packed, run[i].count};
        at = run[i].first + run[i].count;
    }
    pyro_base_put_varint(out, run[0].thread);
    pyro_base_put_varint(out, first);
    pyro_base_put_varint(out, at - first);
    return pyro_format_put_entries(out, values->data, values->len, at - first);
}

/* Brings the runs of each thread together (a counting sort: their order is kept), then writes
 * thread after thread. */
static int put_samples(struct pyro_buf *out, const struct pyro_vec *runs)
{
    const struct pyro_entry_run *run = runs->data;
    size_t n = runs->len, threads = 0;
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        if (run[i].thread >= threads)
            threads = (size_t)run[i].thread + 1;
    struct pyro_vec values = PYRO_VEC(struct pyro_value);
    struct pyro_entry_run *sorted = calloc(n + 1, sizeof *sorted);
    size_t *end = calloc(threads + 1, sizeof *end); /* of each thread's runs in `sorted` */
    if (!sorted || !end) {
        rc = PYRO_E_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        end[run[i].thread]++;
    size_t sum = 0;
    for (size_t t = 0; t < threads; t++) {
        size_t count = end[t];
        end[t] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        sorted[end[run[i].thread]++] = run[i];
    for (size_t t = 0, from = 0; t < threads && !rc; from = end[t++])
        if (end[t] > from)
            rc = put_thread(out, sorted + from, end[t] - from, &values);
out:
    free(sorted);
    free(end);
    pyro_base_vec_release(&values);
    return rc;
}

int pyro_format_put_batch(struct pyro_buf *out, const struct pyro_batch *b)
{
    struct pyro_buf body = {0};
    int rc = 0;
    pyro_base_put_varint(out, b->stream);
    for (size_t i = 0; i < PYRO_TABLES; i++)
        pyro_base_put_varint(out, b->first[i]);
    if (b->string_bytes.failed)
        out->failed = true;
    if (b->string_sizes.len)
        put_strings(&body, b);
    put_section(out, PYRO_SECTION_STRINGS, &body);
    if (b->functions.len)
        put_functions(&body, b->functions.data, b->functions.len);
    put_section(out, PYRO_SECTION_FUNCTIONS, &body);
    if (b->frames.len)
        put_frames(&body, b->frames.data, b->frames.len);
    put_section(out, PYRO_SECTION_FRAMES, &body);
    if (b->stacks.len)
        rc = put_stacks(&body, b);
    put_section(out, PYRO_SECTION_STACKS, &body);
    if (b->threads.len)
        put_threads(&body, b->threads.data, b->threads.len);
    put_section(out, PYRO_SECTION_THREADS, &body);
    if (b->lateness.len)
        put_ticks(&body, b);
    put_section(out, PYRO_SECTION_TICKS, &body);
    if (b->runs.len && !rc)
        rc = put_samples(&body, &b->runs);
    put_section(out, PYRO_SECTION_SAMPLES, &body);
    if (b->seconds.len && !rc)
        rc = put_samples(&body, &b->seconds);
    put_section(out, PYRO_SECTION_SECONDS, &body);
    if (b->states.len && !rc)
        rc = put_samples(&body, &b->states);
    put_section(out, PYRO_SECTION_STATES, &body);
    if (b->delays.len)
        put_delays(&body, b->delays.data, b->delays.len);
    put_section(out, PYRO_SECTION_DELAYS, &body);
    if (b->stills.len)
        put_stills(&body, b->stills.data, b->stills.len);
    put_section(out, PYRO_SECTION_STILLS, &body);
    pyro_base_buf_release(&body);
    return rc ? rc : out->failed ? PYRO_E_NOMEM : 0;
}
