/*
 * Location tables.  3.11 on: one entry for 1 to 8 code units, each line relative to the entry
 * before; 3.10: pairs of bytes, without columns.  Reads any bytes: a table that breaks off or is
 * none gives positions not known.
 */
#include "target_priv.h"

enum {
    UNIT = 2,      /* bytes of a code unit */
    ONE_LINE = 10, /* kinds: below this one, columns are packed; to 12, lines 0 to 2 further */
    NO_COLUMNS = 13,
    LONG = 14,
    NO_LOCATION = 15,
};

/* 6 bits a byte, lowest first; bit 6: more follow. */
static uint32_t varint(struct pyro_cursor *cur)
{
    uint32_t value = 0;
    uint8_t byte;

    for (unsigned shift = 0; shift < 36; shift += 6) {
        byte = pyro_base_get_u8(cur);
        if (shift < 32)
            value |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            return value;
    }
    cur->failed = true;
    return 0;
}

static int64_t signed_varint(struct pyro_cursor *cur)
{
    uint32_t value = varint(cur);

    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

bool target_positions_next(struct pyro_cursor *cur, struct target_entry *entry)
{
    uint8_t first, packed;
    unsigned kind;

    if (cur->at == cur->end)
        return false;
    first = pyro_base_get_u8(cur);
    if (!(first & 0x80))
        return false;
    kind = first >> 3 & 15;
    entry->units = (first & 7) + 1u;
    entry->has_line = kind != NO_LOCATION;
    entry->column = entry->end_column = 0;
    if (kind < ONE_LINE) {
        packed = pyro_base_get_u8(cur);
        entry->column = kind * 8 + (packed >> 4 & 7u) + 1;
        entry->end_column = entry->column + (packed & 15u);
        entry->end_line = entry->line;
    } else if (kind < NO_COLUMNS) {
        entry->line += kind - ONE_LINE;
        entry->end_line = entry->line;
        entry->column = pyro_base_get_u8(cur) + 1u;
        entry->end_column = pyro_base_get_u8(cur) + 1u;
    } else if (kind == NO_COLUMNS) {
        entry->line += signed_varint(cur);
        entry->end_line = entry->line;
    } else if (kind == LONG) {
        entry->line += signed_varint(cur);
        entry->end_line = entry->line + varint(cur);
        entry->column = varint(cur);
        entry->end_column = varint(cur);
    }
    return !cur->failed;
}

static uint32_t line_or_none(int64_t line)
{
    return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

void target_positions_of(const struct target_entry *entry, struct pyro_position *out)
{
    *out = (struct pyro_position){0};
    if (!entry->has_line)
        return;
    out->line = line_or_none(entry->line);
    out->end_line = line_or_none(entry->end_line);
    out->column = entry->column;
    out->end_column = entry->end_column;
}

/* 3.10: each pair is how many bytes of bytecode further, and how many lines; -128: none. */
static bool next_pair(const struct pyro_code *code, size_t *at, int *end, int64_t *line, bool *has)
{
    enum { NO_LINE = -128 };
    int step;

    if (*at + 2 > code->linetable_size)
        return false;
    *end += code->linetable[*at];
    step = code->linetable[*at + 1];
    step -= step < 128 ? 0 : 256;
    *has = step != NO_LINE;
    if (*has)
        *line += step;
    *at += 2;
    return true;
}

static void position_in_pairs(const struct pyro_code *code, int instruction,
                              struct pyro_position *out)
{
    size_t at = 0;
    int end = 0;
    int64_t line = code->first_line;
    bool has;

    while (next_pair(code, &at, &end, &line, &has))
        if (instruction < end) {
            out->line = out->end_line = has ? line_or_none(line) : 0;
            return;
        }
}

uint32_t target_pairs_last_line(const struct pyro_code *code)
{
    size_t at = 0;
    int end = 0;
    int64_t line = code->first_line;
    uint32_t last = 0;
    bool has;

    while (next_pair(code, &at, &end, &line, &has))
        if (has && line_or_none(line) > last)
            last = line_or_none(line);
    return last;
}

void pyro_target_position(const struct pyro_code *code, int instruction, struct pyro_position *out)
{
    struct pyro_cursor cur = {.at = code->linetable, .end = code->linetable + code->linetable_size};
    struct target_entry entry = {.line = code->first_line};
    unsigned unit = (unsigned)instruction / UNIT, behind = 0;

    *out = (struct pyro_position){0};
    if (instruction < 0) {
        out->line = code->first_line;
        return;
    }
    if (code->has_pairs) {
        position_in_pairs(code, instruction, out);
        return;
    }
    while (target_positions_next(&cur, &entry)) {
        behind += entry.units;
        if (unit < behind) {
            target_positions_of(&entry, out);
            return;
        }
    }
}

void pyro_target_location_starts(const struct pyro_code *code, int32_t *starts)
{
    struct pyro_cursor cur = {.at = code->linetable, .end = code->linetable + code->linetable_size};
    struct target_entry entry = {.line = code->first_line}, before = {0};
    int units = code->size / UNIT, at = 0, start = 0;

    while (at < units && target_positions_next(&cur, &entry)) {
        /* one that takes more than 8 units goes on in the next entry */
        bool goes_on = before.units == 8 && before.has_line == entry.has_line &&
                       before.line == entry.line && before.end_line == entry.end_line &&
                       before.column == entry.column && before.end_column == entry.end_column;
        if (!goes_on)
            start = at * UNIT;
        before = entry;
        for (unsigned i = 0; i < entry.units && at < units; i++)
            starts[at++] = start;
    }
    for (; at < units; at++)
        starts[at] = at * UNIT;
}

uint32_t target_positions_last_line(const uint8_t *table, size_t size, uint32_t first_line)
{
    struct pyro_cursor cur = {.at = table, .end = table + size};
    struct target_entry entry = {.line = first_line};
    uint32_t last = 0;

    while (target_positions_next(&cur, &entry)) {
        uint32_t line = entry.has_line ? line_or_none(entry.end_line) : 0;

        if (line > last)
            last = line;
    }
    return last;
}
