/*
 * Code objects and functions.  A code object is believed only if its type is code, its sizes agree
 * with one another, and its names and its line table are what they should be.
 */
#include "target_priv.h"

#include <string.h>
#include <sys/uio.h>

enum {
    HEAD_MAX = 512, /* bytes of a code object before its bytecode */
    UNITS_MAX = PYRO_CODE_SIZE_MAX / 2,
    TABLE_MAX = 64 << 20,       /* bytes of a line table */
    SLOTS_MAX = 1 << 24,        /* locals, and words of a frame */
    NAME_MAX_BYTES = 256 << 10, /* of a name or file name; what is longer is cut */
    FUNCTION_MAX = 512,         /* bytes of a function object */
};

static size_t max_end(size_t so_far, int offset, size_t width)
{
    size_t end = offset < 0 ? 0 : (size_t)offset + width;

    return end > so_far ? end : so_far;
}

size_t pyro_target_code_check_size(const struct pyro_target *t)
{
    const struct pyro_layout *l = &t->layout;
    size_t size = max_end(0, l->var_size, 8);

    size = max_end(size, l->object_type, 8);
    size = max_end(size, l->code_nlocalsplus, 4);
    size = max_end(size, l->code_stacksize, 4);
    size = max_end(size, l->code_framesize, 4);
    size = max_end(size, l->code_firstlineno, 4);
    if (pyro_layout_is_linked(l))
        size = max_end(size, l->code_bytes, 8);
    size = max_end(size, l->code_version, 4);
    size = max_end(size, l->code_filename, 8);
    size = max_end(size, l->code_name, 8);
    size = max_end(size, l->code_qualname, 8);
    return max_end(size, l->code_linetable, 8);
}

/* The numbers and addresses in a code object's first bytes.  False: it is none.  *code_type as in
 * target_type_is. */
static bool read_head(const struct pyro_target *t, const uint8_t *head, uint64_t *code_type,
                      struct pyro_code *out)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t units = target_u64(head + l->var_size);
    int32_t first_line = target_i32(head + l->code_firstlineno);
    int64_t words, stack = target_i32(head + l->code_stacksize);

    if (!target_type_is(t, target_u64(head + l->object_type), "code", code_type) || units == 0 ||
        units > UNITS_MAX)
        return false;
    out->nlocalsplus = target_i32(head + l->code_nlocalsplus);
    if (out->nlocalsplus < 0 || out->nlocalsplus > SLOTS_MAX || stack < 0 || stack > SLOTS_MAX)
        return false;
    words = out->nlocalsplus + stack + l->frame_specials;
    /* 3.12 on: the object says it, and it is the same but for a few words in some releases */
    if (l->code_framesize >= 0) {
        int64_t said = target_i32(head + l->code_framesize);

        if (said < out->nlocalsplus + l->frame_specials || said > words + 64)
            return false;
        words = said;
    }
    out->size = (int)(units * 2);
    out->frame_bytes = (int)(words * 8);
    out->first_line = first_line > 0 ? (uint32_t)first_line : 0;
    out->version = l->code_version < 0 ? 0 : (uint32_t)target_i32(head + l->code_version);
    out->filename_at = target_u64(head + l->code_filename);
    out->name_at = target_u64(head + l->code_name);
    out->qualname_at = target_u64(head + l->code_qualname);
    out->linetable_at = target_u64(head + l->code_linetable);
    return true;
}

/* The same of 3.10, where the bytecode is an object of its own, which says how long it is. */
static bool read_linked_head(const struct pyro_target *t, const uint8_t *head, uint64_t *code_type,
                             struct pyro_code *out)
{
    const struct pyro_layout *l = &t->layout;
    int32_t first_line = target_i32(head + l->code_firstlineno);
    int32_t locals = target_i32(head + l->code_nlocals);
    int32_t stack = target_i32(head + l->code_stacksize);

    if (!target_type_is(t, target_u64(head + l->object_type), "code", code_type) || locals < 0 ||
        locals > SLOTS_MAX || stack < 0 || stack > SLOTS_MAX)
        return false;
    out->nlocalsplus = locals;
    out->frame_bytes = l->frame_locals + (locals + stack) * 8;
    out->first_line = first_line > 0 ? (uint32_t)first_line : 0;
    out->filename_at = target_u64(head + l->code_filename);
    out->name_at = out->qualname_at = target_u64(head + l->code_name);
    out->linetable_at = target_u64(head + l->code_linetable);
    out->bytecode_at = target_u64(head + l->code_bytes);
    out->has_pairs = true;
    return true;
}

