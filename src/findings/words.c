/*
 * The words of a finding: names between back-quotes, places, source lines.
 */
#include "findings_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MOST 100
#define FILE_MOST 200
#define SOURCE_MOST 80

void findings_say(struct pyro_finding *out, const char *fmt, ...)
{
    size_t at = strlen(out->text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out->text + at, sizeof out->text - at, fmt, args);
    va_end(args);
}

/* Text of at most `most` bytes, cut at a character's edge. */
static void say_cut(struct pyro_finding *out, struct pyro_str text, size_t most)
{
    size_t shown = text.size;
    if (shown > most) {
        shown = most;
        while (shown > 0 && ((unsigned char)text.bytes[shown] & 0xc0) == 0x80)
            shown--;
    }
    findings_say(out, "`%.*s%s`", (int)shown, text.bytes, shown < text.size ? "…" : "");
}

static bool is_same(struct pyro_str a, struct pyro_str b)
{
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

/* Does another function that took time have that name, in another class? */
static bool has_namesake(const struct pyro_profile *p, const struct pyro_function *f)
{
    for (uint32_t i = 0; i < p->function_count; i++)
        if (p->function_sums[i].total > 0 && is_same(p->functions[i].name, f->name) &&
            !is_same(p->functions[i].qualname, f->qualname))
            return true;
    return false;
}

void findings_say_name(struct pyro_finding *out, const struct pyro_profile *p,
                       const struct pyro_function *f)
{
    struct pyro_str name = f->name;
    if (name.size == 0 || name.bytes[0] == '<' ||
        (name.size > 1 && memcmp(name.bytes, "__", 2) == 0) || has_namesake(p, f))
        name = f->qualname;
    say_cut(out, name, NAME_MOST);
}

void findings_say_place(struct pyro_finding *out, const struct pyro_function *f, uint32_t line)
{
    struct pyro_str file = pyro_profile_file_name(f->file);
    out->place_at = strlen(out->text);
    findings_say(out, "%.*s:%u", file.size > FILE_MOST ? FILE_MOST : (int)file.size, file.bytes,
                 line);
    out->place_size = strlen(out->text) - out->place_at;
}

void findings_say_source(struct pyro_finding *out, const struct pyro_profile *p,
                         const struct pyro_function *f, uint32_t line)
{
    struct pyro_str text;
    if (!pyro_profile_source_text(p, f->file, line, &text))
        return;
    findings_say(out, ": ");
    say_cut(out, text, SOURCE_MOST);
}

void findings_say_caller(struct pyro_finding *out, const struct pyro_profile *p,
                         const struct pyro_function *f)
{
    static const char module[] = "<module>";
    findings_say(out, ", called from ");
    findings_say_name(out, p, f);
    if (f->qualname.size != sizeof module - 1 ||
        memcmp(f->qualname.bytes, module, sizeof module - 1) != 0)
        return;
    struct pyro_str file = pyro_profile_file_name(f->file);
    findings_say(out, " of %.*s", file.size > FILE_MOST ? FILE_MOST : (int)file.size, file.bytes);
}

const char *findings_time(const struct pyro_profile *p)
{
    size_t running = 0;
    if (p->filtered && p->samples < p->of_samples)
        return "that time";
    for (size_t i = 0; i < p->thread_count; i++)
        running += p->threads[i].samples > 0;
    return running > 1 ? "the threads' time" : "the time";
}
