/*
 * codes: what is known of the target's code and function objects.  An address may be given to
 * another object after its first one is freed, so each code object is looked at again: at every
 * tick while it is new, then each time that it is a thirty-second older, and whenever the
 * interpreter says that a code object was freed (3.14 on). Used by the sampling thread only; owns
 * all struct code until codes_free.
 */
#include "sample_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define CHECK_PART 32                     /* looked at again after this part of its age ... */
#define CHECK_MOST_NS UINT64_C(100000000) /* ... but at least so often */
#define BATCH 32                          /* code objects in one read */
#define FUNCTION_SLOTS 4096               /* a power of two */

struct function { /* a remembered answer: is the object at this address a function, of what code? */
    uint64_t at, code, module_at;
};

struct codes {
    struct pyro_target *target;
    struct pyro_arena *arena;
    struct pyro_map by_address;
    struct pyro_vec all;         /* struct code * */
    struct pyro_map by_identity; /* function ids: equal code compiled again is one function */
    struct function functions[FUNCTION_SLOTS];
    struct pyro_map exchanged; /* (function, code) of running frames that were not its own code */
    uint64_t now, generation;  /* of the tick at hand */
    size_t frames_bytes;       /* of all frames tables */
    uint8_t *texts;            /* room for copies of what codes say */
    size_t texts_cap;
};

struct codes *codes_new(struct pyro_target *target)
{
    struct codes *codes = calloc(1, sizeof *codes);
    if (codes == NULL)
        return NULL;
    codes->target = target;
    codes->arena = pyro_base_arena_new();
    codes->all = PYRO_VEC(struct code *);
    if (codes->arena == NULL) {
        free(codes);
        return NULL;
    }
    return codes;
}

void codes_free(struct codes *codes)
{
    if (codes == NULL)
        return;
    for (size_t i = 0; i < codes->all.len; i++)
        free((*(struct code **)pyro_base_vec_at(&codes->all, i))->frames);
    pyro_base_vec_release(&codes->all);
    pyro_base_map_release(&codes->by_address);
    pyro_base_map_release(&codes->by_identity);
    pyro_base_map_release(&codes->exchanged);
    pyro_base_arena_free(codes->arena);
    free(codes->texts);
    free(codes);
}

size_t codes_bytes(const struct codes *codes)
{
    return pyro_base_arena_used(codes->arena) + codes->frames_bytes;
}

void codes_at(struct codes *codes, uint64_t now, uint64_t generation)
{
    codes->now = now;
    codes->generation = generation;
}

struct code *codes_get(struct codes *codes, uint64_t address)
{
    if (address < 4096 || (address & 7) != 0)
        return NULL;
    uint32_t i = pyro_base_map_get(&codes->by_address, address, 0);
    if (i != PYRO_MAP_NONE) {
        /* One that is no longer there may not even fit the frame: it has to be found out here. */
        struct code *known = *(struct code **)pyro_base_vec_at(&codes->all, i);
        if (!codes_is_due(known, codes->now, codes->generation) ||
            !codes_recheck(codes, &known, 1, codes->now, codes->generation))
            return known;
    }
    struct code *code = pyro_base_arena_alloc(codes->arena, sizeof *code);
    if (code == NULL ||
        pyro_target_read_code(codes->target, address, codes->arena, &code->facts) != 0)
        return NULL;
    code->function = PYRO_MAP_NONE;

    /* The instruction pointer of a caller stands on an inline cache there, that of one about to
     * call on the instruction: one place, not two. */
    const struct pyro_layout *lay = pyro_target_layout(codes->target);
    if (lay->version < 0x030d && !pyro_layout_is_linked(lay)) {
        code->starts = pyro_base_arena_alloc(codes->arena, ((size_t)code->facts.size / 2 + 1) *
                                                               sizeof *code->starts);
        if (code->starts != NULL)
            pyro_target_location_starts(&code->facts, code->starts);
    }
    struct code **slot = pyro_base_vec_push(&codes->all);
    if (slot == NULL)
        return NULL;
    *slot = code;
    if (pyro_base_map_put(&codes->by_address, address, 0, (uint32_t)codes->all.len - 1) != 0)
        return NULL;
    return code;
}

