#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY (8u << 20)
#define UNITS 32
#define STACK 4 /* slots of each frame's value stack */

uint64_t fake_alloc(struct fake *f, size_t size)
{
    uint64_t at = (uint64_t)(uintptr_t)f->memory + f->used;
    f->used += (size + 31) & ~(size_t)15;
    assert_true(f->used <= MEMORY);
    return at;
}

void fake_put(uint64_t at, int offset, uint64_t value)
{
    if (offset >= 0)
        memcpy((uint8_t *)(uintptr_t)at + offset, &value, sizeof value);
}

void fake_put32(uint64_t at, int offset, int32_t value)
{
    if (offset >= 0)
        memcpy((uint8_t *)(uintptr_t)at + offset, &value, sizeof value);
}

static void put8(uint64_t at, int offset, int value)
{
    ((uint8_t *)(uintptr_t)at)[offset] = (uint8_t)value;
}

static uint64_t make_type(struct fake *f, const char *name, uint64_t flags)
{
    uint64_t at = fake_alloc(f, 512), text = fake_alloc(f, 32);
    strcpy((char *)(uintptr_t)text, name);
    fake_put(at, f->lay->type_name, text);
    fake_put(at, f->lay->type_flags, flags);
    return at;
}

uint64_t fake_str(struct fake *f, const char *text)
{
    const struct pyro_layout *l = f->lay;
    size_t length = strlen(text);
    uint64_t at = fake_alloc(f, (size_t)l->unicode_ascii_data + length + 1);
    fake_put(at, l->object_type, f->str_type);
    fake_put(at, l->unicode_length, length);
    fake_put32(at, l->unicode_state,
               1 << l->unicode_kind | 1 << l->unicode_compact | 1 << l->unicode_ascii);
    memcpy((uint8_t *)(uintptr_t)at + l->unicode_ascii_data, text, length);
    return at;
}

void fake_code(struct fake *f, uint64_t at, const char *name, int locals, uint32_t version)
{
    const struct pyro_layout *l = f->lay;
    uint64_t table = fake_alloc(f, (size_t)l->bytes_data + 8), text = fake_str(f, name);
    fake_put(table, l->object_type, f->bytes_type);
    fake_put(table, l->var_size, 0);
    fake_put(at, l->object_type, f->code_type);
    fake_put(at, l->var_size, UNITS);
    fake_put32(at, l->code_nlocalsplus, locals);
    fake_put32(at, l->code_stacksize, STACK);
    fake_put32(at, l->code_framesize, locals + STACK + l->frame_specials);
    fake_put32(at, l->code_firstlineno, 1);
    fake_put32(at, l->code_version, (int32_t)version);
    fake_put(at, l->code_filename, fake_str(f, "file.py"));
    fake_put(at, l->code_name, text);
    fake_put(at, l->code_qualname, text);
    fake_put(at, l->code_linetable, table);
    fake_instructions(f, at, false);
}

void fake_instructions(struct fake *f, uint64_t code, bool resume)
{
    const struct pyro_layout *l = f->lay;
    int op = 0;
    while ((l->op_calls[op / 32] >> op % 32 & 1) == resume ||
           (l->op_resumes[op / 32] >> op % 32 & 1) != resume)
        op++;
    memset((uint8_t *)(uintptr_t)code + l->code_adaptive, op, UNITS * 2);
}

struct fake_object fake_function(struct fake *f, const char *name, int locals)
{
    const struct pyro_layout *l = f->lay;
    static uint32_t version;
    struct fake_object made = {
        .at = fake_alloc(f, 256),
        .code = fake_alloc(f, (size_t)l->code_adaptive + UNITS * 2),
        .frame_bytes = (locals + STACK + l->frame_specials) * 8,
        .slots = locals,
    };
    fake_code(f, made.code, name, locals, ++version);
    fake_put(made.at, l->object_type, f->function_type);
    fake_put(made.at, l->function_code, made.code);
    return made;
}

static void put_top(struct fake *f)
{
    fake_put(f->thread, f->lay->thread_chunk, f->chunk);
    fake_put(f->thread, f->lay->thread_chunk_top, f->top);
}

void fake_running(struct fake *f, uint64_t frame)
{
    if (f->lay->thread_current_frame >= 0)
        fake_put(f->thread, f->lay->thread_current_frame, frame);
    else
        fake_put(f->cframe, f->lay->cframe_current_frame, frame);
}

