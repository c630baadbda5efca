/*
 * The qualified names of 3.10's functions, which their code objects do not have.  The function
 * object whose code it is has one; it is sought where a function is called by its name: among the
 * globals, in the classes of its first argument, among the caller's variables.  What has no name of
 * its own (a lambda, a comprehension, a class body) belongs to the caller, if that has its code
 * among its constants.  Names are interned, so keys are compared by their addresses.
 */
#include "target_priv.h"

#include <stdio.h>
#include <string.h>

enum {
    ENTRIES_MOST = 1 << 16, /* of a dict that is looked through */
    TUPLE_MOST = 4096,
    MRO_MOST = 64,
    WRAPS_MOST = 3, /* objects around a function */
    CLASSES_MOST = 256,
    VALUES_MOST = 4096,
    CODES_MOST = 8192,
    NEST_MOST = 8,
    NAME_MOST = 4096,
    CODE_OPTIMIZED = 1, /* CO_OPTIMIZED: a function's, not a class's or module's */
};
static const uint64_t type_flag = UINT64_C(1) << 31; /* Py_TPFLAGS_TYPE_SUBCLASS */

struct search {
    struct pyro_target *t;
    const struct pyro_code *code;
    struct pyro_arena *arena;
    uint64_t function;          /* what was found; 0: nothing yet */
    int classes, values, codes; /* looked at */
    const char *name;           /* what was found without it */
    size_t name_size;
};

static bool word_at(const struct search *s, uint64_t address, int offset, uint64_t *out)
{
    return target_plausible(address) && offset >= 0 &&
           pyro_target_read_u64(s->t, address + (uint64_t)offset, out) == 0;
}

/* The entries of a dict: hash, key, value.  NULL: it has none. */
static uint64_t *entries_of(struct search *s, uint64_t dict, uint64_t *count)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t keys, values, size, head;
    uint64_t *entries;

    if (!word_at(s, dict, l->dict_keys, &keys) || !word_at(s, dict, l->dict_values, &values) ||
        values != 0 || !word_at(s, keys, l->keys_size, &size) ||
        !word_at(s, keys, l->keys_count, count) || *count == 0 || *count > ENTRIES_MOST)
        return NULL;
    head = (uint64_t)l->keys_indices + target_index_bytes(size);
    entries = pyro_base_arena_alloc(s->arena, *count * 24);
    if (entries == NULL || target_read(s->t->pid, keys + head, entries, *count * 24) != 0)
        return NULL;
    return entries;
}

/* The value of a key, given by its address; 0: it has none. */
static uint64_t value_in(struct search *s, uint64_t dict, uint64_t key)
{
    uint64_t count, *entries = entries_of(s, dict, &count);

    for (uint64_t i = 0; entries != NULL && i < count; i++)
        if (entries[3 * i + 1] == key)
            return entries[3 * i + 2];
    return 0;
}

static uint64_t *tuple_of(struct search *s, uint64_t tuple, uint64_t most, uint64_t *count)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t *items;

    if (!word_at(s, tuple, l->var_size, count) || *count == 0 || *count > most)
        return NULL;
    items = pyro_base_arena_alloc(s->arena, *count * 8);
    if (items == NULL ||
        target_read(s->t->pid, tuple + (uint64_t)l->tuple_items, items, *count * 8) != 0)
        return NULL;
    return items;
}

static bool is_type_called(const struct search *s, uint64_t type, const char *name)
{
    uint64_t known = 0;

    return target_type_is(s->t, type, name, &known);
}

