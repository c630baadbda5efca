/*
 * Arena: memory that lives and dies together, in blocks straight from mmap, so that it is zeroed
 * and stays apart from malloc's.  Blocks grow with what has been used (64 kB to 4 MB), so that
 * many small arenas stay small; what is larger than a block gets a block of its own.
 */
#include "base.h"

#include <string.h>
#include <sys/mman.h>

#define BLOCK_MIN ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)4 << 20)
#define ALIGN ((size_t)16)

struct block {
    struct block *next;
    size_t size; /* of the whole mapping, this header included */
};

struct pyro_arena { /* lies at the start of its own first block */
    struct block first;
    struct block *others;
    uint8_t *at, *end;
    size_t used;
};

static void *map_block(size_t size)
{
    void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mem == MAP_FAILED ? NULL : mem;
}

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

struct pyro_arena *pyro_base_arena_new(void)
{
    struct pyro_arena *arena = map_block(BLOCK_MIN);
    if (!arena)
        return NULL;
    arena->first.size = BLOCK_MIN;
    arena->at = (uint8_t *)arena + round_up(sizeof *arena, ALIGN);
    arena->end = (uint8_t *)arena + BLOCK_MIN;
    return arena;
}

void pyro_base_arena_free(struct pyro_arena *arena)
{
    if (!arena)
        return;
    for (struct block *b = arena->others, *next; b; b = next) {
        next = b->next;
        munmap(b, b->size);
    }
    munmap(arena, arena->first.size);
}

static struct block *add_block(struct pyro_arena *arena, size_t size)
{
    struct block *b = map_block(size);
    if (!b)
        return NULL;
    b->size = size;
    b->next = arena->others;
    arena->others = b;
    return b;
}

void *pyro_base_arena_alloc(struct pyro_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = round_up(size ? size : 1, ALIGN);
    if (size > (size_t)(arena->end - arena->at)) {
        size_t head = round_up(sizeof(struct block), ALIGN);
        size_t want = BLOCK_MIN;
        while (want < arena->used && want < BLOCK_MAX)
            want *= 2;
        bool own = size > want / 4;
        struct block *b = add_block(arena, own ? round_up(head + size, 4096) : want);
        if (!b)
            return NULL;
        if (own) {
            arena->used += size;
            return (uint8_t *)b + head;
        }
        arena->at = (uint8_t *)b + head;
        arena->end = (uint8_t *)b + want;
    }
    void *mem = arena->at;
    arena->at += size;
    arena->used += size;
    return mem;
}

void *pyro_base_arena_copy(struct pyro_arena *arena, const void *bytes, size_t size)
{
    char *copy = size < SIZE_MAX ? pyro_base_arena_alloc(arena, size + 1) : NULL;
    if (copy && size)
        memcpy(copy, bytes, size);
    return copy;
}

size_t pyro_base_arena_used(const struct pyro_arena *arena)
{
    return arena->used;
}
