/*
 * Hashes and checksums: XXH3 for tables in memory and identities, zlib's CRC-32 for what is on
 * disk, splitmix64's output function for jitter and for spreading integers.  None is a defence
 * against somebody who chooses the input.
 */
#include "base.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

uint64_t pyro_base_hash(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t pyro_base_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint32_t pyro_base_crc32(const void *bytes, size_t size)
{
    return size ? (uint32_t)crc32_z(0, bytes, size) : 0;
}