static void put_stack(struct fake *f, uint64_t frame, const struct fake_object *function, bool runs)
{
    if (f->lay->frame_stacktop >= 0)
        fake_put32(frame, f->lay->frame_stacktop, runs ? -1 : function->slots);
    else
        fake_put(frame, f->lay->frame_stackpointer,
                 frame + (uint64_t)f->lay->frame_locals + (uint64_t)function->slots * 8);
}

static void put_frame(struct fake *f, uint64_t at, const struct fake_object *function,
                      uint64_t previous, int owner)
{
    const struct pyro_layout *l = f->lay;
    fake_put(at, l->frame_previous, previous);
    fake_put(at, l->frame_executable, function->code);
    fake_put(at, l->frame_function, function->at);
    fake_put(at, l->frame_ip, function->code + (uint64_t)l->code_adaptive + 8);
    put8(at, l->frame_owner, owner);
    if (l->frame_is_entry >= 0)
        put8(at, l->frame_is_entry, previous == 0 || owner == l->owner_generator);
    put_stack(f, at, function, true);
}

static void push_chunk(struct fake *f)
{
    const struct pyro_layout *l = f->lay;
    uint64_t at = f->spares > 0 ? f->spare[--f->spares] : fake_alloc(f, FAKE_CHUNK);
    if (f->chunk != 0)
        fake_put(f->chunk, l->chunk_top, (f->top - f->chunk - (uint64_t)l->chunk_data) / 8);
    fake_put(at, l->chunk_previous, f->chunk);
    fake_put(at, l->chunk_size, FAKE_CHUNK);
    fake_put(at, l->chunk_top, 0);
    f->top = at + (uint64_t)l->chunk_data + (f->chunk == 0 ? 8 : 0);
    f->chunk = at;
}

void fake_call(struct fake *f, const struct fake_object *function)
{
    uint64_t previous = f->depth > 0 ? f->frames[f->depth - 1] : 0;
    if (previous != 0) {
        const struct fake_object *caller = f->running[f->depth - 1];
        put_stack(f, previous, caller, false);
        fake_put(previous, f->lay->frame_locals + caller->slots * 8, function->at);
    }
    if (f->chunk == 0 || f->top + (uint64_t)function->frame_bytes > f->chunk + FAKE_CHUNK)
        push_chunk(f);
    put_frame(f, f->top, function, previous, f->lay->owner_thread);
    f->frames[f->depth] = f->top;
    f->running[f->depth++] = function;
    fake_running(f, f->top);
    f->top += (uint64_t)function->frame_bytes;
    put_top(f);
}

void fake_return(struct fake *f)
{
    const struct pyro_layout *l = f->lay;
    uint64_t frame = f->frames[--f->depth];
    if (l->frame_stacktop < 0)
        fake_put(frame, l->frame_executable, 0);
    else
        fake_put32(frame, l->frame_stacktop, 0);
    f->top = frame;
    if (f->depth > 0 && frame == f->chunk + (uint64_t)l->chunk_data) {
        uint64_t previous;
        memcpy(&previous, (void *)(uintptr_t)(f->chunk + (uint64_t)l->chunk_previous), 8);
        f->spare[f->spares++] = f->chunk;
        f->chunk = previous;
        f->top = f->frames[f->depth - 1] + (uint64_t)f->running[f->depth - 1]->frame_bytes;
    }
    if (f->depth > 0)
        put_stack(f, f->frames[f->depth - 1], f->running[f->depth - 1], true);
    fake_running(f, f->depth > 0 ? f->frames[f->depth - 1] : 0);
    put_top(f);
}

void fake_return_to(struct fake *f, int depth)
{
    while (f->depth > depth)
        fake_return(f);
}

uint64_t fake_thread(struct fake *f, uint64_t tid)
{
    uint64_t at = fake_alloc(f, 1024), head;
    memcpy(&head, (void *)(uintptr_t)(f->interpreter + (uint64_t)f->lay->interp_threads_head), 8);
    memcpy((void *)(uintptr_t)at, (void *)(uintptr_t)f->thread, 1024);
    fake_put(at, f->lay->thread_prev, 0);
    fake_put(at, f->lay->thread_next, head);
    fake_put(head, f->lay->thread_prev, at);
    fake_put(at, f->lay->thread_native_id, tid);
    fake_put(f->interpreter, f->lay->interp_threads_head, at);
    return at;
}

