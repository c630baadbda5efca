/*
 * PATTERN: which functions are meant.  docs/internals/patterns.md has the rules for users; each
 * has its test.  Works on bytes; any content of names and patterns is fine.
 */
#include "profile_priv.h"

#include <string.h>

bool pyro_profile_glob(const char *pattern, size_t pattern_size, const char *text, size_t text_size)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text_size) {
        if (p < pattern_size && pattern[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern_size && (pattern[p] == '?' || pattern[p] == text[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) { /* let the last star take one byte more */
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern_size && pattern[p] == '*')
        p++;
    return p == pattern_size;
}

static bool ends_with(const char *text, size_t size, const char *ending)
{
    size_t n = strlen(ending);
    return size >= n && memcmp(text + size - n, ending, n) == 0;
}

/* Does before + pattern + after match?  Longer patterns than anyone writes match nothing. */
static bool glob_with(const char *before, const char *pattern, size_t size, const char *after,
                      struct pyro_str text)
{
    char whole[2048];
    size_t head = strlen(before), tail = strlen(after);
    if (size > sizeof whole - head - tail)
        return false;
    memcpy(whole, before, head);
    memcpy(whole + head, pattern, size);
    memcpy(whole + head + size, after, tail);
    return pyro_profile_glob(whole, head + size + tail, text.bytes, text.size);
}

/* A relative glob may start at any folder of the path; one that ends in '/' takes all below. */
static bool matches_path(struct pyro_str file, const char *glob, size_t size)
{
    if (size >= 2 && glob[0] == '.' && glob[1] == '/') {
        glob += 2;
        size -= 2;
    }
    if (size == 0)
        return false;
    const char *after = glob[size - 1] == '/' ? "*" : "";
    return glob_with("", glob, size, after, file) ||
           (glob[0] != '/' && glob_with("*/", glob, size, after, file));
}

/* A name and all that is below it: "json" is json and json.decoder, not jsonschema. */
static bool matches_dotted(struct pyro_str dotted, const char *glob, size_t size)
{
    return glob_with("", glob, size, "", dotted) || glob_with("", glob, size, ".*", dotted);
}

/* Where the module is not known, its file's path is read as one. */
static bool matches_file_as_module(struct pyro_str file, const char *glob, size_t glob_size)
{
    char text[4096];
    struct pyro_str dotted = {text, file.size};
    if (ends_with(file.bytes, dotted.size, ".py"))
        dotted.size -= 3;
    if (ends_with(file.bytes, dotted.size, "/__init__"))
        dotted.size -= 9;
    if (dotted.size == 0 || dotted.size > sizeof text || file.bytes[0] == '<')
        return false;
    for (size_t i = 0; i < dotted.size; i++)
        text[i] = file.bytes[i] == '/' ? '.' : file.bytes[i];
    return matches_dotted(dotted, glob, glob_size) ||
           glob_with("*.", glob, glob_size, "", dotted) ||
           glob_with("*.", glob, glob_size, ".*", dotted);
}

bool pyro_profile_matches(const struct pyro_function *f, const char *pattern)
{
    size_t size = strlen(pattern);
    if (size == 0)
        return false;
    if (pattern[0] == '<' || memchr(pattern, '/', size) != NULL || ends_with(pattern, size, ".py"))
        return matches_path(f->file, pattern, size);

    const char *colon = memchr(pattern, ':', size);
    if (colon != NULL) {
        size_t head = (size_t)(colon - pattern);
        const char *name = colon + 1;
        size_t name_size = size - head - 1;
        if (name_size > 0 &&
            !pyro_profile_glob(name, name_size, f->qualname.bytes, f->qualname.size))
            return false;
        return head == 0 || pyro_profile_glob(pattern, head, f->module.bytes, f->module.size);
    }
    if (f->module.size > 0)
        return matches_dotted(f->module, pattern, size);
    return matches_file_as_module(f->file, pattern, size);
}