static bool read_any_head(const struct pyro_target *t, const uint8_t *head, uint64_t *code_type,
                          struct pyro_code *out)
{
    return pyro_layout_is_linked(&t->layout) ? read_linked_head(t, head, code_type, out)
                                             : read_head(t, head, code_type, out);
}

/* Cells come behind the locals. */
static int count_cells(const struct pyro_target *t, struct pyro_code *out)
{
    const struct pyro_layout *l = &t->layout;
    const int tuples[] = {l->code_cells, l->code_frees};

    for (size_t i = 0; i < sizeof(tuples) / sizeof(tuples[0]); i++) {
        uint64_t tuple, count;
        int rc = pyro_target_read_u64(t, out->address + (uint64_t)tuples[i], &tuple);

        if (!rc && !target_plausible(tuple))
            return PYRO_E_INVALID;
        if (!rc)
            rc = pyro_target_read_u64(t, tuple + (uint64_t)l->var_size, &count);
        if (rc)
            return rc;
        if (count > SLOTS_MAX)
            return PYRO_E_INVALID;
        out->nlocalsplus += (int)count;
        out->frame_bytes += 8 * (int)count;
    }
    return 0;
}

static int read_bytecode(struct pyro_target *t, struct pyro_arena *arena, struct pyro_code *out)
{
    uint8_t *bytecode;
    size_t size;
    int rc;

    if (pyro_layout_is_linked(&t->layout)) {
        rc = target_read_bytes(t, out->bytecode_at, PYRO_CODE_SIZE_MAX, arena, &out->bytecode,
                               &size);
        if (!rc && (size == 0 || size % 2 != 0))
            return PYRO_E_INVALID;
        out->size = rc ? 0 : (int)size;
        return rc ? rc : count_cells(t, out);
    }
    bytecode = pyro_base_arena_alloc(arena, (size_t)out->size);
    if (!bytecode)
        return PYRO_E_NOMEM;
    out->bytecode = bytecode;
    return target_read(t->pid, out->address + (uint64_t)t->layout.code_adaptive, bytecode,
                       (size_t)out->size);
}

/* The interpreter's own code has no line anywhere, and no file: 3.12 calls it "<shim>", later ones
 * give the code's own name. */
static bool is_trampoline(const struct pyro_code *code)
{
    return code->last_line == 0 && code->nlocalsplus == 0 && code->name_at == code->qualname_at &&
           (code->filename_at == code->name_at || strcmp(code->file, "<shim>") == 0);
}

int pyro_target_read_code(struct pyro_target *t, uint64_t address, struct pyro_arena *arena,
                          struct pyro_code *out)
{
    uint8_t head[HEAD_MAX];
    size_t head_size = pyro_target_code_check_size(t);
    int rc;

    *out = (struct pyro_code){.address = address};
    if (!target_plausible(address) || head_size > sizeof(head))
        return PYRO_E_INVALID;
    rc = target_read(t->pid, address, head, head_size);
    if (rc)
        return rc;
    if (!read_any_head(t, head, &t->code_type, out))
        return PYRO_E_INVALID;
    rc = pyro_target_read_str(t, out->filename_at, NAME_MAX_BYTES, arena, &out->file,
                              &out->file_size);
    if (!rc)
        rc = pyro_target_read_str(t, out->name_at, NAME_MAX_BYTES, arena, &out->name,
                                  &out->name_size);
    if (!rc)
        rc = pyro_target_read_str(t, out->qualname_at, NAME_MAX_BYTES, arena, &out->qualname,
                                  &out->qualname_size);
    if (!rc)
        rc = target_read_bytes(t, out->linetable_at, TABLE_MAX, arena, &out->linetable,
                               &out->linetable_size);
    if (!rc)
        rc = read_bytecode(t, arena, out);
    if (rc)
        return rc;
    out->table_hash = pyro_base_hash(out->linetable, out->linetable_size);
    out->last_line =
        out->has_pairs
            ? target_pairs_last_line(out)
            : target_positions_last_line(out->linetable, out->linetable_size, out->first_line);
    out->hidden = !out->has_pairs && is_trampoline(out);
    return 0;
}