/* Is the object the function, or does it hold it? */
static bool holds(struct search *s, uint64_t object, int depth)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t type, code, inner, module;

    if (depth == WRAPS_MOST || !word_at(s, object, l->object_type, &type))
        return false;
    if (pyro_target_read_function(s->t, object, &code, &module) == 0 && code != 0) {
        uint64_t closure, count, *cells;
        if (code == s->code->address) {
            s->function = object;
            return true;
        }
        /* one that wraps it has it in a cell */
        if (!word_at(s, object, l->function_closure, &closure) || closure == 0)
            return false;
        cells = tuple_of(s, closure, 16, &count);
        for (uint64_t i = 0; cells != NULL && i < count; i++)
            if (word_at(s, cells[i], l->cell_value, &inner) && holds(s, inner, depth + 1))
                return true;
        return false;
    }
    if (is_type_called(s, type, "method"))
        return word_at(s, object, l->method_function, &inner) && holds(s, inner, depth + 1);
    if (is_type_called(s, type, "staticmethod") || is_type_called(s, type, "classmethod"))
        return word_at(s, object, l->object_size, &inner) && holds(s, inner, depth + 1);
    for (int i = 0; i < 3 && is_type_called(s, type, "property"); i++)
        if (word_at(s, object, l->object_size + 8 * i, &inner) && inner != 0 &&
            holds(s, inner, depth + 1))
            return true;
    return false;
}

static bool in_dict(struct search *s, uint64_t dict)
{
    uint64_t value = value_in(s, dict, s->code->name_at);

    return value != 0 && holds(s, value, 0);
}

/* Under whatever name: what a decorator made has its inner function's. */
static bool in_values(struct search *s, uint64_t dict)
{
    uint64_t count, *entries = entries_of(s, dict, &count);

    for (uint64_t i = 0; entries != NULL && i < count && s->values < VALUES_MOST; i++) {
        s->values++;
        if (entries[3 * i + 2] != 0 && holds(s, entries[3 * i + 2], 0))
            return true;
    }
    return false;
}

/* The first argument; one that an inner function uses as well is in a cell of its name. */
static bool first_argument(struct search *s, uint64_t frame, uint64_t *out)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t locals, cells, local_count, cell_count, *names, *cell_names, cell;

    if (!word_at(s, frame, l->frame_locals, out))
        return false;
    if (*out != 0)
        return true;
    if (!word_at(s, s->code->address, l->code_names, &locals) ||
        !word_at(s, s->code->address, l->code_cells, &cells))
        return false;
    names = tuple_of(s, locals, TUPLE_MOST, &local_count);
    cell_names = tuple_of(s, cells, TUPLE_MOST, &cell_count);
    for (uint64_t i = 0; names != NULL && cell_names != NULL && i < cell_count; i++)
        if (cell_names[i] == names[0])
            return word_at(s, frame, l->frame_locals + 8 * (int)(local_count + i), &cell) &&
                   word_at(s, cell, l->cell_value, out) && *out != 0;
    return false;
}

/* In the class of the first argument or one of its bases; that may be a class itself. */
static bool in_classes(struct search *s, uint64_t frame, bool (*look)(struct search *, uint64_t))
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t object, type, flags, mro, dict, count;

    if (s->code->nlocalsplus == 0 || !first_argument(s, frame, &object) ||
        !word_at(s, object, l->object_type, &type))
        return false;
    for (int i = 0; i < 2; i++) {
        uint64_t *bases;
        if (i == 1) {
            if (!word_at(s, type, l->type_flags, &flags) || !(flags & type_flag))
                return false;
            type = object;
        }
        if (!word_at(s, type, l->type_mro, &mro) || mro == 0)
            continue;
        bases = tuple_of(s, mro, MRO_MOST, &count);
        for (uint64_t k = 0; bases != NULL && k < count; k++)
            if (word_at(s, bases[k], l->type_dict, &dict) && dict != 0 && look(s, dict))
                return true;
    }
    return false;
}

/* In one of the classes among the values of a module or a class. */
static bool in_classes_of(struct search *s, uint64_t dict, int depth)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t count, type, flags, inner, *entries = entries_of(s, dict, &count);

    for (uint64_t i = 0; entries != NULL && i < count && s->classes < CLASSES_MOST; i++) {
        uint64_t value = entries[3 * i + 2];
        if (value == 0 || !word_at(s, value, l->object_type, &type) ||
            !word_at(s, type, l->type_flags, &flags) || !(flags & type_flag) ||
            !word_at(s, value, l->type_dict, &inner) || inner == 0)
            continue;
        s->classes++;
        if (in_dict(s, inner) || (depth > 1 && in_classes_of(s, inner, depth - 1)))
            return true;
    }
    return false;
}