void codes_find_name(struct codes *codes, const struct item *item, const struct item *caller)
{
    struct code *code = item->code;
    const char *text;
    size_t size;
    if (code->function != PYRO_MAP_NONE || code->sought)
        return;
    code->sought = true;
    if (!pyro_target_find_qualname(codes->target, &code->facts, item->at, item->function,
                                   caller != NULL ? caller->at : 0,
                                   caller != NULL ? caller->code->facts.qualname : "", codes->arena,
                                   &text, &size, &code->module_at))
        return;
    code->facts.qualname = text;
    code->facts.qualname_size = size;
}

static struct function *function_slot(struct codes *codes, uint64_t address)
{
    return &codes->functions[pyro_base_mix(address) & (FUNCTION_SLOTS - 1)];
}

static bool function_learn(struct codes *codes, struct function *slot, uint64_t address)
{
    struct function found = {.at = address};
    if (pyro_target_read_function(codes->target, address, &found.code, &found.module_at) != 0)
        return false;
    *slot = found;
    return true;
}

bool codes_function_has(struct codes *codes, uint64_t function, struct code *code)
{
    if (function < 4096 || (function & 7) != 0)
        return false;
    struct function *slot = function_slot(codes, function);
    bool known = slot->at == function && slot->code == code->facts.address;
    if (!known && pyro_base_map_get(&codes->exchanged, function, code->facts.address) == 0)
        return true;
    if (!known && !function_learn(codes, slot, function))
        return false;
    if (slot->code != code->facts.address)
        return false;
    /* A function not met before: perhaps its code stands where another one was. */
    if (!known)
        code->check_at = 0;
    if (code->module_at == 0)
        code->module_at = slot->module_at;
    return true;
}

bool codes_exchange(struct codes *codes, uint64_t function, uint64_t code)
{
    if (!codes_is_function(codes, function, true) ||
        pyro_base_map_get(&codes->exchanged, function, code) == 0)
        return false;
    return pyro_base_map_put(&codes->exchanged, function, code, 0) == 0;
}

bool codes_is_function(struct codes *codes, uint64_t address, bool now)
{
    if (address < 4096 || (address & 7) != 0)
        return false;
    struct function *slot = function_slot(codes, address);
    if ((now || slot->at != address) && !function_learn(codes, slot, address))
        return false;
    return slot->code != 0;
}

/* 3.10 and 3.11 give their code objects no numbers, and strings are freed and made anew at the same
 * places too: only what they say tells. */
static bool says_the_same(struct codes *codes, const struct pyro_code *facts)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    struct pyro_code now;
    bool same =
        arena != NULL && pyro_target_read_code(codes->target, facts->address, arena, &now) == 0 &&
        now.table_hash == facts->table_hash && now.file_size == facts->file_size &&
        memcmp(now.file, facts->file, now.file_size) == 0 && now.name_size == facts->name_size &&
        memcmp(now.name, facts->name, now.name_size) == 0 &&
        (facts->has_pairs || /* 3.10: it was found elsewhere */
         (now.qualname_size == facts->qualname_size &&
          memcmp(now.qualname, facts->qualname, now.qualname_size) == 0));
    pyro_base_arena_free(arena);
    return same;
}

/* Are the texts of those code objects what they were?  One read for all of them tells it of those
 * that are as they were; others, and those whose texts are not plain (a subclass of str is not),
 * are read anew.  same[i] is false already for those that are known to be others. */
static void compare_texts(struct codes *codes, struct code *const *list, int count, bool *same)
{
    struct iovec remote[BATCH * PYRO_CODE_TEXTS];
    size_t sizes[BATCH] = {0}, bytes = 0, at = 0;
    int pieces = 0;
    ssize_t got = -1;
    for (int i = 0; i < count; i++) {
        if (same[i] && list[i]->facts.version == 0)
            sizes[i] = pyro_target_code_texts(codes->target, &list[i]->facts, remote + pieces);
        pieces += sizes[i] > 0 ? PYRO_CODE_TEXTS : 0;
        bytes += sizes[i];
    }
    uint8_t *copies = bytes > 0 ? sampler_grow(&codes->texts, &codes->texts_cap, bytes) : NULL;
    if (copies != NULL)
        got = pyro_target_readv(codes->target, copies, bytes, remote, (size_t)pieces);
    for (int i = 0; i < count; i++) {
        if (!same[i] || list[i]->facts.version != 0)
            continue;
        bool at_once = sizes[i] > 0 && got >= (ssize_t)(at + sizes[i]) &&
                       pyro_target_code_texts_same(codes->target, &list[i]->facts, copies + at);
        same[i] = at_once || says_the_same(codes, &list[i]->facts);
        at += sizes[i];
    }
}

