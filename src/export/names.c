/*
 * Names made safe for text files, and so for the terminal that shows such a file.
 */
#include "export_priv.h"

#include <string.h>

/* Bytes of the character at s, its code in *code; 0: not UTF-8 (overlong and surrogates too). */
static size_t decode(const unsigned char *s, size_t left, uint32_t *code)
{
    size_t size = s[0] < 0x80   ? 1
                  : s[0] < 0xc2 ? 0
                  : s[0] < 0xe0 ? 2
                  : s[0] < 0xf0 ? 3
                  : s[0] < 0xf5 ? 4
                                : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (size == 0 || size > left)
        return 0;
    *code = size == 1 ? s[0] : s[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[size] || *code > 0x10ffff || surrogate ? 0 : size;
}

/* Characters that a reader does not see, or that move what stands beside them. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x061c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

void pyro_export_put_name(struct pyro_buf *out, struct pyro_str name, const char *also, size_t max)
{
    size_t start = out->len;

    for (size_t at = 0; at < name.size;) {
        uint32_t code = 0;
        size_t size = decode((const unsigned char *)name.bytes + at, name.size - at, &code);
        char text[16];
        int n = 0;
        if (out->len - start >= max) {
            pyro_base_put(out, "...", 3);
            return;
        }
        if (size == 0)
            n = snprintf(text, sizeof text, "\\x%02x", (unsigned char)name.bytes[at]);
        else if (is_unsafe(code) || (code < 0x80 && strchr(also, (int)code)))
            n = snprintf(text, sizeof text, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
        if (n > 0)
            pyro_base_put(out, text, (size_t)n);
        else
            pyro_base_put(out, name.bytes + at, size);
        at += size ? size : 1;
    }
}