/* Among the variables of the frame, by its name. */
static bool in_variables(struct search *s, uint64_t frame, uint64_t code)
{
    const struct pyro_layout *l = &s->t->layout;
    const int tuples[] = {l->code_names, l->code_cells, l->code_frees};
    uint64_t tuple, value, count, before = 0;

    for (size_t i = 0; i < sizeof(tuples) / sizeof(tuples[0]); i++) {
        uint64_t *names;
        if (!word_at(s, code, tuples[i], &tuple))
            return false;
        count = 0;
        names = tuple_of(s, tuple, TUPLE_MOST, &count);
        for (uint64_t k = 0; names != NULL && k < count; k++) {
            if (names[k] != s->code->name_at ||
                !word_at(s, frame, l->frame_locals + 8 * (int)(before + k), &value) || value == 0)
                continue;
            if (i > 0 && !word_at(s, value, l->cell_value, &value))
                continue;
            if (value != 0 && holds(s, value, 0))
                return true;
        }
        before += count;
    }
    return false;
}

static bool is_constant_of(struct search *s, uint64_t code)
{
    uint64_t tuple, count, *items;

    if (!word_at(s, code, s->t->layout.code_consts, &tuple))
        return false;
    items = tuple_of(s, tuple, ENTRIES_MOST, &count);
    for (uint64_t i = 0; items != NULL && i < count; i++)
        if (items[i] == s->code->address)
            return true;
    return false;
}

/* "outer.<locals>.inner", "Class.inner", or "inner" in a module. */
static bool within(struct search *s, uint64_t code, const char *outer, const char **out,
                   size_t *size)
{
    char text[NAME_MOST];
    uint64_t flags;

    if (!word_at(s, code, s->t->layout.code_flags, &flags))
        return false;
    if (strcmp(outer, "<module>") == 0)
        snprintf(text, sizeof(text), "%s", s->code->name);
    else
        snprintf(text, sizeof(text), "%s%s.%s", outer, flags & CODE_OPTIMIZED ? ".<locals>" : "",
                 s->code->name);
    *size = strlen(text);
    *out = pyro_base_arena_copy(s->arena, text, *size + 1);
    return *out != NULL;
}

/* Where in the constants of a code object, or of those among them, is it?  Their names, joined. */
static bool find_within(struct search *s, uint64_t code, const char *name, int depth)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t tuple, count, type, inner_name, *items;
    const char *text;
    size_t size;

    if (depth == NEST_MOST || !word_at(s, code, l->code_consts, &tuple))
        return false;
    items = tuple_of(s, tuple, ENTRIES_MOST, &count);
    for (uint64_t i = 0; items != NULL && i < count; i++) {
        const char *found;
        if (items[i] == s->code->address)
            return within(s, code, name, &s->name, &s->name_size);
        if (s->codes == CODES_MOST || !word_at(s, items[i], l->object_type, &type) ||
            type != s->t->code_type)
            continue;
        s->codes++;
        if (!word_at(s, items[i], l->code_name, &inner_name) ||
            pyro_target_read_str(s->t, inner_name, 256, s->arena, &text, &size) != 0)
            continue;
        struct pyro_code inner = {.address = items[i], .name = text};
        struct search of = {.t = s->t, .code = &inner, .arena = s->arena};
        if (within(&of, code, name, &found, &size) && find_within(s, items[i], found, depth + 1))
            return true;
    }
    return false;
}

