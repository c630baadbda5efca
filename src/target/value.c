/*
 * value: an object of the process as text, by its bytes alone: no code is run there.  Exact
 * builtins are shown by what they hold, all else by its type and address.  What is read may change
 * meanwhile or be nothing at all: every size is bounded before it is used, and what makes no sense
 * is "?".
 */
#include "target_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION_312 = 0x030c,
    NEST_MOST = 3,       /* containers in one another */
    ITEMS_MOST = 6,      /* of one container */
    LOOK_MOST = 1 << 16, /* entries of a table, which stays large when it is emptied */
    BLOCK_WORDS = 510,   /* of a table, read at once: whole entries of 1 to 3 words */
    TEXT_MOST = 120,     /* bytes of a str or bytes */
    NAME_MOST = 100,     /* of a type's name */
    DIGITS_MOST = 40,    /* of an int, 30 bits each: more are told by their number */
    DIGIT_BITS = 30,     /* PyLong_SHIFT */
    SIZE_MOST = 1 << 30  /* of a container, to be believed */
};

struct showing {
    struct pyro_target *t;
    struct pyro_arena *arena;
    char *to; /* where the next text goes */
    size_t left;
};

static void put(struct showing *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct showing *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(s->to, s->left, fmt, args);
    va_end(args);
    size_t made = n < 0 ? 0 : (size_t)n;
    if (made >= s->left)
        made = s->left > 0 ? s->left - 1 : 0;
    s->to += made;
    s->left -= made;
}

static bool read_word(const struct showing *s, uint64_t address, int offset, uint64_t *out)
{
    return offset >= 0 && pyro_target_read_u64(s->t, address + (uint64_t)offset, out) == 0;
}

/* The name that the type object gives itself; false: it is none. */
static bool type_name(const struct showing *s, uint64_t type, char name[NAME_MOST])
{
    uint64_t at;
    if (!target_plausible(type) || !read_word(s, type, s->t->layout.type_name, &at) || at < 4096)
        return false;
    /* it may end at the end of what is mapped */
    for (size_t size = NAME_MOST - 1; size > 0; size /= 2)
        if (target_read(s->t->pid, at, name, size) == 0) {
            name[size] = '\0';
            return name[0] != '\0';
        }
    return false;
}

static void show(struct showing *s, uint64_t object, int nested);

