/*
 * The source lines that a recording holds.
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
