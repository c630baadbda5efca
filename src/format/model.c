/*
 * What comes next, foretold and coded.  Each context counts the symbols seen in it; a range coder
 * (G. N. N. Martin, "Range encoding", 1979) gives each as many bits as its share is worth, and a
 * symbol not seen before an escape and a literal.  recording-format.md, STACKS, has the rules.
 * All of it lives within one section, so that a batch can be read without the others.
 */
#include "format_priv.h"

#define SYMBOLS_MOST 255
#define SUM_MOST 8192
#define RANGE_LEAST (1u << 24)

struct seen {
    uint32_t symbol, count;
};

struct context {
    struct pyro_vec seen; /* struct seen, in the order in which they came */
    uint32_t sum;
};

struct slot { /* of a symbol among the `total` of its context */
    uint32_t low, width, total;
};

void pyro_format_model_init(struct pyro_model *m)
{
    *m = (struct pyro_model){.contexts = PYRO_VEC(struct context), .range = UINT32_MAX};
}

void pyro_format_model_release(struct pyro_model *m)
{
    for (size_t i = 0; i < m->contexts.len; i++)
        pyro_base_vec_release(&((struct context *)m->contexts.data)[i].seen);
    pyro_base_vec_release(&m->contexts);
    pyro_base_map_release(&m->ids);
}

static struct context *context_of(struct pyro_model *m, uint64_t id)
{
    uint32_t i = pyro_base_map_get(&m->ids, id, 0);
    if (i != PYRO_MAP_NONE)
        return pyro_base_vec_at(&m->contexts, i);
    if (pyro_base_map_put(&m->ids, id, 0, (uint32_t)m->contexts.len))
        return NULL;
    struct context *c = pyro_base_vec_push(&m->contexts);
    if (c)
        c->seen = PYRO_VEC(struct seen);
    return c;
}

static uint32_t escape_width(const struct context *c)
{
    return c->seen.len ? (uint32_t)c->seen.len : 1;
}

/* The place of a symbol in the list, or its length. */
static size_t find(const struct context *c, uint32_t symbol, uint32_t *low)
{
    const struct seen *seen = c->seen.data;
    size_t i = 0;
    for (*low = 0; i < c->seen.len && seen[i].symbol != symbol; i++)
        *low += seen[i].count;
    return i;
}

/* Counts symbol number i of the list, or one that is new to it. */
static int count(struct context *c, size_t i, uint32_t symbol)
{
    if (i == c->seen.len) {
        if (i == SYMBOLS_MOST)
            return 0;
        struct seen *fresh = pyro_base_vec_push(&c->seen);
        if (!fresh)
            return PYRO_E_NOMEM;
        fresh->symbol = symbol;
    }
    struct seen *seen = c->seen.data;
    seen[i].count++;
    if (++c->sum <= SUM_MOST)
        return 0;
    c->sum = 0;
    for (i = 0; i < c->seen.len; i++)
        c->sum += seen[i].count = (seen[i].count + 1) / 2;
    return 0;
}

/* ---- writing */

static void put_top(struct pyro_model *m, struct pyro_buf *code)
{
    /* A carry goes through all the bytes of 255 that wait, into the one before them. */
    uint32_t low = (uint32_t)m->low;
    uint8_t carry = (uint8_t)(m->low >> 32);
    if (carry || low < 0xff000000u) {
        if (m->begun)
            pyro_base_put_u8(code, (uint8_t)(m->held + carry));
        for (; m->waiting; m->waiting--)
            pyro_base_put_u8(code, (uint8_t)(0xff + carry));
        m->held = (uint8_t)(low >> 24);
        m->begun = true;
    } else {
        m->waiting++;
    }
    m->low = low << 8;
}

static void put_slot(struct pyro_model *m, struct pyro_buf *code, struct slot slot)
{
    uint32_t r = m->range / slot.total;
    m->low += (uint64_t)slot.low * r;
    m->range = slot.width * r;
    for (; m->range < RANGE_LEAST; m->range <<= 8)
        put_top(m, code);
}

int pyro_format_model_put(struct pyro_model *m, uint64_t context, uint32_t symbol,
                          struct pyro_buf *code, struct pyro_buf *literals)
{
    struct context *c = context_of(m, context);
    if (!c)
        return PYRO_E_NOMEM;
    struct slot slot = {.total = c->sum + escape_width(c), .width = escape_width(c)};
    size_t i = find(c, symbol, &slot.low);
    if (i < c->seen.len)
        slot.width = ((struct seen *)c->seen.data)[i].count;
    else
        pyro_base_put_varint(literals, symbol);
    put_slot(m, code, slot);
    return count(c, i, symbol);
}

void pyro_format_model_end(struct pyro_model *m, struct pyro_buf *code)
{
    /* the number in the last range with the most zeros at its end */
    m->low = (m->low + RANGE_LEAST - 1) & ~(uint64_t)(RANGE_LEAST - 1);
    put_top(m, code);
    put_top(m, code);
    while (code->len && !code->data[code->len - 1])
        code->len--;
}

/* ---- reading */

static uint8_t next_byte(struct pyro_cursor *code)
{
    return code->at < code->end ? *code->at++ : 0;
}

void pyro_format_model_begin(struct pyro_model *m, struct pyro_cursor *code)
{
    for (int i = 0; i < 4; i++)
        m->code = m->code << 8 | next_byte(code);
}

int pyro_format_model_get(struct pyro_model *m, uint64_t context, struct pyro_cursor *code,
                          struct pyro_cursor *literals, uint32_t *symbol)
{
    struct context *c = context_of(m, context);
    if (!c)
        return PYRO_E_NOMEM;
    struct slot slot = {.total = c->sum + escape_width(c), .width = escape_width(c)};
    uint32_t r = m->range / slot.total, v = m->code / r;
    if (v >= slot.total)
        v = slot.total - 1;
    const struct seen *seen = c->seen.data;
    size_t i = 0;
    for (; i < c->seen.len && v - slot.low >= seen[i].count; i++)
        slot.low += seen[i].count;
    if (i < c->seen.len) {
        slot.width = seen[i].count;
        *symbol = seen[i].symbol;
    } else {
        uint64_t literal = pyro_base_get_varint(literals);
        uint32_t low;
        if (literals->failed || literal > UINT32_MAX ||
            find(c, (uint32_t)literal, &low) < c->seen.len)
            return PYRO_E_FORMAT;
        *symbol = (uint32_t)literal;
    }
    m->code -= slot.low * r;
    m->range = slot.width * r;
    for (; m->range < RANGE_LEAST; m->range <<= 8)
        m->code = m->code << 8 | next_byte(code);
    return count(c, i, *symbol);
}