/* Decimal digits of 30-bit ones, the lowest first. */
static void show_digits(struct showing *s, uint32_t *digits, int count, bool negative)
{
    char text[DIGITS_MOST * 10 + 2];
    size_t at = sizeof text;
    text[--at] = '\0';
    do {
        uint64_t rest = 0;
        for (int i = count; i-- > 0;) {
            rest = rest << DIGIT_BITS | digits[i];
            digits[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        text[--at] = (char)('0' + rest);
        while (count > 0 && digits[count - 1] == 0)
            count--;
    } while (count > 0 && at > 0);
    put(s, "%s%s", negative ? "-" : "", text + at);
}

static void show_int(struct showing *s, uint64_t object)
{
    const struct pyro_layout *l = &s->t->layout;
    uint32_t digits[DIGITS_MOST] = {0};
    uint64_t size;
    if (!read_word(s, object, l->var_size, &size)) {
        put(s, "?");
        return;
    }
    bool negative = l->version >= VERSION_312 ? (size & 3) == 2 : (int64_t)size < 0;
    uint64_t count = l->version >= VERSION_312 ? size >> 3 : negative ? -size : size;
    if (count > DIGITS_MOST) {
        uint64_t top = object + (uint64_t)l->long_digits + (count - 1) * 4;
        if (count < SIZE_MOST && pyro_target_read(s->t, top, digits, 4) == 0 && digits[0] != 0)
            put(s, "<int of %" PRIu64 " bits>",
                count * DIGIT_BITS - (uint64_t)(__builtin_clz(digits[0]) - (32 - DIGIT_BITS)));
        else
            put(s, "?");
        return;
    }
    if (count > 0 &&
        pyro_target_read(s->t, object + (uint64_t)l->long_digits, digits, count * 4) != 0) {
        put(s, "?");
        return;
    }
    show_digits(s, digits, (int)count, negative);
}

/* The shortest text that is read as the same number. */
static void number_text(double value, char text[40])
{
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, 40, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
}

static void show_float(struct showing *s, uint64_t object)
{
    double value;
    char text[40];
    if (pyro_target_read(s->t, object + (uint64_t)s->t->layout.float_value, &value, sizeof value)) {
        put(s, "?");
        return;
    }
    number_text(value, text);
    put(s, "%s%s", text, strpbrk(text, ".eni") == NULL ? ".0" : ""); /* a point, as Python has it */
}

/* Python leaves a real part of 0 out, but not of -0. */
static void show_complex(struct showing *s, uint64_t object)
{
    double parts[2];
    char real[40], imaginary[40];
    if (pyro_target_read(s->t, object + (uint64_t)s->t->layout.complex_value, parts,
                         sizeof parts)) {
        put(s, "?");
        return;
    }
    number_text(parts[0], real);
    number_text(parts[1], imaginary);
    if (strcmp(real, "0") == 0)
        put(s, "%sj", imaginary);
    else
        put(s, "(%s%s%sj)", real, imaginary[0] == '-' ? "" : "+", imaginary);
}

/* Of a str's text: six characters that stand for one that UTF-8 has not. */
static bool is_surrogate(const uint8_t *text, size_t size)
{
    return size >= 6 && text[1] == 'u' && text[2] == 'd' && text[3] != 0 &&
           strchr("89abcdef", text[3]) != NULL;
}

static void put_quoted(struct showing *s, const uint8_t *bytes, size_t size, bool text)
{
    put(s, "'");
    for (size_t i = 0; i < size; i++) {
        uint8_t c = bytes[i];
        if (c == '\n' || c == '\t' || c == '\r')
            put(s, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c == '\'' || (c == '\\' && !(text && is_surrogate(bytes + i, size - i))))
            put(s, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || (c > 0x7f && !text))
            put(s, "\\x%02x", c);
        else
            put(s, "%c", c);
    }
    put(s, "'");
}

static void show_str(struct showing *s, uint64_t object)
{
    const char *text;
    size_t size;
    if (pyro_target_read_str(s->t, object, TEXT_MOST, s->arena, &text, &size) != 0)
        put(s, "?");
    else
        put_quoted(s, (const uint8_t *)text, size, true);
}

static void show_bytes(struct showing *s, uint64_t object, bool array)
{
    const struct pyro_layout *l = &s->t->layout;
    uint8_t bytes[TEXT_MOST];
    uint64_t size, at = object + (uint64_t)l->bytes_data;
    if (!read_word(s, object, l->var_size, &size) || size > SIZE_MOST ||
        (array && size > 0 && !read_word(s, object, l->bytearray_start, &at))) {
        put(s, "?");
        return;
    }
    size_t shown = size < TEXT_MOST ? size : TEXT_MOST;
    if (shown > 0 && pyro_target_read(s->t, at, bytes, shown) != 0) {
        put(s, "?");
        return;
    }
    put(s, array ? "bytearray(b" : "b");
    put_quoted(s, bytes, shown, false);
    if (shown < size)
        put(s, "... %" PRIu64 " more", size - shown);
    put(s, array ? ")" : "");
}

static void put_more(struct showing *s, uint64_t size, int shown)
{
    if (size > (uint64_t)shown)
        put(s, "%s... %" PRIu64 " more", shown > 0 ? ", " : "", size - (uint64_t)shown);
}

static void show_row(struct showing *s, uint64_t object, bool list, int nested)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t size, items = object + (uint64_t)l->tuple_items, item;
    int shown = 0;
    if (!read_word(s, object, l->var_size, &size) || size > SIZE_MOST ||
        (list && size > 0 && !read_word(s, object, l->list_items, &items))) {
        put(s, "?");
        return;
    }
    put(s, list ? "[" : "(");
    for (; shown < ITEMS_MOST && (uint64_t)shown < size && nested < NEST_MOST; shown++) {
        if (!read_word(s, items, 8 * shown, &item))
            break;
        put(s, "%s", shown > 0 ? ", " : "");
        show(s, item, nested + 1);
    }
    put_more(s, size, shown);
    put(s, list ? "]" : size == 1 && shown == 1 ? ",)" : ")");
}

struct table { /* of a dict or a set */
    uint64_t at, count;
    size_t words;        /* of an entry */
    uint64_t begin, end; /* the entries that are in the block */
    uint64_t block[BLOCK_WORDS];
};

/* NULL: there is none, or it cannot be read, or enough was looked at. */
static const uint64_t *entry_of(const struct showing *s, struct table *table, uint64_t index)
{
    if (index >= table->count || index >= LOOK_MOST)
        return NULL;
    if (index >= table->end) {
        uint64_t left = table->count - index, most = BLOCK_WORDS / table->words;
        uint64_t count = left < most ? left : most, size = 8 * table->words;
        if (pyro_target_read(s->t, table->at + index * size, table->block, count * size) != 0)
            return NULL;
        table->begin = index;
        table->end = index + count;
    }
    return table->block + (index - table->begin) * table->words;
}

/* The entries behind the indices: (hash,) key, value; those taken out have no value.  An object's
 * own dict has its values elsewhere (0: it has not), one for each key that such objects share: they
 * come in the order of these. */
static int show_entries(struct showing *s, uint64_t keys, uint64_t values, uint64_t used,
                        int nested)
{
    const struct pyro_layout *l = &s->t->layout;
    uint8_t head[64];
    int shown = 0;
    if (l->keys_indices > (int)sizeof head ||
        pyro_target_read(s->t, keys, head, (size_t)l->keys_indices) != 0)
        return 0;
    uint64_t count = target_u64(head + l->keys_count), indices;
    size_t words = 3; /* keys have their hash with them, but those that are all str from 3.11 on */
    if (pyro_layout_is_linked(l)) {
        indices = target_index_bytes(target_u64(head + l->keys_size));
    } else {
        unsigned log2 = head[l->keys_index_bytes];
        indices = log2 > 32 ? UINT64_MAX : UINT64_C(1) << log2;
        words = head[l->keys_kind] == 0 ? 3 : 2;
    }
    if (count > SIZE_MOST || indices > 8 * (uint64_t)SIZE_MOST)
        return 0;
    struct table table = {
        .at = keys + (uint64_t)l->keys_indices + indices, .count = count, .words = words};
    struct table apart = {.at = values, .count = count, .words = 1};
    for (uint64_t i = 0; shown < ITEMS_MOST && (uint64_t)shown < used; i++) {
        const uint64_t *entry = entry_of(s, &table, i);
        if (entry == NULL)
            break;
        const uint64_t *value = values != 0 ? entry_of(s, &apart, i) : entry + words - 1;
        if (value == NULL)
            break;
        if (*value == 0)
            continue;
        put(s, "%s", shown > 0 ? ", " : "");
        show(s, entry[words - 2], nested + 1);
        put(s, ": ");
        show(s, *value, nested + 1);
        shown++;
    }
    return shown;
}

static void show_dict(struct showing *s, uint64_t object, int nested)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t used, keys, values;
    int shown = 0;
    if (!read_word(s, object, l->dict_used, &used) || used > SIZE_MOST ||
        !read_word(s, object, l->dict_keys, &keys) ||
        !read_word(s, object, l->dict_values, &values)) {
        put(s, "?");
        return;
    }
    put(s, "{");
    if (values != 0 && l->values_first > 0)
        values += (uint64_t)l->values_first;
    if (nested < NEST_MOST && target_plausible(keys))
        shown = show_entries(s, keys, values, used, nested);
    put_more(s, used, shown);
    put(s, "}");
}

