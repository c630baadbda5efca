/*
 * libFuzzer target: any bytes as a recording, through the profile, a filter, every view and the
 * JSON.  What is checked beside crashes: the samples add up.
 */
#include "profile_priv.h"
#include "report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(FILE *to, const struct pyro_profile *p)
{
    struct pyro_report_options o = {.colour = true, .hyperlinks = true, .width = 72};
    struct pyro_error err;
    pyro_report_summary(to, p, &o);
    pyro_report_functions(to, p, &o);
    pyro_report_tree(to, p, &o);
    pyro_report_lines(to, p, "*", &o, &err);
    pyro_report_lines(to, p, "m.py", &o, &err);
    pyro_report_json(to, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *to;
    static const char *const exclude[] = {"f*", "pkg:*", "*/lib/"};
    struct pyro_filter filter = {.exclude = exclude, .exclude_count = 3};
    struct pyro_profile *p = NULL, *filtered = NULL;
    enum pyro_ending ending = PYRO_ENDED_TRUNCATED;
    if (to == NULL)
        to = fopen("/dev/null", "w");
    struct pyro_profile_builder *b = pyro_profile_builder_new();
    if (pyro_format_read_memory(data, size, &b->visitor, &ending, NULL) < 0) {
        pyro_profile_builder_free(b);
        return 0;
    }
    if (pyro_profile_builder_finish(b, ending, &p, NULL) < 0)
        return 0;
    uint64_t self = 0;
    for (size_t i = 0; i < p->node_count; i++)
        self += p->nodes[i].self;
    if (self != p->sampling.taken - p->sampling.lost || self + p->outside != p->samples)
        abort();
    show(to, p);
    if (pyro_profile_filter(p, &filter, &filtered, NULL) == 0)
        show(to, filtered);
    pyro_profile_free(filtered);
    pyro_profile_free(p);
    return 0;
}
