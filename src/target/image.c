/*
 * An ELF image as it lies in the process's memory: its load bias and its dynamic symbols, found
 * through the GNU hash table.  So no file has to be opened or found, whatever root folder the
 * process lives in and whether the file still exists.  Everything read is checked before use;
 * images other than 64-bit ones of this machine's byte order are refused.
 */
#include "target_priv.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_SIZE = 4096,         /* the ELF header and program headers are within it */
    DYNAMIC_MAX = 256,        /* entries of PT_DYNAMIC */
    HASH_WORDS_MAX = 1 << 24, /* buckets or bloom words */
    CHAIN_MAX = 1 << 12,      /* symbols in one hash bucket */
};

/* glibc relocates the addresses in the dynamic section of a loaded library; others, and the
 * kernel's view before the loader ran, have them as in the file. */
static uint64_t absolute(const struct target_image *image, uint64_t value)
{
    return value >= image->start && value < image->end ? value : value + image->bias;
}

static void read_dynamic(struct target_image *image, uint64_t address, uint64_t size)
{
    Elf64_Dyn entries[DYNAMIC_MAX];
    size_t count = size / sizeof(entries[0]);

    if (count > DYNAMIC_MAX)
        count = DYNAMIC_MAX;
    if (count == 0 || target_read(image->pid, address, entries, count * sizeof(entries[0])))
        return;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t value = entries[i].d_un.d_val;

        if (entries[i].d_tag == DT_GNU_HASH)
            image->hash = absolute(image, value);
        else if (entries[i].d_tag == DT_SYMTAB)
            image->symbols = absolute(image, value);
        else if (entries[i].d_tag == DT_STRTAB)
            image->strings = absolute(image, value);
        else if (entries[i].d_tag == DT_NEEDED &&
                 image->needs_count < (int)(sizeof(image->needs) / sizeof(image->needs[0])))
            image->needs[image->needs_count++] = value;
    }
}

int target_image_open(pid_t pid, const struct target_mapping *mapping, struct target_image *image)
{
    uint8_t head[HEAD_SIZE] __attribute__((aligned(8)));
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;
    const Elf64_Phdr *segments;
    const Elf64_Phdr *dynamic = NULL;
    uint64_t lowest = UINT64_MAX, highest = 0;
    size_t size = mapping->end - mapping->start < HEAD_SIZE ? 0 : HEAD_SIZE;
    int rc;

    *image = (struct target_image){.pid = pid, .mapping = mapping};
    rc = size ? target_read(pid, mapping->start, head, size) : PYRO_E_INVALID;
    if (rc)
        return rc == PYRO_E_GONE || rc == PYRO_E_PERMISSION ? rc : PYRO_E_INVALID;
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
        return PYRO_E_INVALID;
    image->is_64 = elf->e_ident[EI_CLASS] == ELFCLASS64;
    if (!image->is_64) /* the caller names it */
        return 0;
    if (elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_phentsize != sizeof(Elf64_Phdr) ||
        elf->e_phoff % 8 != 0 || elf->e_phoff > HEAD_SIZE ||
        elf->e_phnum > (HEAD_SIZE - elf->e_phoff) / sizeof(Elf64_Phdr))
        return PYRO_E_INVALID;
    segments = (const Elf64_Phdr *)(head + elf->e_phoff);
    for (int i = 0; i < elf->e_phnum; i++) {
        uint64_t end;

        if (segments[i].p_type == PT_DYNAMIC)
            dynamic = &segments[i];
        if (segments[i].p_type != PT_LOAD)
            continue;
        if (__builtin_add_overflow(segments[i].p_vaddr, segments[i].p_memsz, &end))
            return PYRO_E_INVALID;
        if (segments[i].p_vaddr < lowest)
            lowest = segments[i].p_vaddr;
        if (end > highest)
            highest = end;
    }
    if (lowest >= highest)
        return PYRO_E_INVALID;
    /* The lowest segment is the one with the header: ELF orders them by address. */
    image->bias = mapping->start - (lowest & ~(uint64_t)4095);
    image->start = mapping->start;
    image->end = image->bias + highest;
    if (image->end <= image->start)
        return PYRO_E_INVALID;
    if (dynamic)
        read_dynamic(image, dynamic->p_vaddr + image->bias, dynamic->p_memsz);
    return 0;
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* Address of symbol `index` if it is defined here and has that name. */
static uint64_t symbol_at(const struct target_image *image, uint32_t index, const char *name)
{
    Elf64_Sym symbol;
    char found[64];
    size_t size = strlen(name) + 1;

    if (size > sizeof(found) ||
        target_read(image->pid, image->symbols + (uint64_t)index * sizeof(symbol), &symbol,
                    sizeof(symbol)) ||
        symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 ||
        target_read(image->pid, image->strings + symbol.st_name, found, size) ||
        memcmp(found, name, size) != 0)
        return 0;
    return symbol.st_value + image->bias;
}

uint64_t target_image_symbol(const struct target_image *image, const char *name)
{
    struct {
        uint32_t buckets, first, bloom_words, bloom_shift;
    } head;
    uint32_t hash = gnu_hash(name), bucket, chain[16];
    uint64_t bloom, at;

    if (!image->hash || !image->symbols || !image->strings ||
        target_read(image->pid, image->hash, &head, sizeof(head)) || head.buckets == 0 ||
        head.buckets > HASH_WORDS_MAX || head.bloom_words == 0 || head.bloom_words > HASH_WORDS_MAX)
        return 0;
    at = image->hash + sizeof(head);
    if (target_read(image->pid, at + (uint64_t)(hash / 64 % head.bloom_words) * 8, &bloom, 8))
        return 0;
    if (!(bloom >> (hash % 64) & 1) || !(bloom >> ((hash >> (head.bloom_shift & 31)) % 64) & 1))
        return 0;
    at += (uint64_t)head.bloom_words * 8;
    if (target_read(image->pid, at + (uint64_t)(hash % head.buckets) * 4, &bucket, 4) ||
        bucket < head.first)
        return 0;
    at += (uint64_t)head.buckets * 4;
    for (uint32_t i = 0; i < CHAIN_MAX; i++) {
        uint32_t link = bucket - head.first + i;
        uint64_t address;

        if (i % 16 == 0) {
            memset(chain, 1, sizeof(chain)); /* at the table's end fewer than 16 may be there */
            for (size_t n = 16; target_read(image->pid, at + (uint64_t)link * 4, chain, n * 4);)
                if ((n /= 2) == 0)
                    return 0;
        }
        if ((chain[i % 16] | 1) == (hash | 1) &&
            (address = symbol_at(image, bucket + i, name)) != 0)
            return address;
        if (chain[i % 16] & 1)
            break;
    }
    return 0;
}

bool target_image_needs(const struct target_image *image, const char *prefix)
{
    char found[32];
    size_t size = strlen(prefix);

    if (!image->strings || size > sizeof(found))
        return false;
    for (int i = 0; i < image->needs_count; i++)
        if (target_read(image->pid, image->strings + image->needs[i], found, size) == 0 &&
            memcmp(found, prefix, size) == 0)
            return true;
    return false;
}
