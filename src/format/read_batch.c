/*
 * One batch of a samples stream, read: sections into facts for the visitor.
 *
 * The visitor sees ids that are dense and defined before use whatever the file holds.  Where
 * damage took definitions away, the ids after them move up, and one "[lost]" function, frame, node
 * and thread stand for all that is missing.  Without damage the ids are those of the file.
 *
 * Untrusted: every count is bounded by the bytes that are there, every id is checked against its
 * table.  A section that breaks a rule ends its batch: what was told before stands.
 */
#include "format_priv.h"

#include <string.h>

#define LOST "[lost]"
#define DELAY_MOST (UINT64_C(1) << 50) /* microseconds: some 35 years */

/* ---- ids */

static bool add_ids(struct pyro_id_table *t, uint32_t count)
{
    struct pyro_id_span *last = t->spans.len ? pyro_base_vec_at(&t->spans, t->spans.len - 1) : NULL;
    if (last && last->first + last->count == t->end && last->shown + last->count == t->shown) {
        last->count += count;
    } else {
        struct pyro_id_span *span = pyro_base_vec_push(&t->spans);
        if (!span)
            return false;
        *span = (struct pyro_id_span){t->end, t->shown, count};
    }
    t->end += count;
    t->shown += count;
    return true;
}

enum found { UNDEFINED, MISSING, FOUND };

static enum found find_id(const struct pyro_id_table *t, uint64_t id, uint32_t *shown)
{
    const struct pyro_id_span *spans = t->spans.data;
    size_t low = 0, high = t->spans.len; /* the last span that begins at or before id */
    if (id >= t->end)
        return UNDEFINED;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (spans[mid].first <= id)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low || id - spans[low - 1].first >= spans[low - 1].count)
        return MISSING;
    *shown = spans[low - 1].shown + (uint32_t)(id - spans[low - 1].first);
    return FOUND;
}

/* Whether `count` more definitions fit: one more is left for the lost one. */
static bool room(const struct pyro_id_table *t, uint64_t count)
{
    return count < UINT32_MAX - 4 - (uint64_t)t->end && count < UINT32_MAX - 4 - (uint64_t)t->shown;
}

/* The id that stands for what is lost, made when first needed; for stacks, a node's. */
static uint32_t lost_id(struct pyro_reader *r, struct pyro_in_stream *s, enum pyro_table table)
{
    struct pyro_id_table *t = &s->tables[table];
    if (t->lost != UINT32_MAX)
        return t->lost;
    struct pyro_str lost = {LOST, sizeof LOST - 1}, none = {"", 0};
    uint32_t id = s->fact.id;
    if (table == PYRO_TABLE_FUNCTIONS) {
        struct pyro_function_fact fact = {
            .file = none, .name = lost, .qualname = lost, .module = none};
        if (!pyro_base_vec_push(&s->first_lines))
            r->stop = PYRO_E_NOMEM;
        t->lost = t->shown++;
        PYRO_TELL(r, function, id, t->lost, &fact);
    } else if (table == PYRO_TABLE_FRAMES) {
        struct pyro_frame_fact fact = {.function = lost_id(r, s, PYRO_TABLE_FUNCTIONS),
                                       .instruction = -1};
        t->lost = t->shown++;
        PYRO_TELL(r, frame, id, t->lost, &fact);
    } else if (table == PYRO_TABLE_STACKS) {
        struct pyro_node_fact fact = {PYRO_NO_NODE, lost_id(r, s, PYRO_TABLE_FRAMES)};
        t->lost = s->node_count++;
        PYRO_TELL(r, node, id, t->lost, &fact);
    } else if (table == PYRO_TABLE_THREADS) {
        struct pyro_thread_fact fact = {.name = lost};
        t->lost = t->shown++;
        PYRO_TELL(r, thread, id, t->lost, &fact);
    }
    return t->lost;
}

