/*
 * The formats there are.  A new one is a file of its own and a line here.
 */
#include "export_priv.h"

#include <string.h>

const struct pyro_export_format *const pyro_export_formats[] = {
    &pyro_export_collapsed,
    &pyro_export_speedscope,
    NULL,
};

const struct pyro_export_format *pyro_export_by_name(const char *name)
{
    for (size_t i = 0; pyro_export_formats[i]; i++)
        if (strcmp(pyro_export_formats[i]->name, name) == 0)
            return pyro_export_formats[i];
    return NULL;
}

const struct pyro_export_format *pyro_export_by_ending(const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; pyro_export_formats[i]; i++) {
        size_t ending = strlen(pyro_export_formats[i]->ending);
        if (size >= ending && strcmp(path + size - ending, pyro_export_formats[i]->ending) == 0)
            return pyro_export_formats[i];
    }
    return NULL;
}