/* In the functions among the values of a module or a class, and of the classes in it. */
static bool in_functions(struct search *s, uint64_t dict, int depth)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t count, code, module, name, type, flags, inner, *entries = entries_of(s, dict, &count);
    const char *text;
    size_t size;

    for (uint64_t i = 0; entries != NULL && i < count && s->values < VALUES_MOST; i++) {
        uint64_t value = entries[3 * i + 2];
        s->values++;
        if (value == 0 || !word_at(s, value, l->object_type, &type))
            continue;
        if (pyro_target_read_function(s->t, value, &code, &module) == 0 && code != 0) {
            if (word_at(s, value, l->function_qualname, &name) &&
                pyro_target_read_str(s->t, name, NAME_MOST, s->arena, &text, &size) == 0 &&
                find_within(s, code, text, 0))
                return true;
        } else if (depth > 0 && word_at(s, type, l->type_flags, &flags) && (flags & type_flag) &&
                   word_at(s, value, l->type_dict, &inner) && inner != 0 &&
                   in_functions(s, inner, depth - 1)) {
            return true;
        }
    }
    return false;
}

/* __name__ of the globals: where its key is, is found once. */
static uint64_t module_name(struct search *s, uint64_t globals)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t keys, size, key;
    const char *text;
    size_t length;

    if (s->t->name_key == 0 && word_at(s, globals, l->dict_keys, &keys) &&
        word_at(s, keys, l->keys_size, &size) &&
        word_at(s, keys, l->keys_indices + (int)target_index_bytes(size & 0xffffff) + 8, &key) &&
        pyro_target_read_str(s->t, key, 16, s->arena, &text, &length) == 0 &&
        strcmp(text, "__name__") == 0) /* it is the first that a module gets */
        s->t->name_key = key;
    return s->t->name_key == 0 ? 0 : value_in(s, globals, s->t->name_key);
}

uint64_t target_index_bytes(uint64_t slots)
{
    return slots <= 0xff         ? slots
           : slots <= 0xffff     ? 2 * slots
           : slots <= 0xffffffff ? 4 * slots
                                 : 8 * slots;
}

/* The function's own name, if it is its code's: functools.wraps gives a function the name of
 * another one, and notes in its dict that it did. */
static bool name_itself(struct search *s)
{
    const struct pyro_layout *l = &s->t->layout;
    uint64_t name, dict, code;
    size_t last = s->code->name_size;

    return word_at(s, s->function, l->function_dict, &dict) && dict == 0 &&
           word_at(s, s->function, l->function_qualname, &name) &&
           pyro_target_read_str(s->t, name, NAME_MOST, s->arena, &s->name, &s->name_size) == 0 &&
           s->name_size >= last &&
           memcmp(s->name + s->name_size - last, s->code->name, last) == 0 &&
           word_at(s, s->function, l->function_code, &code) &&
           code == s->code->address; /* it is still that function */
}

bool pyro_target_find_qualname(struct pyro_target *t, const struct pyro_code *code, uint64_t frame,
                               uint64_t globals, uint64_t caller, const char *caller_name,
                               struct pyro_arena *arena, const char **out, size_t *size,
                               uint64_t *module_at)
{
    struct search s = {.t = t, .code = code, .arena = pyro_base_arena_new()};
    const struct pyro_layout *l = &t->layout;
    uint64_t caller_code;
    bool found = false;

    *module_at = 0;
    if (s.arena == NULL)
        return false;
    *module_at = module_name(&s, globals);
    bool called = caller != 0 && word_at(&s, caller, l->frame_executable, &caller_code);
    if (code->name[0] != '<')
        found = in_dict(&s, globals) || in_classes(&s, frame, in_dict) ||
                (called && in_variables(&s, caller, caller_code)) ||
                in_classes_of(&s, globals, 2) || in_classes(&s, frame, in_values) ||
                in_values(&s, globals);
    s.values = 0;
    found = (found && name_itself(&s)) ||
            (called && is_constant_of(&s, caller_code) &&
             within(&s, caller_code, caller_name, &s.name, &s.name_size)) ||
            in_functions(&s, globals, 2);
    *size = s.name_size;
    *out = found ? pyro_base_arena_copy(arena, s.name, s.name_size + 1) : NULL;
    found = found && *out != NULL;
    pyro_base_arena_free(s.arena);
    return found;
}