/* Entries are key and hash; those taken out have the hash -1, which no object has. */
static int show_members(struct showing *s, uint64_t at, uint64_t mask, uint64_t used, int nested)
{
    struct table table = {.at = at, .count = mask + 1, .words = 2};
    int shown = 0;
    for (uint64_t i = 0; shown < ITEMS_MOST && (uint64_t)shown < used; i++) {
        const uint64_t *entry = entry_of(s, &table, i);
        if (entry == NULL)
            break;
        if (entry[0] == 0 || entry[1] == UINT64_MAX)
            continue;
        put(s, "%s", shown > 0 ? ", " : "");
        show(s, entry[0], nested + 1);
        shown++;
    }
    return shown;
}

static void show_set(struct showing *s, uint64_t object, bool frozen, int nested)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t used, mask, table;
    int shown = 0;
    if (!read_word(s, object, l->set_used, &used) || used > SIZE_MOST ||
        !read_word(s, object, l->set_mask, &mask) || mask > SIZE_MOST ||
        !read_word(s, object, l->set_table, &table)) {
        put(s, "?");
        return;
    }
    if (used == 0) {
        put(s, frozen ? "frozenset()" : "set()");
        return;
    }
    put(s, frozen ? "frozenset({" : "{");
    if (nested < NEST_MOST && target_plausible(table))
        shown = show_members(s, table, mask, used, nested);
    put_more(s, used, shown);
    put(s, frozen ? "})" : "}");
}

