/*
 * Byte buffers: putting integers, varints and strings, and reading them back within bounds.
 * Invariants: len <= cap; a buffer that failed to grow keeps what it had and takes no more; a
 * cursor that failed stands at its end and gives zeros.  A varint has at most ten bytes and must
 * fit 64 bits.
 */
#include "base.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void pyro_base_buf_release(struct pyro_buf *buf)
{
    free(buf->data);
    *buf = (struct pyro_buf){0};
}

uint8_t *pyro_base_buf_room(struct pyro_buf *buf, size_t more)
{
    if (buf->failed)
        return NULL;
    if (more > buf->cap - buf->len) {
        if (more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
            buf->failed = true;
            return NULL;
        }
        size_t need = buf->len + more, cap = buf->cap ? buf->cap : 64;
        while (cap < need)
            cap *= 2;
        uint8_t *data = realloc(buf->data, cap);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data ? buf->data + buf->len : NULL;
}

void pyro_base_put(struct pyro_buf *buf, const void *bytes, size_t size)
{
    if (!size)
        return;
    uint8_t *to = pyro_base_buf_room(buf, size);
    if (to) {
        memcpy(to, bytes, size);
        buf->len += size;
    }
}

void pyro_base_put_u8(struct pyro_buf *buf, uint8_t value)
{
    pyro_base_put(buf, &value, 1);
}

void pyro_base_put_u32(struct pyro_buf *buf, uint32_t value)
{
    value = htole32(value);
    pyro_base_put(buf, &value, 4);
}

void pyro_base_put_u64(struct pyro_buf *buf, uint64_t value)
{
    value = htole64(value);
    pyro_base_put(buf, &value, 8);
}

void pyro_base_put_varint(struct pyro_buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    pyro_base_put(buf, bytes, n);
}

void pyro_base_put_zigzag(struct pyro_buf *buf, int64_t value)
{
    pyro_base_put_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void pyro_base_put_string(struct pyro_buf *buf, const char *bytes, size_t size)
{
    pyro_base_put_varint(buf, size);
    pyro_base_put(buf, bytes, size);
}

const uint8_t *pyro_base_get_bytes(struct pyro_cursor *cur, size_t size)
{
    if (cur->failed || size > (size_t)(cur->end - cur->at)) {
        cur->failed = true;
        cur->at = cur->end;
        return NULL;
    }
    const uint8_t *bytes = cur->at;
    cur->at += size;
    return bytes;
}

uint8_t pyro_base_get_u8(struct pyro_cursor *cur)
{
    const uint8_t *p = pyro_base_get_bytes(cur, 1);
    return p ? *p : 0;
}

uint32_t pyro_base_get_u32(struct pyro_cursor *cur)
{
    uint32_t value = 0;
    const uint8_t *p = pyro_base_get_bytes(cur, 4);
    if (p)
        memcpy(&value, p, 4);
    return le32toh(value);
}

uint64_t pyro_base_get_u64(struct pyro_cursor *cur)
{
    uint64_t value = 0;
    const uint8_t *p = pyro_base_get_bytes(cur, 8);
    if (p)
        memcpy(&value, p, 8);
    return le64toh(value);
}

uint64_t pyro_base_get_varint(struct pyro_cursor *cur)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = pyro_base_get_bytes(cur, 1);
        if (!p)
            return 0;
        if (shift == 63 && *p > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80)
            return value;
    }
    cur->failed = true;
    cur->at = cur->end;
    return 0;
}

int64_t pyro_base_get_zigzag(struct pyro_cursor *cur)
{
    uint64_t v = pyro_base_get_varint(cur);
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

const char *pyro_base_get_string(struct pyro_cursor *cur, size_t *size)
{
    uint64_t want = pyro_base_get_varint(cur);
    const uint8_t *bytes = want <= SIZE_MAX ? pyro_base_get_bytes(cur, (size_t)want) : NULL;
    *size = bytes ? (size_t)want : 0;
    return bytes ? (const char *)bytes : "";
}
