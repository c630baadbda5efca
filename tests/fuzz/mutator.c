/*
 * libFuzzer's mutations of recordings: checksums and sizes are put right after most of them, so
 * that the payloads are reached.
 */
#include "base.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t word(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 16 == 0)
        return size;
    for (size_t at = 16; at + 20 <= size; at++) {
        if (word(data + at) != 0xa75950c4u)
            continue;
        uint32_t stored = word(data + at + 12), crc;
        if (stored > size - at - 20) { /* cut or grown by the mutation */
            stored = (uint32_t)(size - at - 20);
            memcpy(data + at + 12, &stored, 4);
        }
        if (!(data[at + 10] & 0xf0))
            memcpy(data + at + 16, &stored, 4);
        crc = pyro_base_crc32(data + at + 8, 12 + (size_t)stored);
        memcpy(data + at + 4, &crc, 4);
        at += 20 + (size_t)stored - 1;
    }
    return size;
}