uint64_t fake_gil(struct fake *f)
{
    uint64_t at = f->target.runtime + (uint64_t)f->lay->runtime_gil;
    if (f->lay->interp_gil >= 0) {
        at = fake_alloc(f, 256);
        fake_put(f->interpreter, f->lay->interp_gil, at);
    }
    return at;
}

uint64_t fake_generator(struct fake *f, const struct fake_object *function, uint64_t previous)
{
    const struct pyro_layout *l = f->lay;
    uint64_t object = fake_alloc(f, (size_t)l->generator_frame + (size_t)function->frame_bytes);
    put8(object, l->generator_state, l->state_executing);
    fake_instructions(f, function->code, true);
    uint64_t frame = object + (uint64_t)l->generator_frame;
    put_frame(f, frame, function, previous, l->owner_generator);
    /* What resumes it waits for it; on 3.11 C code does, and its caller runs. */
    if (l->frame_is_entry < 0)
        put_stack(f, previous, function, false);
    return frame;
}

void fake_begin(struct fake *f, uint32_t hex)
{
    memset(f, 0, sizeof *f);
    const struct layout_entry *entry = target_layout_of(hex);
    assert_non_null(entry);
    f->target = (struct pyro_target){.pid = getpid(), .layout = entry->layout};
    f->lay = &f->target.layout;
    f->memory = calloc(1, MEMORY);
    assert_non_null(f->memory);
    f->target.str_type = f->str_type = make_type(f, "str", UINT64_C(1) << 28);
    f->target.bytes_type = f->bytes_type = make_type(f, "bytes", UINT64_C(1) << 27);
    f->target.code_type = f->code_type = make_type(f, "code", 0);
    f->target.function_type = f->function_type = make_type(f, "function", 0);
    if (f->target.layout.thread_size == 0)
        f->target.layout.thread_size = 512;
    f->target.interpreter = f->interpreter = fake_alloc(f, 64 * 1024);
    f->target.runtime = fake_alloc(f, 4096);
    f->thread = fake_alloc(f, 1024);
    f->cframe = fake_alloc(f, 64);
    fake_put(f->interpreter, f->lay->interp_threads_head, f->thread);
    fake_put(f->thread, f->lay->thread_interp, f->interpreter);
    fake_put(f->thread, f->lay->thread_native_id, (uint64_t)getpid());
    fake_put(f->thread, f->lay->thread_cframe, f->cframe);
}

void fake_sample(struct fake *f)
{
    struct pyro_error err;
    struct pyro_recording_head head = {.boot_id = "", .tool = "", .host = ""};
    strcpy(f->path, "/tmp/pyro-fake-XXXXXX");
    close(mkstemp(f->path));
    assert_int_equal(pyro_format_create(&f->writer, f->path, true, &head, &err), 0);
    struct pyro_process_fact process = {.pid = getpid()};
    assert_int_equal(pyro_format_write_process(f->writer, &process), 0);
    struct pyro_sampler_options options = {0};
    assert_int_equal(pyro_sample_clock_new(&f->clock, 0, 1), 0);
    assert_int_equal(
        pyro_sample_new(&f->sampler, &f->target, f->writer, 0, f->clock, &options, &err), 0);
}

int fake_tick(struct fake *f)
{
    uint64_t woke;
    assert_int_equal(pyro_sample_clock_wait(f->clock, &woke), 0);
    return pyro_sample_take(f->sampler);
}

void fake_end(struct fake *f)
{
    pyro_sample_free(f->sampler);
    pyro_sample_clock_free(f->clock);
    if (f->writer != NULL)
        pyro_format_finish(f->writer, NULL, NULL, NULL);
    unlink(f->path);
    free(f->memory);
}

bool fake_agrees(const struct fake *f)
{
    const struct thread *t = f->sampler->threads[0];
    bool same = t->depth == f->depth;
    for (int i = 0; i < t->depth && same; i++)
        same = t->stack[i].at == f->frames[i] && t->stack[i].function == f->running[i]->at;
    if (!same)
        print_message("%x: depth %d, sampled %d\n", (unsigned)f->lay->version, f->depth, t->depth);
    return same;
}