/* The visitor's id for one of the file; false: it was never defined. */
static bool show_id(struct pyro_reader *r, struct pyro_in_stream *s, enum pyro_table table,
                    uint64_t id, uint32_t *shown)
{
    enum found found = find_id(&s->tables[table], id, shown);
    if (found == MISSING)
        *shown = lost_id(r, s, table);
    return found != UNDEFINED;
}

/* The node at which one of the file's stacks ends. */
static bool show_stack(struct pyro_reader *r, struct pyro_in_stream *s, uint64_t id, uint32_t *node)
{
    uint32_t shown;
    enum found found = find_id(&s->tables[PYRO_TABLE_STACKS], id, &shown);
    if (found == FOUND)
        *node = *(uint32_t *)pyro_base_vec_at(&s->stacks, shown);
    else if (found == MISSING)
        *node = lost_id(r, s, PYRO_TABLE_STACKS);
    return found != UNDEFINED;
}

static bool show_string(struct pyro_in_stream *s, uint64_t id, struct pyro_str *str)
{
    uint32_t shown;
    enum found found = find_id(&s->tables[PYRO_TABLE_STRINGS], id, &shown);
    if (found == FOUND)
        *str = *(struct pyro_str *)pyro_base_vec_at(&s->strings, shown);
    else
        *str = (struct pyro_str){LOST, sizeof LOST - 1};
    return found != UNDEFINED;
}

/* ---- columns: one cursor a column, found by skipping over the ones before */

static bool skip_varints(struct pyro_cursor *cur, uint64_t count)
{
    for (uint64_t i = 0; i < count && !cur->failed; i++)
        pyro_base_get_varint(cur);
    return !cur->failed;
}

/* Reads the count of a section and sets a cursor on each of its `columns` columns of varints; cur
 * is left behind them. */
static bool begin_columns(struct pyro_cursor *cur, const struct pyro_id_table *t, size_t columns,
                          struct pyro_cursor *column, uint64_t *count)
{
    *count = pyro_base_get_varint(cur);
    if (cur->failed || *count > (size_t)(cur->end - cur->at) || (t && !room(t, *count)))
        return false;
    for (size_t i = 0; i < columns; i++) {
        column[i] = *cur;
        if (!skip_varints(cur, *count))
            return false;
    }
    return true;
}

static bool get_u32(struct pyro_cursor *cur, uint32_t *out)
{
    uint64_t value = pyro_base_get_varint(cur);
    *out = (uint32_t)value;
    return value <= UINT32_MAX && !cur->failed;
}

/* base + delta, where it fits 32 bits. */
static bool add_delta(uint32_t base, int64_t delta, uint32_t *out)
{
    int64_t sum;
    if (__builtin_add_overflow((int64_t)base, delta, &sum) || sum < 0 || sum > UINT32_MAX)
        return false;
    *out = (uint32_t)sum;
    return true;
}

/* ---- sections */

static const char *read_strings(struct pyro_reader *r, struct pyro_in_stream *s,
                                struct pyro_cursor *cur)
{
    struct pyro_cursor sizes;
    uint64_t count;
    struct pyro_id_table *t = &s->tables[PYRO_TABLE_STRINGS];
    if (!begin_columns(cur, t, 1, &sizes, &count))
        return "strings";
    for (uint64_t i = 0; i < count; i++) {
        uint64_t size = pyro_base_get_varint(&sizes);
        const uint8_t *bytes = pyro_base_get_bytes(cur, size);
        if (!bytes)
            return "strings";
        struct pyro_str *str = pyro_base_vec_push(&s->strings);
        const char *copy = str ? pyro_base_arena_copy(r->arena, bytes, size) : NULL;
        if (!copy || !add_ids(t, 1)) {
            r->stop = PYRO_E_NOMEM;
            return NULL;
        }
        *str = (struct pyro_str){copy, size};
    }
    return NULL;
}

