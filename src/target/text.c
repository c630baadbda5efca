/*
 * str and bytes objects.  Their sizes come from the process and are bounded before anything is
 * allocated or read; text comes out as valid UTF-8 whatever was in it.
 */
#include "target_priv.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

enum { HEAD_MAX = 128 }; /* bytes of the structs' fixed parts */

/* Py_TPFLAGS_BYTES_SUBCLASS and _UNICODE_SUBCLASS: the same in all versions read */
static const uint64_t bytes_flag = UINT64_C(1) << 27, str_flag = UINT64_C(1) << 28;

/* Has the type the flag?  *known remembers the last one that had. */
static bool type_has(const struct pyro_target *t, uint64_t type, uint64_t flag, uint64_t *known)
{
    uint64_t flags;

    if (type == *known)
        return true;
    if (!target_plausible(type) ||
        target_read(t->pid, type + (uint64_t)t->layout.type_flags, &flags, sizeof(flags)) ||
        !(flags & flag))
        return false;
    *known = type;
    return true;
}

bool target_type_is(const struct pyro_target *t, uint64_t type, const char *name, uint64_t *known)
{
    char found[16];
    size_t size = strlen(name) + 1;
    uint64_t at;

    if (*known)
        return type == *known;
    if (size > sizeof(found) || !target_plausible(type) ||
        pyro_target_read_u64(t, type + (uint64_t)t->layout.type_name, &at) ||
        target_read(t->pid, at, found, size) || memcmp(found, name, size) != 0)
        return false;
    *known = type;
    return true;
}

int target_read_bytes(struct pyro_target *t, uint64_t address, size_t max, struct pyro_arena *arena,
                      const uint8_t **bytes, size_t *size)
{
    const struct pyro_layout *l = &t->layout;
    uint8_t head[HEAD_MAX], *copy;
    uint64_t count;
    int rc;

    if (!target_plausible(address))
        return PYRO_E_INVALID;
    rc = target_read(t->pid, address, head, (size_t)l->bytes_data);
    if (rc)
        return rc;
    count = target_u64(head + l->var_size);
    if (!type_has(t, target_u64(head + l->object_type), bytes_flag, &t->bytes_type) || count > max)
        return PYRO_E_INVALID;
    copy = pyro_base_arena_alloc(arena, count + 1);
    if (!copy)
        return PYRO_E_NOMEM;
    rc = target_read(t->pid, address + (uint64_t)l->bytes_data, copy, count);
    if (rc)
        return rc;
    *bytes = copy;
    *size = count;
    return 0;
}

static uint32_t char_at(const uint8_t *chars, size_t i, unsigned width)
{
    uint16_t two;
    uint32_t four;

    if (width == 1)
        return chars[i];
    if (width == 2) {
        memcpy(&two, chars + 2 * i, 2);
        return two;
    }
    memcpy(&four, chars + 4 * i, 4);
    return four;
}

static size_t encode(uint32_t c, char out[16])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c >= 0xd800 && c < 0xe000)
        return (size_t)snprintf(out, 16, "\\u%04x", c);
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    if (c > 0x10ffff)
        return (size_t)snprintf(out, 16, "\\U%08x", c);
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Encodes `count` of `length` characters into at most max bytes. */
static void encode_all(struct pyro_buf *buf, const uint8_t *chars, size_t count, uint64_t length,
                       unsigned width, size_t max)
{
    const size_t room = max > strlen(ELLIPSIS) ? max - strlen(ELLIPSIS) : 0;
    size_t fits = 0; /* so much of it leaves room for the ellipsis */
    bool cut = count < length;

    for (size_t i = 0; i < count; i++) {
        char one[16];
        size_t size = encode(char_at(chars, i, width), one);

        if (buf->len + size > max) {
            cut = true;
            break;
        }
        pyro_base_put(buf, one, size);
        if (buf->len <= room)
            fits = buf->len;
    }
    if (cut && !buf->failed) {
        buf->len = fits;
        if (room)
            pyro_base_put(buf, ELLIPSIS, strlen(ELLIPSIS));
    }
}

int pyro_target_read_str(struct pyro_target *t, uint64_t address, size_t max,
                         struct pyro_arena *arena, const char **text, size_t *size)
{
    const struct pyro_layout *l = &t->layout;
    struct pyro_buf raw = {0}, out = {0};
    uint8_t head[HEAD_MAX];
    uint64_t length, at = address;
    uint32_t state;
    unsigned width;
    size_t count;
    uint8_t *chars;
    int rc;

    if (!target_plausible(address) || max > (size_t)1 << 30)
        return PYRO_E_INVALID;
    rc = target_read(t->pid, address, head, (size_t)l->unicode_ascii_data);
    if (rc)
        return rc;
    length = target_u64(head + l->unicode_length);
    memcpy(&state, head + l->unicode_state, sizeof(state));
    width = state >> l->unicode_kind & 7;
    if (!type_has(t, target_u64(head + l->object_type), str_flag, &t->str_type) ||
        (width != 1 && width != 2 && width != 4) || length > (uint64_t)1 << 48)
        return PYRO_E_INVALID;
    if (!(state >> l->unicode_compact & 1)) { /* an instance of a subclass: the text lies apart */
        rc = pyro_target_read_u64(t, address + (uint64_t)l->unicode_compact_data, &at);
        if (rc)
            return rc;
    } else {
        at += (uint64_t)(state >> l->unicode_ascii & 1 ? l->unicode_ascii_data
                                                       : l->unicode_compact_data);
    }
    count = length < max ? length : max;
    chars = pyro_base_buf_room(&raw, count * width + 1);
    rc = chars ? 0 : PYRO_E_NOMEM;
    if (!rc && count)
        rc = target_read(t->pid, at, chars, count * width);
    if (!rc) {
        encode_all(&out, chars, count, length, width, max);
        *text = out.failed ? NULL : pyro_base_arena_copy(arena, out.data, out.len);
        *size = out.len;
        rc = *text ? 0 : PYRO_E_NOMEM;
    }
    pyro_base_buf_release(&raw);
    pyro_base_buf_release(&out);
    return rc;
}
