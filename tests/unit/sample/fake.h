/*
 * An interpreter made of bytes in this process's own memory, laid out as a real version's is, for
 * the sampler to read as it would read another process.
 */
#ifndef FAKE_H
#define FAKE_H

#include "sample_priv.h"
#include "target_priv.h"

#define FAKE_CHUNK (16 * 1024)
#define FAKE_DEPTH 8192

struct fake_object {
    uint64_t at; /* of the function */
    uint64_t code;
    int frame_bytes, slots;
};

struct fake {
    struct pyro_target target;
    const struct pyro_layout *lay;
    uint8_t *memory;
    size_t used;
    uint64_t str_type, bytes_type, code_type, function_type;
    uint64_t interpreter, thread, cframe;
    uint64_t chunk, top; /* as the thread state says */
    uint64_t spare[256]; /* chunks given back, the last one first */
    int spares;
    uint64_t frames[FAKE_DEPTH];
    const struct fake_object *running[FAKE_DEPTH];
    int depth;
    char path[64];
    struct pyro_writer *writer;
    struct pyro_sample_clock *clock;
    struct pyro_sampler *sampler;
};

/* hex: the version, such as 0x030c0000.  One thread, without frames. */
void fake_begin(struct fake *f, uint32_t hex);
void fake_end(struct fake *f);
void fake_sample(struct fake *f); /* makes the sampler */
int fake_tick(struct fake *f);    /* what pyro_sample_take returns */
uint64_t fake_alloc(struct fake *f, size_t size);
void fake_put(uint64_t at, int offset, uint64_t value);
void fake_put32(uint64_t at, int offset, int32_t value);
uint64_t fake_str(struct fake *f, const char *text);
/* A function and its code, with so many locals. */
struct fake_object fake_function(struct fake *f, const char *name, int locals);
/* The code at this address is another one from now on. */
void fake_code(struct fake *f, uint64_t at, const char *name, int locals, uint32_t version);
/* All instructions of the code call functions, or resume generators. */
void fake_instructions(struct fake *f, uint64_t code, bool resume);
/* Calls and returns, as the interpreter would. */
void fake_call(struct fake *f, const struct fake_object *function);
void fake_return(struct fake *f);
void fake_return_to(struct fake *f, int depth);
/* Another thread, the newest, in the calls that the first one is in by now. */
uint64_t fake_thread(struct fake *f, uint64_t tid);
uint64_t fake_gil(struct fake *f);
/* The generator's frame, which resumes on top of `previous`. */
uint64_t fake_generator(struct fake *f, const struct fake_object *function, uint64_t previous);
void fake_running(struct fake *f, uint64_t frame); /* current_frame */
/* Is the thread's kept stack what runs? */
bool fake_agrees(const struct fake *f);

#endif
