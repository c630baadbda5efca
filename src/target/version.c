/*
 * Which versions are read, and how those refused are named.
 */
#include "target_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEVEL_ALPHA = 0xa, LEVEL_BETA = 0xb, LEVEL_CANDIDATE = 0xc, LEVEL_FINAL = 0xf };

void target_version_text(uint32_t hex, char out[32])
{
    unsigned level = hex >> 4 & 15, serial = hex & 15;
    const char *name = level == LEVEL_ALPHA       ? "a"
                       : level == LEVEL_BETA      ? "b"
                       : level == LEVEL_CANDIDATE ? "rc"
                                                  : "";
    int len = snprintf(out, 32, "%u.%u.%u%s", hex >> 24, hex >> 16 & 255, hex >> 8 & 255, name);

    if (*name)
        snprintf(out + len, 32 - (size_t)len, "%u", serial);
}

int target_version_check(uint32_t hex, struct pyro_error *err)
{
    unsigned major = hex >> 24, minor = hex >> 16 & 255, level = hex >> 4 & 15;
    char name[32];

    target_version_text(hex, name);
    if (major != 3 || minor > TARGET_LAST_MINOR)
        return pyro_base_fail(err, PYRO_E_VERSION,
                              "Python %s is newer than this Pyrometer: " TARGET_SUPPORTED ".",
                              name);
    if (minor < TARGET_FIRST_SUPPORTED)
        return pyro_base_fail(err, PYRO_E_VERSION,
                              "Python %s is not supported: " TARGET_SUPPORTED ".", name);
    if (level < LEVEL_BETA)
        return pyro_base_fail(
            err, PYRO_E_VERSION,
            "Python %s is an early pre-release, whose structs are not settled: " TARGET_SUPPORTED
            ", from the first beta of each on.",
            name);
    return 0;
}

/* PY_VERSION_HEX of a whole text such as "2.7.18", "3.10.0rc1+" or "3.12.1"; 0 if it is none that
 * an interpreter has.  Other things in it have versions too: SQLite's is 3.40 or so, and 3.2.0 is
 * the older of two Unicode databases. */
static uint32_t parse_version(const char text[16])
{
    unsigned major, minor, micro, serial = 0, level = LEVEL_FINAL;
    int size = 0;

    if (sscanf(text, "%1u.%2u.%2u%n", &major, &minor, &micro, &size) != 3 || size == 0)
        return 0;
    if (text[size] == 'a')
        level = LEVEL_ALPHA;
    else if (text[size] == 'b')
        level = LEVEL_BETA;
    else if (text[size] == 'r')
        level = LEVEL_CANDIDATE;
    sscanf(text + size + strspn(text + size, "abrc"), "%1u", &serial);
    if (text[(size_t)size + strspn(text + size, "abrc0123456789+")] != 0)
        return 0;
    if (!(major == 2 && minor == 7) && !(major == 3 && minor >= 3 && minor <= TARGET_LAST_MINOR))
        return 0;
    return major << 24 | minor << 16 | micro << 8 | level << 4 | serial;
}

/* The first string in the file that ends with a version of Python, which begins so.  It may have
 * more before it: the linker folds a string into one that ends alike. */
static uint32_t version_in_file(int fd, const char *prefix)
{
    struct stat st;
    uint32_t hex = 0;
    char *text, version[16];

    if (fstat(fd, &st) || st.st_size < 32)
        return 0;
    text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        return 0;
    for (const char *at = text + 2, *end = text + st.st_size - 16; at < end && !hex; at++) {
        at = memchr(at, '.', (size_t)(end - at));
        if (!at)
            break;
        if ((at[-1] != '2' && at[-1] != '3') || at[-2] == '.' || isalnum((unsigned char)at[-2]))
            continue;
        memcpy(version, at - 1, 15);
        version[15] = 0;
        if (strncmp(version, prefix, strlen(prefix)) == 0)
            hex = parse_version(version);
    }
    munmap(text, (size_t)st.st_size);
    return hex;
}

/* The "3.10" of libpython3.10.so.1.0 or python3.10; "" if the name has none. */
static void version_of_name(const char *name, char *out)
{
    unsigned major, minor;

    name = strstr(name, "python");
    out[0] = 0;
    if (name && sscanf(name, "python%1u.%2u", &major, &minor) == 2)
        snprintf(out, 16, "%u.%u", major, minor);
}

uint32_t target_version_of_file(const struct target_image *image, bool is_executable)
{
    int fd = target_mapping_file(image, is_executable);
    uint32_t hex = 0;
    char prefix[16];

    version_of_name(target_maps_name(image->mapping), prefix);
    if (fd >= 0) {
        hex = version_in_file(fd, prefix);
        close(fd);
    }
    return hex;
}

int target_version_refuse_old(const struct target_image *image, uint32_t hex,
                              struct pyro_error *err)
{
    char name[32];

    version_of_name(target_maps_name(image->mapping), name);
    if (hex)
        target_version_text(hex, name);
    return pyro_base_fail(err, PYRO_E_VERSION, "Python %s is not supported: " TARGET_SUPPORTED ".",
                          name[0] ? name : "3.10 or older");
}