static const char *read_functions(struct pyro_reader *r, struct pyro_in_stream *s,
                                  struct pyro_cursor *cur)
{
    struct pyro_cursor column[6];
    uint64_t count;
    struct pyro_id_table *t = &s->tables[PYRO_TABLE_FUNCTIONS];
    if (!begin_columns(cur, t, 6, column, &count))
        return "functions";
    for (uint64_t i = 0; i < count && !r->stop; i++) {
        struct pyro_function_fact fact;
        struct pyro_str *names[] = {&fact.file, &fact.name, &fact.qualname, &fact.module};
        for (size_t k = 0; k < 4; k++)
            if (!show_string(s, pyro_base_get_varint(&column[k]), names[k]))
                return "functions";
        if (!get_u32(&column[4], &fact.first_line) ||
            !add_delta(fact.first_line, pyro_base_get_zigzag(&column[5]), &fact.last_line))
            return "functions";
        fact.table_hash = pyro_base_get_u64(cur);
        if (cur->failed)
            return "functions";
        uint32_t *line = pyro_base_vec_push(&s->first_lines), id = t->shown;
        if (!line || !add_ids(t, 1)) {
            r->stop = PYRO_E_NOMEM;
            return NULL;
        }
        *line = fact.first_line;
        PYRO_TELL(r, function, s->fact.id, id, &fact);
    }
    return NULL;
}

static const char *read_frames(struct pyro_reader *r, struct pyro_in_stream *s,
                               struct pyro_cursor *cur)
{
    struct pyro_cursor column[6];
    uint64_t count;
    struct pyro_id_table *t = &s->tables[PYRO_TABLE_FRAMES];
    if (!begin_columns(cur, t, 6, column, &count))
        return "frames";
    for (uint64_t i = 0; i < count && !r->stop; i++) {
        struct pyro_frame_fact fact;
        if (!show_id(r, s, PYRO_TABLE_FUNCTIONS, pyro_base_get_varint(&column[0]), &fact.function))
            return "frames";
        int64_t instruction = pyro_base_get_zigzag(&column[1]);
        int64_t line = pyro_base_get_zigzag(&column[2]), end = pyro_base_get_zigzag(&column[3]);
        if (instruction < INT32_MIN || instruction > INT32_MAX ||
            !get_u32(&column[4], &fact.column) || !get_u32(&column[5], &fact.end_column))
            return "frames";
        fact.instruction = (int32_t)instruction;
        if (fact.function == s->tables[PYRO_TABLE_FUNCTIONS].lost)
            fact.line = fact.end_line = 0; /* they are relative to what is lost */
        else if (!add_delta(*(uint32_t *)pyro_base_vec_at(&s->first_lines, fact.function), line,
                            &fact.line) ||
                 !add_delta(fact.line, end, &fact.end_line))
            return "frames";
        if (!add_ids(t, 1))
            r->stop = PYRO_E_NOMEM;
        PYRO_TELL(r, frame, s->fact.id, t->shown - 1, &fact);
    }
    return NULL;
}

/* The node of a frame above a node, made when first met. */
static int show_node(struct pyro_reader *r, struct pyro_in_stream *s, uint32_t parent,
                     uint64_t file_frame, uint32_t *node)
{
    struct pyro_node_fact fact = {.parent = parent};
    if (!show_id(r, s, PYRO_TABLE_FRAMES, file_frame, &fact.frame))
        return PYRO_E_FORMAT;
    *node = pyro_base_map_get(&s->nodes, parent, fact.frame);
    if (*node != PYRO_MAP_NONE)
        return 0;
    *node = s->node_count++;
    if (pyro_base_map_put(&s->nodes, parent, fact.frame, *node))
        return PYRO_E_NOMEM;
    PYRO_TELL(r, node, s->fact.id, *node, &fact);
    return 0;
}

/* One stack, above what it keeps of the one before, to r->path; *left: frames there may still be.
 */
