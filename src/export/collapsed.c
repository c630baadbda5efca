/*
 * Collapsed stacks, as flame graph tools read them: `bottom;...;top COUNT`, a line for each path
 * with samples of its own.  A frame is `QUALNAME (FILE:LINE)`.
 */
#include "export_priv.h"

#include <inttypes.h>

static int collapsed(FILE *to, const struct pyro_profile *p,
                     const struct pyro_export_options *options, struct pyro_error *err)
{
    struct pyro_labels labels = {0};
    struct pyro_paths paths = {0};

    int rc = pyro_export_labels(p, options->frames, true, &labels);
    if (rc == 0)
        rc = pyro_export_paths(p, &labels, &paths);
    for (size_t i = 0; rc == 0 && i < paths.count && !ferror(to); i++) {
        if (paths.paths[i].self == 0)
            continue;
        size_t depth = pyro_export_path(&paths, (uint32_t)i);
        for (size_t at = 0; at < depth; at++)
            fprintf(to, "%s%s", at ? ";" : "", labels.labels[paths.labels[at]].text);
        fprintf(to, " %" PRIu64 "\n", paths.paths[i].self);
    }
    pyro_export_paths_release(&paths);
    pyro_export_labels_release(&labels);
    return rc ? pyro_base_fail(err, rc, "Cannot export: %s.", pyro_base_code_text(rc)) : 0;
}

const struct pyro_export_format pyro_export_collapsed = {
    .name = "collapsed",
    .ending = ".collapsed",
    .holds = "Stacks and their numbers of samples; no times, no order in time, no threads.",
    .write = collapsed,
};
