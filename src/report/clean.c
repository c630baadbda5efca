/*
 * Text from a recording, made safe for a terminal: control characters, broken UTF-8, marks that
 * turn the direction of text, and what has no width come out as the escapes that Python would
 * write (\x1b, \u202e).  Also the width of text in columns, whatever the locale.
 */
#include "report_priv.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>

/* Decodes one character.  Its bytes, or 0: the first byte begins none. */
static size_t decode(const unsigned char *at, size_t left, uint32_t *out)
{
    if (at[0] < 0x80) {
        *out = at[0];
        return 1;
    }
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (at[0] < 0xc2 || at[0] > 0xf4 || size > left)
        return 0;
    uint32_t c = at[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3f);
    }
    if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *out = c;
    return size;
}

static locale_t utf8_locale;

static void make_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* -1: not printable. */
static int width_of(uint32_t c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (c >= 0x20 && c < 0x7f)
        return 1;
    pthread_once(&once, make_locale);
    if (utf8_locale == (locale_t)0)
        return c < 0xa0 ? -1 : 1;
    locale_t before = uselocale(utf8_locale);
    int width = wcwidth((wchar_t)c);
    uselocale(before);
    return width;
}

/* Characters that are shown as nothing or move what stands around them. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || c == 0x61c ||
           (c >= 0x115f && c <= 0x1160) || (c >= 0x17b4 && c <= 0x17b5) ||
           (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 ||
           (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 ||
           (c >= 0xfff0 && c <= 0xfffb) || (c >= 0x1bca0 && c <= 0x1bca3) ||
           (c >= 0x1d173 && c <= 0x1d17a) || c >= 0xe0000;
}

/* Spelled-out form of a hidden character or a stray byte. */
static size_t spell(char out[16], uint32_t c)
{
    if (c == '\n' || c == '\t' || c == '\r')
        return (size_t)snprintf(out, 16, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    return (size_t)snprintf(out, 16,
                            c < 0x100     ? "\\x%02x"
                            : c < 0x10000 ? "\\u%04x"
                                          : "\\U%08x",
                            c);
}

/* One character of raw text: its safe form in *text, *size, *columns.  Bytes consumed. */
static size_t next_safe(const char *bytes, size_t left, char spelled[16], const char **text,
                        size_t *size, size_t *columns)
{
    uint32_t c = 0;
    size_t used = decode((const unsigned char *)bytes, left, &c);
    int width = used > 0 ? width_of(c) : -1;
    if (used > 0 && width >= 0 && !is_hidden(c)) {
        *text = bytes;
        *size = used;
        *columns = (size_t)width;
        return used;
    }
    if (used == 0)
        c = (unsigned char)bytes[0];
    *size = *columns = spell(spelled, c);
    *text = spelled;
    return used > 0 ? used : 1;
}

void pyro_report_clean(struct pyro_buf *out, const char *bytes, size_t size, size_t max)
{
    char spelled[16];
    const char *text;
    size_t n, columns, at = 0, used = 0, marks = 0;
    size_t cut_at = out->len; /* where an ellipsis still fits, should the text be too long */
    while (at < size) {
        at += next_safe(bytes + at, size - at, spelled, &text, &n, &columns);
        marks = columns == 0 ? marks + 1 : 0;
        if (marks > 4) /* piles of accents reach into other lines */
            continue;
        if (max > 0 && used + columns > max) {
            if (out->failed)
                return;
            out->len = cut_at;
            pyro_base_put(out, "…", strlen("…"));
            return;
        }
        pyro_base_put(out, text, n);
        used += columns;
        if (max == 0 || used < max)
            cut_at = out->len;
    }
}

size_t pyro_report_columns(const char *text, size_t size)
{
    size_t columns = 0;
    for (size_t at = 0; at < size;) {
        uint32_t c;
        size_t used = decode((const unsigned char *)text + at, size - at, &c);
        int width = used > 0 ? width_of(c) : 1;
        columns += width > 0 ? (size_t)width : 0;
        at += used > 0 ? used : 1;
    }
    return columns;
}

size_t pyro_report_head(const char *text, size_t size, size_t columns)
{
    size_t at = 0, taken = 0;
    while (at < size) {
        uint32_t c;
        size_t used = decode((const unsigned char *)text + at, size - at, &c);
        int width = used > 0 ? width_of(c) : 1;
        taken += width > 0 ? (size_t)width : 0;
        if (taken > columns)
            break;
        at += used > 0 ? used : 1;
    }
    return at;
}

size_t pyro_report_tail(const char *text, size_t size, size_t columns)
{
    size_t all = pyro_report_columns(text, size), at = 0;
    while (at < size && all > columns) {
        uint32_t c;
        size_t used = decode((const unsigned char *)text + at, size - at, &c);
        int width = used > 0 ? width_of(c) : 1;
        all -= width > 0 ? (size_t)width : 0;
        at += used > 0 ? used : 1;
    }
    return size - at;
}

void pyro_report_utf8(struct pyro_buf *out, const char *bytes, size_t size)
{
    size_t from = 0, at = 0;
    while (at < size) {
        uint32_t c;
        char spelled[16];
        size_t used = decode((const unsigned char *)bytes + at, size - at, &c);
        if (used == 0 || c == 0x7f) {
            pyro_base_put(out, bytes + from, at - from);
            size_t n =
                (size_t)snprintf(spelled, sizeof spelled, "\\x%02x", (unsigned char)bytes[at]);
            pyro_base_put(out, spelled, n);
            from = at + 1;
        }
        at += used > 0 ? used : 1;
    }
    pyro_base_put(out, bytes + from, at - from);
}