static int take_stack(struct pyro_reader *r, struct pyro_in_stream *s, struct pyro_model *model,
                      struct pyro_cursor *code, struct pyro_cursor *literals, uint64_t *left)
{
    uint32_t symbol;
    int rc = pyro_format_model_get(model, PYRO_CONTEXT_KEPT, code, literals, &symbol);
    if (!rc && symbol / 2 > r->path.len)
        rc = PYRO_E_FORMAT;
    if (!rc)
        rc = pyro_base_vec_resize(&r->path, symbol & 1 ? r->path.len - symbol / 2 : symbol / 2);
    while (!rc && !r->stop) {
        const struct pyro_step *below =
            r->path.len ? pyro_base_vec_at(&r->path, r->path.len - 1) : NULL;
        uint32_t parent = below ? below->node : PYRO_NO_NODE;
        rc = pyro_format_model_get(model,
                                   below ? PYRO_CONTEXT_ABOVE(below->frame) : PYRO_CONTEXT_BOTTOM,
                                   code, literals, &symbol);
        if (!rc && symbol == PYRO_SYMBOL_END)
            break;
        struct pyro_step *step = rc ? NULL : pyro_base_vec_push(&r->path);
        if (rc || !step || !--*left)
            return rc ? rc : step ? PYRO_E_FORMAT : PYRO_E_NOMEM;
        step->frame = symbol - 1;
        rc = show_node(r, s, parent, step->frame, &step->node);
    }
    return rc;
}

static const char *read_stacks(struct pyro_reader *r, struct pyro_in_stream *s,
                               struct pyro_cursor *cur)
{
    struct pyro_id_table *t = &s->tables[PYRO_TABLE_STACKS];
    uint64_t count = pyro_base_get_varint(cur), size = pyro_base_get_varint(cur);
    const uint8_t *bytes = pyro_base_get_bytes(cur, size);
    uint64_t most = size < PYRO_SYMBOLS_MOST / PYRO_SYMBOLS_PER_BYTE
                        ? (size + 1) * PYRO_SYMBOLS_PER_BYTE
                        : PYRO_SYMBOLS_MOST;
    if (!bytes || count > most / 2 || !room(t, count) || s->node_count > UINT32_MAX - 4 - most)
        return "stacks";
    struct pyro_cursor code = {.at = bytes, .end = bytes + size};
    struct pyro_model model;
    uint64_t left = most - 2 * count + 1; /* for frames */
    int rc = 0;
    r->path.len = 0;
    pyro_format_model_init(&model);
    pyro_format_model_begin(&model, &code);
    for (uint64_t i = 0; i < count && !rc && !r->stop; i++) {
        rc = take_stack(r, s, &model, &code, cur, &left);
        if (rc)
            break;
        uint32_t *node = pyro_base_vec_push(&s->stacks);
        if (!node || !add_ids(t, 1)) {
            rc = PYRO_E_NOMEM;
            break;
        }
        *node = r->path.len
                    ? ((struct pyro_step *)pyro_base_vec_at(&r->path, r->path.len - 1))->node
                    : PYRO_NO_NODE;
    }
    pyro_format_model_release(&model);
    if (rc == PYRO_E_NOMEM)
        r->stop = rc;
    return rc && rc != PYRO_E_NOMEM ? "stacks" : NULL;
}

static const char *read_threads(struct pyro_reader *r, struct pyro_in_stream *s,
                                struct pyro_cursor *cur)
{
    struct pyro_cursor column[3];
    uint64_t count;
    struct pyro_id_table *t = &s->tables[PYRO_TABLE_THREADS];
    if (!begin_columns(cur, t, 3, column, &count))
        return "threads";
    for (uint64_t i = 0; i < count && !r->stop; i++) {
        struct pyro_thread_fact fact = {
            .tid = pyro_base_get_zigzag(&column[0]),
            .start_ticks = pyro_base_get_varint(&column[1]),
        };
        if (!show_string(s, pyro_base_get_varint(&column[2]), &fact.name))
            return "threads";
        if (!add_ids(t, 1))
            r->stop = PYRO_E_NOMEM;
        PYRO_TELL(r, thread, s->fact.id, t->shown - 1, &fact);
    }
    return NULL;
}

