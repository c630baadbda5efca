/*
 * Files: the source lines that a recording holds of them, and how they are named in a sentence.
 */
#include "profile_priv.h"

#include <string.h>

bool pyro_profile_source_line(const struct pyro_profile *p, struct pyro_str file, uint32_t line,
                              struct pyro_str *out)
{
    for (size_t i = 0; i < p->source_count; i++) {
        const struct pyro_source *source = &p->sources[i];
        if (source->first_line > line || pyro_format_compare(source->file, file) != 0)
            continue;
        const char *at = source->text.bytes, *end = at + source->text.size;
        for (uint32_t n = source->first_line; at < end; n++) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            if (n == line) {
                *out = (struct pyro_str){at, (size_t)((stop ? stop : end) - at)};
                return true;
            }
            at = stop ? stop + 1 : end;
        }
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

bool pyro_profile_source_text(const struct pyro_profile *p, struct pyro_str file, uint32_t line,
                              struct pyro_str *out)
{
    if (!pyro_profile_source_line(p, file, line, out))
        return false;
    while (out->size > 0 && is_space(out->bytes[0])) {
        out->bytes++;
        out->size--;
    }
    while (out->size > 0 && is_space(out->bytes[out->size - 1]))
        out->size--;
    return out->size > 0;
}

struct pyro_str pyro_profile_file_name(struct pyro_str path)
{
    bool says_nothing = false;
    for (size_t i = path.size; i-- > 0;) {
        struct pyro_str rest = {path.bytes + i + 1, path.size - i - 1};
        if (path.bytes[i] != '/')
            continue;
        if (says_nothing || rest.size < 2 || memcmp(rest.bytes, "__", 2) != 0)
            return rest;
        says_nothing = true; /* __init__.py, __main__.py: one more */
    }
    return path;
}
