/*
 * /proc/PID/maps as a list.  Refuses nothing: a line that does not read as a mapping is skipped.
 */
#include "target_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { MAPS_MAX = 64 << 20 }; /* bytes of text: some 600,000 mappings */

/* Reads a number and steps over it and the separator behind it. */
static bool number(char **at, int base, char separator, uint64_t *out)
{
    char *end;

    *out = strtoull(*at, &end, base);
    if (end == *at || *end != separator)
        return false;
    *at = end + 1;
    return true;
}

/* START-END PERMS OFFSET MAJOR:MINOR INODE PATH */
static bool parse_line(char *line, struct target_mapping *out)
{
    uint64_t major, minor;
    char *at = line;

    if (!number(&at, 16, '-', &out->start) || !number(&at, 16, ' ', &out->end))
        return false;
    if (strlen(at) < 5)
        return false;
    out->writable = at[1] == 'w';
    at += 5;
    if (!number(&at, 16, ' ', &out->offset) || !number(&at, 16, ':', &major) ||
        !number(&at, 16, ' ', &minor))
        return false;
    out->device = makedev((unsigned)major, (unsigned)minor);
    out->inode = strtoull(at, &at, 10);
    out->path = at + strspn(at, " ");
    return true;
}

int target_maps_read(pid_t pid, struct target_maps *maps, struct pyro_error *err)
{
    char path[64], *save = NULL;
    size_t size;
    int rc;

    *maps = (struct target_maps){.list = PYRO_VEC(struct target_mapping)};
    if (pid == PYRO_CORE_PID)
        return target_core_maps(maps);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    rc = pyro_base_read_file(path, MAPS_MAX, &maps->text, &size, err);
    if (rc == PYRO_E_PERMISSION)
        return target_fail_permission(pid, err);
    if (rc == PYRO_E_NOT_FOUND)
        return target_fail_gone(pid, err);
    if (rc)
        return rc;
    for (char *line = strtok_r(maps->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct target_mapping mapping, *slot;

        if (!parse_line(line, &mapping))
            continue;
        slot = pyro_base_vec_push(&maps->list);
        if (!slot) {
            target_maps_release(maps);
            return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
        }
        *slot = mapping;
    }
    return 0;
}

void target_maps_release(struct target_maps *maps)
{
    pyro_base_vec_release(&maps->list);
    free(maps->text);
    maps->text = NULL;
}

const char *target_maps_name(const struct target_mapping *mapping)
{
    const char *slash = strrchr(mapping->path, '/');

    return slash ? slash + 1 : mapping->path;
}