static const char *read_ticks(struct pyro_reader *r, struct pyro_in_stream *s,
                              struct pyro_cursor *cur)
{
    uint64_t number = pyro_base_get_varint(cur), count = pyro_base_get_varint(cur);
    uint64_t gaps = pyro_base_get_varint(cur), units = 0, gap_at = UINT64_MAX, missed = 0;
    struct pyro_cursor gap = *cur, *late = cur;
    if (gaps > count || !skip_varints(late, gaps) || !skip_varints(late, gaps) ||
        count > (size_t)(late->end - late->at) || count > UINT32_MAX || s->times.len)
        return "ticks";
    if (pyro_base_vec_resize(&s->times, count)) {
        r->stop = PYRO_E_NOMEM;
        return NULL;
    }
    uint64_t *times = s->times.data;
    if (gaps) {
        gap_at = pyro_base_get_varint(&gap);
        missed = pyro_base_get_varint(&gap);
    }
    for (uint64_t i = 0; i < count; i++, number++) {
        while (i == gap_at) {
            number += missed;
            gap_at = UINT64_MAX;
            if (--gaps) {
                gap_at = i + pyro_base_get_varint(&gap);
                missed = pyro_base_get_varint(&gap);
            }
        }
        uint64_t value = pyro_base_get_varint(late);
        units = s->fact.period_ns ? value : units + value;
        times[i] =
            (s->fact.period_ns ? pyro_format_tick_time(&s->fact, number) : s->fact.first_ns) +
            units * s->fact.lateness_unit_ns + s->fact.lateness_unit_ns / 2;
    }
    if (late->failed) {
        s->times.len = 0;
        return "ticks";
    }
    PYRO_TELL(r, ticks, s->fact.id, times, count);
    return NULL;
}

static const char *read_entries(struct pyro_reader *r, struct pyro_in_stream *s,
                                struct pyro_cursor *cur, unsigned tag)
{
    const bool states = tag == PYRO_SECTION_STATES;
    while (cur->at < cur->end && !r->stop) {
        struct pyro_sample sample = {0};
        uint64_t thread = pyro_base_get_varint(cur), first = pyro_base_get_varint(cur);
        uint64_t count = pyro_base_get_varint(cur);
        if (cur->failed || first > s->times.len || count > s->times.len - first ||
            !show_id(r, s, PYRO_TABLE_THREADS, thread, &sample.thread) ||
            !pyro_format_get_entries(cur, (uint32_t)count, &r->runs))
            return "samples";
        const struct pyro_value *v = r->runs.data;
        for (size_t i = 0; i < r->runs.len && !r->stop; first += v[i++].count) {
            if (!v[i].code)
                continue;
            uint64_t of = v[i].code - 2;
            if (states && (v[i].code < 2 || of >> PYRO_STATE_BITS))
                return "states";
            sample.node = PYRO_NO_NODE;
            if (!states && v[i].code > 1 && !show_stack(r, s, of, &sample.node))
                return "samples";
            sample.unverified = v[i].packed / 8;
            sample.flags = v[i].packed % 8;
            if (states)
                PYRO_TELL(r, states, s->fact.id, sample.thread, (uint32_t)of, first, v[i].count);
            else if (tag == PYRO_SECTION_SECONDS)
                PYRO_TELL(r, seconds, s->fact.id, sample.thread, sample.node, first, v[i].count);
            else
                PYRO_TELL(r, samples, s->fact.id, &sample, first, v[i].count);
        }
    }
    return NULL;
}

static const char *read_samples(struct pyro_reader *r, struct pyro_in_stream *s,
                                struct pyro_cursor *cur)
{
    return read_entries(r, s, cur, PYRO_SECTION_SAMPLES);
}

static const char *read_seconds(struct pyro_reader *r, struct pyro_in_stream *s,
                                struct pyro_cursor *cur)
{
    return read_entries(r, s, cur, PYRO_SECTION_SECONDS);
}

