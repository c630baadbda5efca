/*
 * Chunks: the frame around every payload.  A chunk is whole or it is not there: its checksum
 * covers everything behind the checksum, and its mark lets a reader find the next one behind a
 * damaged stretch.  Refuses payloads over PYRO_CHUNK_RAW_MAX, in both directions.
 */
#include "format_priv.h"

#include <endian.h>
#include <string.h>

#define SMALL 128 /* bytes below which compressing is not tried */
#define LEVEL 3

static const uint16_t chunk_flags[] = {
    [PYRO_CHUNK_FILE] = PYRO_CHUNK_CRITICAL,
    [PYRO_CHUNK_STREAM] = PYRO_CHUNK_CRITICAL,
    [PYRO_CHUNK_BATCH] = PYRO_CHUNK_CRITICAL,
    [PYRO_CHUNK_END] = 0,
};

static void put_u16_at(uint8_t *at, unsigned value)
{
    uint16_t wire = htole16((uint16_t)value);
    memcpy(at, &wire, 2);
}

static void put_u32_at(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, 4);
}

void pyro_format_put_file_head(struct pyro_buf *out)
{
    uint8_t head[PYRO_FILE_HEAD];
    memcpy(head, PYRO_FILE_MAGIC, 8);
    put_u16_at(head + 8, PYRO_FORMAT_MAJOR);
    put_u16_at(head + 10, PYRO_FORMAT_MINOR);
    put_u32_at(head + 12, pyro_base_crc32(head, 12));
    pyro_base_put(out, head, sizeof head);
}

int pyro_format_put_chunk(struct pyro_buf *out, ZSTD_CCtx *zstd, unsigned type, const void *payload,
                          size_t size)
{
    if (size > PYRO_CHUNK_RAW_MAX)
        return PYRO_E_INVALID;
    size_t bound = zstd && size >= SMALL ? ZSTD_compressBound(size) : size, stored = size;
    uint8_t *head = pyro_base_buf_room(out, PYRO_CHUNK_HEAD + (bound > size ? bound : size));
    if (!head)
        return PYRO_E_NOMEM;
    unsigned flags = type < sizeof chunk_flags / sizeof *chunk_flags ? chunk_flags[type] : 0;
    uint8_t *body = head + PYRO_CHUNK_HEAD;
    if (zstd && size >= SMALL) {
        size_t n = ZSTD_compressCCtx(zstd, body, bound, payload, size, LEVEL);
        if (!ZSTD_isError(n) && n < size) {
            stored = n;
            flags |= PYRO_CODEC_ZSTD;
        }
    }
    if (stored == size && size) {
        flags &= ~(unsigned)PYRO_CHUNK_CODEC;
        memcpy(body, payload, size);
    }
    put_u32_at(head, PYRO_CHUNK_MARK);
    put_u16_at(head + 8, type);
    put_u16_at(head + 10, flags);
    put_u32_at(head + 12, (uint32_t)stored);
    put_u32_at(head + 16, (uint32_t)size);
    put_u32_at(head + 4, pyro_base_crc32(head + 8, PYRO_CHUNK_HEAD - 8 + stored));
    out->len += PYRO_CHUNK_HEAD + stored;
    return 0;
}

bool pyro_format_parse_chunk(const uint8_t *bytes, struct pyro_chunk *chunk)
{
    struct pyro_cursor cur = {.at = bytes, .end = bytes + PYRO_CHUNK_HEAD};
    if (pyro_base_get_u32(&cur) != PYRO_CHUNK_MARK)
        return false;
    chunk->crc = pyro_base_get_u32(&cur);
    uint32_t kind = pyro_base_get_u32(&cur);
    chunk->type = (uint16_t)kind;
    chunk->flags = (uint16_t)(kind >> 16);
    chunk->stored = pyro_base_get_u32(&cur);
    chunk->raw = pyro_base_get_u32(&cur);
    return chunk->stored <= PYRO_CHUNK_STORED_MAX && chunk->raw <= PYRO_CHUNK_RAW_MAX;
}

bool pyro_format_check_chunk(const uint8_t *bytes, const struct pyro_chunk *chunk)
{
    return pyro_base_crc32(bytes + 8, PYRO_CHUNK_HEAD - 8 + (size_t)chunk->stored) == chunk->crc;
}