bool codes_recheck(struct codes *codes, struct code *const *list, size_t count, uint64_t now,
                   uint64_t generation)
{
    enum { MOST = 256 };
    size_t size = pyro_target_code_check_size(codes->target);
    uint8_t bytes[BATCH * MOST];
    if (size > MOST)
        return false;
    bool changed = false;
    for (size_t i = 0; i < count;) {
        struct code *due[BATCH];
        struct iovec remote[BATCH];
        bool same[BATCH];
        int n = 0;
        for (; i < count && n < BATCH; i++) {
            struct code *code = list[i];
            if (!codes_is_due(code, now, generation))
                continue;
            if (code->since == 0)
                code->since = now;
            uint64_t gap = (now - code->since) / CHECK_PART;
            code->check_at = now + 1 + (gap < CHECK_MOST_NS ? gap : CHECK_MOST_NS);
            code->generation = generation;
            remote[n] = (struct iovec){(void *)code->facts.address, size};
            due[n++] = code;
        }
        if (n == 0)
            break;
        ssize_t got = pyro_target_readv(codes->target, bytes, size * (size_t)n, remote, (size_t)n);
        for (int k = 0; k < n; k++)
            same[k] =
                got >= (ssize_t)(size * (size_t)(k + 1)) &&
                pyro_target_code_check(codes->target, &due[k]->facts, bytes + size * (size_t)k);
        compare_texts(codes, due, n, same);
        for (int k = 0; k < n; k++) {
            if (same[k])
                continue;
            pyro_base_map_put(&codes->by_address, due[k]->facts.address, 0, PYRO_MAP_NONE);
            changed = true;
        }
    }
    return changed;
}

static uint32_t function_id(struct codes *codes, struct code *code, struct pyro_stream *stream,
                            const struct pyro_sampler_options *options)
{
    const struct pyro_code *facts = &code->facts;
    uint64_t place = pyro_base_hash(facts->file, facts->file_size) + facts->first_line;
    uint64_t what = pyro_base_hash(facts->qualname, facts->qualname_size) ^ facts->table_hash;
    uint32_t id = pyro_base_map_get(&codes->by_identity, place, what);
    if (id != PYRO_MAP_NONE)
        return id;
    struct pyro_function_fact fact = {
        .file = {facts->file, facts->file_size},
        .name = {facts->name, facts->name_size},
        .qualname = {facts->qualname, facts->qualname_size},
        .first_line = facts->first_line,
        .last_line = facts->last_line,
        .table_hash = facts->table_hash,
    };
    const char *module = "";
    size_t module_size = 0;
    if (code->module_at != 0 && pyro_target_read_str(codes->target, code->module_at, 4096,
                                                     codes->arena, &module, &module_size) == 0)
        fact.module = (struct pyro_str){module, module_size};
    id = pyro_format_stream_function(stream, &fact);
    if (id == PYRO_MAP_NONE)
        return id;
    pyro_base_map_put(&codes->by_identity, place, what, id);
    if (options->seen != NULL)
        options->seen(options->seen_ctx, &fact);
    return id;
}

uint32_t codes_frame_id(struct codes *codes, struct code *code, int32_t instruction,
                        struct pyro_stream *stream, const struct pyro_sampler_options *options)
{
    if (code->function == PYRO_MAP_NONE)
        code->function = function_id(codes, code, stream, options);
    size_t slots = (size_t)code->facts.size / 2 + 2;
    size_t at = instruction < 0 ? 0 : (size_t)instruction / 2 + 1;
    if (at >= slots)
        at = 0;
    if (code->frames == NULL) {
        code->frames = calloc(slots, sizeof *code->frames);
        codes->frames_bytes += slots * sizeof *code->frames;
    }
    if (code->frames == NULL || code->function == PYRO_MAP_NONE)
        return PYRO_MAP_NONE;
    if (code->frames[at] == 0) {
        struct pyro_position position;
        pyro_target_position(&code->facts, at == 0 ? -1 : instruction, &position);
        struct pyro_frame_fact fact = {
            .function = code->function,
            .instruction = at == 0 ? -1 : instruction,
            .line = position.line,
            .end_line = position.end_line,
            .column = position.column,
            .end_column = position.end_column,
        };
        uint32_t id = pyro_format_stream_frame(stream, &fact);
        if (id == PYRO_MAP_NONE)
            return id;
        code->frames[at] = id + 1;
    }
    return code->frames[at] - 1;
}
