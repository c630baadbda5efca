/*
 * The functions view: one row a function that has samples, with its self and total shares.
 */
#include "report_priv.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 30
#define WIDE 110 /* from this width on both shares have their interval */

static int larger(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b;
}

enum order { BY_SELF, BY_TOTAL, BY_NAME, BY_FILE };
struct sorting {
    const struct pyro_profile *p;
    enum order order;
};

static int compare(const void *a, const void *b, void *ctx)
{
    const struct sorting *s = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const struct pyro_function *f = &s->p->functions[x], *g = &s->p->functions[y];
    const struct pyro_function_sums *m = &s->p->function_sums[x], *n = &s->p->function_sums[y];
    int order = 0;
    if (s->order == BY_NAME)
        order = pyro_format_compare(f->qualname, g->qualname);
    if (s->order == BY_NAME || s->order == BY_FILE)
        order = order ? order : pyro_format_compare(f->file, g->file);
    if (order == 0 && (s->order == BY_NAME || s->order == BY_FILE))
        order = f->first_line < g->first_line ? -1 : f->first_line > g->first_line;
    if (order == 0 && s->order == BY_TOTAL)
        order = larger(m->total, n->total);
    if (order == 0)
        order = larger(m->self, n->self);
    if (order == 0)
        order = larger(m->total, n->total);
    return order ? order : x < y ? -1 : x > y;
}

uint32_t *pyro_report_ranked(const struct pyro_profile *p, const char *sort, size_t *count)
{
    struct sorting s = {p, BY_SELF};
    if (sort != NULL && strcmp(sort, "total") == 0)
        s.order = BY_TOTAL;
    else if (sort != NULL && strcmp(sort, "name") == 0)
        s.order = BY_NAME;
    else if (sort != NULL && strcmp(sort, "file") == 0)
        s.order = BY_FILE;
    uint32_t *ids = malloc((p->function_count + 1) * sizeof(*ids));
    *count = 0;
    if (ids == NULL)
        return NULL;
    for (size_t i = 0; i < p->function_count; i++) {
        if (p->function_sums[i].total > 0)
            ids[(*count)++] = (uint32_t)i;
    }
    qsort_r(ids, *count, sizeof(*ids), compare, &s);
    return ids;
}

const char *pyro_report_self(char out[PYRO_SHORT], const struct pyro_profile *p, uint32_t function,
                             uint64_t hits)
{
    char share[PYRO_SHORT];
    bool unsure = pyro_profile_is_unsure(&p->function_sums[function]);
    pyro_report_percent(share, hits, p->samples);
    snprintf(out, PYRO_SHORT, "%s%.40s", unsure ? "~" : "", share);
    return out;
}

void pyro_report_figure(struct pyro_table *t, const struct pyro_profile *p, uint32_t function,
                        bool total, bool whole)
{
    const struct pyro_function_sums *sums = &p->function_sums[function];
    uint64_t hits = total ? sums->total : sums->self;
    bool unsure = !total && pyro_profile_is_unsure(sums);
    char text[PYRO_SHORT];
    struct pyro_cell *cell = pyro_table_add(t, total ? pyro_report_percent(text, hits, p->samples)
                                                     : pyro_report_self(text, p, function, hits));
    if (5 * hits >= p->samples && hits > 0)
        cell->style = HOT;
    if (!whole)
        return;
    double trials = total ? sums->total_trials : sums->self_trials;
    pyro_table_add(t, unsure ? "" : pyro_report_interval(text, hits, p->samples, trials));
    pyro_table_add(t, pyro_report_time(text, (double)hits * p->ns_per_sample));
}

void pyro_report_name(struct pyro_table *t, const struct pyro_profile *p, uint32_t function)
{
    const struct pyro_function *f = &p->functions[function];
    pyro_table_add_clean(t, f->qualname);
    pyro_table_add_place(t, p, f->file, f->first_line);
}

int pyro_report_functions(FILE *to, const struct pyro_profile *p,
                          const struct pyro_report_options *o)
{
    static const struct pyro_column narrow_self[] = {
        {"self", true, 0, PLAIN},  {"95 %", true, 0, DIM},          {"time", true, 0, PLAIN},
        {"total", true, 0, PLAIN}, {"function", false, 'm', PLAIN}, {"where", false, 'l', DIM}};
    static const struct pyro_column narrow_total[] = {
        {"self", true, 0, PLAIN}, {"total", true, 0, PLAIN},       {"95 %", true, 0, DIM},
        {"time", true, 0, PLAIN}, {"function", false, 'm', PLAIN}, {"where", false, 'l', DIM}};
    static const struct pyro_column wide[] = {
        {"self", true, 0, PLAIN},        {"95 %", true, 0, DIM},    {"time", true, 0, PLAIN},
        {"total", true, 0, PLAIN},       {"95 %", true, 0, DIM},    {"time", true, 0, PLAIN},
        {"function", false, 'm', PLAIN}, {"where", false, 'l', DIM}};
    struct pyro_page page;
    pyro_page_init(&page, p, o);
    bool both = page.width >= WIDE;
    bool by_total = o->sort != NULL && strcmp(o->sort, "total") == 0;

    size_t count, limit = o->limit > 0 ? o->limit : ROWS;
    uint32_t *ids = pyro_report_ranked(p, o->sort, &count);
    if (ids == NULL)
        return PYRO_E_NOMEM;
    struct pyro_table t;
    if (both)
        pyro_table_init(&t, wide, 8);
    else
        pyro_table_init(&t, by_total ? narrow_total : narrow_self, 6);
    for (size_t i = 0; i < count && i < limit; i++) {
        pyro_report_figure(&t, p, ids[i], false, both || !by_total);
        pyro_report_figure(&t, p, ids[i], true, both || by_total);
        pyro_report_name(&t, p, ids[i]);
    }
    if (count == 0) {
        pyro_page_printf(&page, "%s\n", pyro_report_nothing(p));
    } else {
        pyro_page_view(&page);
        pyro_table_print(&t, &page, 0);
    }
    pyro_page_more(&page, count > limit ? count - limit : 0);
    pyro_table_release(&t);
    free(ids);
    return pyro_page_finish(&page, to);
}