/* Its struct is private: start, stop and step are what comes first in it. */
static void show_range(struct showing *s, uint64_t object, int nested)
{
    uint64_t parts[3];
    if (pyro_target_read(s->t, object + (uint64_t)s->t->layout.object_size, parts, sizeof parts)) {
        put(s, "?");
        return;
    }
    put(s, "range(");
    for (size_t i = 0; i < 3; i++) {
        put(s, "%s", i > 0 ? ", " : "");
        show(s, parts[i], nested + 1);
    }
    put(s, ")");
}

static void show_function(struct showing *s, uint64_t object)
{
    uint64_t name;
    const char *text;
    size_t size;
    if (read_word(s, object, s->t->layout.function_qualname, &name) &&
        pyro_target_read_str(s->t, name, TEXT_MOST, s->arena, &text, &size) == 0)
        put(s, "<function %.*s>", (int)size, text);
    else
        put(s, "<function>");
}

/* One of the builtins that are shown by what they hold?  Their types are the interpreter's own. */
static bool show_builtin(struct showing *s, uint64_t object, const char *type, int nested)
{
    uint64_t digit;
    if (strcmp(type, "NoneType") == 0)
        put(s, "None");
    else if (strcmp(type, "bool") == 0)
        put(s, "%s",
            read_word(s, object, s->t->layout.long_digits, &digit) && (digit & 1) ? "True"
                                                                                  : "False");
    else if (strcmp(type, "int") == 0)
        show_int(s, object);
    else if (strcmp(type, "float") == 0)
        show_float(s, object);
    else if (strcmp(type, "str") == 0)
        show_str(s, object);
    else if (strcmp(type, "complex") == 0)
        show_complex(s, object);
    else if (strcmp(type, "bytes") == 0 || strcmp(type, "bytearray") == 0)
        show_bytes(s, object, type[4] == 'a');
    else if (strcmp(type, "range") == 0)
        show_range(s, object, nested);
    else if (strcmp(type, "list") == 0 || strcmp(type, "tuple") == 0)
        show_row(s, object, type[0] == 'l', nested);
    else if (strcmp(type, "dict") == 0)
        show_dict(s, object, nested);
    else if (strcmp(type, "set") == 0 || strcmp(type, "frozenset") == 0)
        show_set(s, object, type[0] == 'f', nested);
    else if (strcmp(type, "ellipsis") == 0)
        put(s, "Ellipsis");
    else if (strcmp(type, "function") == 0)
        show_function(s, object);
    else
        return false;
    return true;
}

static void show(struct showing *s, uint64_t object, int nested)
{
    uint64_t type;
    char name[NAME_MOST];
    if (s->left < 2)
        return;
    if (!target_plausible(object) || !read_word(s, object, s->t->layout.object_type, &type) ||
        !type_name(s, type, name)) {
        put(s, "?");
        return;
    }
    if (pyro_target_is_static(s->t, type) && show_builtin(s, object, name, nested))
        return;
    char inner[NAME_MOST];
    if (strcmp(name, "type") == 0 && type_name(s, object, inner))
        put(s, "<class '%s'>", inner);
    else
        put(s, "<%s at 0x%" PRIx64 ">", name, object);
}

int pyro_target_show(struct pyro_target *t, uint64_t object, char *out, size_t size)
{
    struct showing s = {.t = t, .arena = pyro_base_arena_new(), .to = out, .left = size};
    if (s.arena == NULL)
        return PYRO_E_NOMEM;
    *out = '\0';
    show(&s, object & ~(uint64_t)t->layout.tag_mask, 0);
    if (s.left < 2 && size > 4)
        memcpy(out + size - 4, "...", 4);
    pyro_base_arena_free(s.arena);
    return 0;
}