bool pyro_target_code_check(const struct pyro_target *t, const struct pyro_code *code,
                            const uint8_t *bytes)
{
    uint64_t code_type = t->code_type;
    struct pyro_code now = {0};

    if (!read_any_head(t, bytes, &code_type, &now))
        return false;
    if (pyro_layout_is_linked(&t->layout)) /* what it points to says it */
    {
        now.size = code->size;
        now.nlocalsplus = code->nlocalsplus;
        now.frame_bytes = code->frame_bytes;
    }
    return now.size == code->size && now.bytecode_at == code->bytecode_at &&
           now.frame_bytes == code->frame_bytes && now.nlocalsplus == code->nlocalsplus &&
           now.first_line == code->first_line && now.version == code->version &&
           now.filename_at == code->filename_at && now.name_at == code->name_at &&
           now.qualname_at == code->qualname_at && now.linetable_at == code->linetable_at;
}

struct text { /* of a code object: a str's or the line table's */
    uint64_t at;
    const void *bytes;
    size_t size;
    int size_at, bytes_at; /* in the object */
};

static void texts_of(const struct pyro_target *t, const struct pyro_code *code, struct text out[3])
{
    const struct pyro_layout *l = &t->layout;
    bool own = code->qualname_at != code->name_at; /* 3.10 has none */

    out[0] = (struct text){code->filename_at, code->file, code->file_size, l->unicode_length,
                           l->unicode_ascii_data};
    out[1] = (struct text){
        own ? code->qualname_at : code->name_at, own ? code->qualname : code->name,
        own ? code->qualname_size : code->name_size, l->unicode_length, l->unicode_ascii_data};
    out[2] = (struct text){code->linetable_at, code->linetable, code->linetable_size, l->var_size,
                           l->bytes_data};
}

static bool is_plain(const struct text *text)
{
    const uint8_t *bytes = text->bytes;

    for (size_t i = 0; i < text->size; i++)
        if (bytes[i] >= 0x80)
            return false;
    return text->size < NAME_MAX_BYTES;
}

size_t pyro_target_code_texts(const struct pyro_target *t, const struct pyro_code *code,
                              struct iovec *out)
{
    struct text texts[3];
    size_t bytes = 0;

    texts_of(t, code, texts);
    if (!is_plain(&texts[0]) || !is_plain(&texts[1]))
        return 0;
    for (int i = 0; i < 3; i++) {
        out[2 * i] = (struct iovec){(void *)(texts[i].at + (uint64_t)texts[i].size_at), 8};
        out[2 * i + 1] =
            (struct iovec){(void *)(texts[i].at + (uint64_t)texts[i].bytes_at), texts[i].size};
        bytes += 8 + texts[i].size;
    }
    return bytes;
}

bool pyro_target_code_texts_same(const struct pyro_target *t, const struct pyro_code *code,
                                 const uint8_t *bytes)
{
    struct text texts[3];

    texts_of(t, code, texts);
    for (int i = 0; i < 3; i++) {
        if (target_u64(bytes) != texts[i].size ||
            memcmp(bytes + 8, texts[i].bytes, texts[i].size) != 0)
            return false;
        bytes += 8 + texts[i].size;
    }
    return true;
}

int pyro_target_read_function(struct pyro_target *t, uint64_t address, uint64_t *code,
                              uint64_t *module_at)
{
    const struct pyro_layout *l = &t->layout;
    size_t size = max_end(max_end(0, l->function_code, 8), l->function_module, 8);
    uint8_t bytes[FUNCTION_MAX];
    int rc;

    *code = *module_at = 0;
    if (!target_plausible(address))
        return 0;
    if (size > sizeof(bytes))
        return PYRO_E_UNSUPPORTED;
    rc = target_read(t->pid, address, bytes, size);
    /* A small object at the end of the mapped memory is no function. */
    if (rc == PYRO_E_IO && target_read(t->pid, address, bytes, (size_t)l->object_type + 8) == 0)
        return 0;
    if (rc)
        return rc;
    if (!target_type_is(t, target_u64(bytes + l->object_type), "function", &t->function_type))
        return 0;
    *code = target_u64(bytes + l->function_code);
    *module_at = target_u64(bytes + l->function_module);
    return 0;
}