static const char *read_states(struct pyro_reader *r, struct pyro_in_stream *s,
                               struct pyro_cursor *cur)
{
    return read_entries(r, s, cur, PYRO_SECTION_STATES);
}

static const char *read_delays(struct pyro_reader *r, struct pyro_in_stream *s,
                               struct pyro_cursor *cur)
{
    struct pyro_cursor column[4];
    uint64_t count;
    if (!begin_columns(cur, NULL, 4, column, &count))
        return "delays";
    for (uint64_t i = 0; i < count && !r->stop; i++) {
        struct pyro_delay_fact fact;
        uint64_t *fields[] = {&fact.over_ns, &fact.ran_ns, &fact.delayed_ns};
        if (!show_id(r, s, PYRO_TABLE_THREADS, pyro_base_get_varint(&column[0]), &fact.thread))
            return "delays";
        for (size_t k = 0; k < 3; k++) {
            uint64_t us = pyro_base_get_varint(&column[k + 1]);
            if (us > DELAY_MOST)
                return "delays";
            *fields[k] = us * 1000;
        }
        PYRO_TELL(r, delay, s->fact.id, &fact);
    }
    return NULL;
}

static const char *read_stills(struct pyro_reader *r, struct pyro_in_stream *s,
                               struct pyro_cursor *cur)
{
    struct pyro_cursor column[1];
    uint64_t count;
    if (!begin_columns(cur, NULL, 1, column, &count))
        return "stills";
    for (uint64_t i = 0; i < count && !r->stop; i++) {
        uint32_t node = PYRO_NO_NODE;
        if (!show_stack(r, s, pyro_base_get_varint(&column[0]), &node))
            return "stills";
        if (node != PYRO_NO_NODE) /* of an empty stack there is nothing to say */
            PYRO_TELL(r, still, s->fact.id, node);
    }
    return NULL;
}

/* ---- the batch */

/* Where the batch begins: behind what is known, there is a gap; before it, the batch lies. */
static const char *begin_batch(struct pyro_in_stream *s, struct pyro_cursor *cur, bool *gap)
{
    uint32_t next[PYRO_TABLES];
    for (size_t i = 0; i < PYRO_TABLES; i++)
        if (!get_u32(cur, &next[i]) || next[i] < s->tables[i].end)
            return "the batch repeats definitions";
    for (size_t i = 0; i < PYRO_TABLES; i++) {
        *gap |= next[i] > s->tables[i].end;
        s->tables[i].end = next[i];
    }
    return NULL;
}

const char *pyro_format_read_samples(struct pyro_reader *r, struct pyro_in_stream *s,
                                     struct pyro_cursor *cur, bool *gap)
{
    static const struct {
        unsigned tag;
        const char *(*read)(struct pyro_reader *, struct pyro_in_stream *, struct pyro_cursor *);
    } sections[] = {
        {PYRO_SECTION_STRINGS, read_strings}, {PYRO_SECTION_FUNCTIONS, read_functions},
        {PYRO_SECTION_FRAMES, read_frames},   {PYRO_SECTION_STACKS, read_stacks},
        {PYRO_SECTION_THREADS, read_threads}, {PYRO_SECTION_TICKS, read_ticks},
        {PYRO_SECTION_SAMPLES, read_samples}, {PYRO_SECTION_SECONDS, read_seconds},
        {PYRO_SECTION_STATES, read_states},   {PYRO_SECTION_DELAYS, read_delays},
        {PYRO_SECTION_STILLS, read_stills},
    };
    const char *why = begin_batch(s, cur, gap);
    s->times.len = 0;
    while (!why && !r->stop && cur->at < cur->end) {
        uint64_t tag = pyro_base_get_varint(cur), size = pyro_base_get_varint(cur);
        const uint8_t *bytes = pyro_base_get_bytes(cur, size);
        if (!bytes)
            return "a section ends outside of its batch";
        struct pyro_cursor body = {.at = bytes, .end = bytes + size};
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            if (sections[i].tag == tag)
                why = sections[i].read(r, s, &body);
    }
    return why;
}