/* ---- the variables of a frame */

enum { CELL_OR_FREE = 0xc0, HIDDEN = 0x10 }; /* kinds */

/* The same of 3.10: locals, cells and free ones are told apart by their place. */
static bool read_linked_names(struct showing *s, const struct pyro_code *code, uint64_t *names,
                              const uint8_t **kinds)
{
    const struct pyro_layout *l = &s->t->layout;
    const int tuples[] = {l->code_names, l->code_cells, l->code_frees};
    uint8_t *all = pyro_base_arena_alloc(s->arena, (size_t)code->nlocalsplus + 1);
    uint64_t tuple, count, at = 0, most = (uint64_t)code->nlocalsplus;
    for (size_t i = 0; i < sizeof tuples / sizeof *tuples && all != NULL; i++) {
        if (!read_word(s, code->address, tuples[i], &tuple) || !target_plausible(tuple) ||
            !read_word(s, tuple, l->var_size, &count) || count > most - at ||
            (count > 0 &&
             pyro_target_read(s->t, tuple + (uint64_t)l->tuple_items, names + at, 8 * count) != 0))
            return false;
        memset(all + at, i > 0 ? CELL_OR_FREE : 0, count);
        at += count;
    }
    *kinds = all;
    return all != NULL && at == most;
}

/* The names of its variables and what kind each is. */
static bool read_names(struct showing *s, const struct pyro_code *code, uint64_t *names,
                       const uint8_t **kinds)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t tuple, bytes, count;
    size_t size;
    if (pyro_layout_is_linked(l))
        return read_linked_names(s, code, names, kinds);
    return read_word(s, code->address, l->code_names, &tuple) &&
           read_word(s, code->address, l->code_kinds, &bytes) && target_plausible(tuple) &&
           read_word(s, tuple, l->var_size, &count) && count == (uint64_t)code->nlocalsplus &&
           target_read_bytes(s->t, bytes, count, s->arena, kinds, &size) == 0 && size == count &&
           pyro_target_read(s->t, tuple + (uint64_t)l->tuple_items, names, 8 * count) == 0;
}

int pyro_target_variables(struct pyro_target *t, uint64_t frame, const struct pyro_code *code,
                          void (*tell)(void *ctx, const char *name, const char *value), void *ctx)
{
    enum { MOST = 200, VALUE = 300 };
    const struct pyro_layout *l = &t->layout;
    struct showing s = {.t = t};
    uint64_t names[MOST], values[MOST], executable, type;
    const uint8_t *kinds;
    char value[VALUE], type_text[NAME_MOST];
    int count = code->nlocalsplus;
    if (count <= 0)
        return 0;
    s.arena = pyro_base_arena_new();
    if (s.arena == NULL)
        return PYRO_E_NOMEM;
    bool read =
        count <= MOST && read_names(&s, code, names, &kinds) &&
        pyro_target_read(t, frame + (uint64_t)l->frame_locals, values, 8 * (size_t)count) == 0 &&
        read_word(&s, frame, l->frame_executable, &executable) &&
        (executable & ~(uint64_t)l->tag_mask) == code->address;
    for (int i = 0; read && i < count; i++) {
        const char *name;
        size_t size;
        uint64_t object = values[i] & ~(uint64_t)l->tag_mask;
        if (object == 0 || (kinds[i] & HIDDEN) ||
            pyro_target_read_str(t, names[i], NAME_MOST, s.arena, &name, &size) != 0)
            continue;
        if ((kinds[i] & CELL_OR_FREE) && target_plausible(object) &&
            read_word(&s, object, l->object_type, &type) && type_name(&s, type, type_text) &&
            strcmp(type_text, "cell") == 0 && !read_word(&s, object, l->cell_value, &object))
            continue;
        if (object == 0)
            continue; /* a cell that holds nothing yet */
        if (pyro_target_show(t, object, value, sizeof value) == 0)
            tell(ctx, name, value);
    }
    pyro_base_arena_free(s.arena);
    return read ? 0 : PYRO_E_GONE;
}
