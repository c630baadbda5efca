/*
 * The lines view: the source of a function or a file, as it was when it was recorded, with the
 * samples of each line beside it.  Stretches without samples are elided in long ones.
 */
#include "report_priv.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_MOST 60    /* functions of up to so many lines are shown whole */
#define CONTEXT 2        /* else: lines shown before and after one that has samples */
#define FUNCTIONS_MOST 5 /* sections for one pattern */
#define BAR 8            /* columns */

struct text_line {
    uint32_t line;
    struct pyro_str text;
};

static int by_line(const void *a, const void *b)
{
    const struct text_line *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int sums_by_line(const void *a, const void *b)
{
    const struct pyro_line_sums *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* All lines of a file that the recording holds, in order, each once. */
static int find_text(const struct pyro_profile *p, struct pyro_str file, struct pyro_vec *out)
{
    for (size_t i = 0; i < p->source_count; i++) {
        const struct pyro_source *source = &p->sources[i];
        if (pyro_format_compare(source->file, file) != 0)
            continue;
        const char *at = source->text.bytes, *end = at + source->text.size;
        for (uint32_t line = source->first_line; at < end && line < UINT32_MAX; line++) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            struct text_line *slot = pyro_base_vec_push(out);
            if (slot == NULL)
                return PYRO_E_NOMEM;
            slot->line = line;
            slot->text = (struct pyro_str){at, (size_t)((stop ? stop : end) - at)};
            at = stop ? stop + 1 : end;
        }
    }
    struct text_line *lines = out->data;
    size_t kept = 0;
    if (out->len > 1)
        qsort(lines, out->len, sizeof(*lines), by_line);
    for (size_t i = 0; i < out->len; i++) {
        if (kept == 0 || lines[kept - 1].line != lines[i].line)
            lines[kept++] = lines[i];
    }
    out->len = kept;
    return PYRO_OK;
}

static void put_bar(struct pyro_table *t, uint64_t part, uint64_t most)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    char text[BAR * 3 + 4] = "";
    unsigned units = most > 0 ? (unsigned)(8.0 * BAR * (double)part / (double)most + 0.5) : 0;
    if (units == 0 && part > 0)
        units = 1;
    for (unsigned i = 0; i < units / 8; i++)
        strcat(text, "█");
    strcat(text, eighths[units % 8]);
    pyro_table_add(t, text);
}

/* Columns before the first word; SIZE_MAX: there is none. */
static size_t indent_of(struct pyro_str text)
{
    size_t column = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] == '\t')
            column = (column / 8 + 1) * 8;
        else if (text.bytes[i] == ' ')
            column++;
        else
            return text.bytes[i] == '\r' ? SIZE_MAX : column;
    }
    return SIZE_MAX;
}

/* What all lines from `first` to `last` are indented by. */
static size_t common_indent(const struct pyro_vec *texts, uint32_t first, uint32_t last)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < texts->len; i++) {
        const struct text_line *at = pyro_base_vec_at(texts, i);
        size_t indent = at->line < first || at->line > last ? SIZE_MAX : indent_of(at->text);
        least = indent < least ? indent : least;
    }
    return least == SIZE_MAX ? 0 : least;
}

/* A source line without its first columns, as far as they are spaces: tabs become spaces, the rest
 * is made safe. */
static void put_source(struct pyro_table *t, struct pyro_str text, size_t without)
{
    char plain[1000];
    size_t n = 0, column = 0, indent = indent_of(text);
    if (text.size > 0 && text.bytes[text.size - 1] == '\r')
        text.size--;
    for (size_t i = 0; i < text.size && n < sizeof plain; i++) {
        if (text.bytes[i] == '\t') {
            do
                plain[n++] = ' ';
            while (++column % 8 != 0 && n < sizeof plain);
        } else {
            plain[n++] = text.bytes[i];
            column++;
        }
    }
    size_t skip = indent < without ? indent : without;
    if (skip > n)
        skip = n;
    pyro_table_add_clean(t, (struct pyro_str){plain + skip, n - skip});
}

/* One section: the lines with samples (ascending) amid the source of [first, last]. */
static int put_section(struct pyro_page *page, struct pyro_str file,
                       const struct pyro_line_sums *sums, size_t count, uint32_t first,
                       uint32_t last)
{
    static const struct pyro_column columns[] = {{"line", true, 0, DIM},
                                                 {"self", true, 0, PLAIN},
                                                 {"total", true, 0, PLAIN},
                                                 {"", false, 0, HOT},
                                                 {"", false, 'r', PLAIN}};
    const struct pyro_profile *p = page->p;
    struct pyro_vec texts = PYRO_VEC(struct text_line);
    struct pyro_table t;
    pyro_table_init(&t, columns, 5);
    int rc = find_text(p, file, &texts);
    const struct text_line *text = texts.data;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = sums[i].total > most ? sums[i].total : most;

    bool whole = last >= first && last - first < WHOLE_MOST;
    size_t indent = common_indent(&texts, first, last);
    size_t s = 0, x = 0;
    uint32_t before = 0; /* the last line put */
    while (rc == PYRO_OK && (s < count || x < texts.len)) {
        bool sampled = s < count && (x >= texts.len || sums[s].line <= text[x].line);
        uint32_t line = sampled ? sums[s].line : text[x].line;
        bool sourced = x < texts.len && text[x].line == line;
        bool near = line == first || whole || sampled ||
                    (s < count && sums[s].line - line <= CONTEXT) ||
                    (s > 0 && line - sums[s - 1].line <= CONTEXT);
        if (near && (sampled || (line >= first && line <= last))) {
            char number[PYRO_SHORT];
            if (before > 0 && line != before + 1) {
                pyro_table_add(&t, "…");
                for (int i = 0; i < 4; i++)
                    pyro_table_add(&t, "");
            }
            snprintf(number, sizeof number, "%u", line);
            struct pyro_cell *cell = pyro_table_add(&t, number);
            cell->file = file;
            cell->line = line;
            uint64_t self = sampled ? sums[s].self : 0, total = sampled ? sums[s].total : 0;
            pyro_table_add(&t, self ? pyro_report_percent(number, self, p->samples) : "");
            pyro_table_add(&t, total ? pyro_report_percent(number, total, p->samples) : "");
            put_bar(&t, total, most);
            put_source(&t, sourced ? text[x].text : (struct pyro_str){"", 0}, indent);
            before = line;
        }
        s += sampled;
        x += sourced;
    }
    if (rc == PYRO_OK)
        pyro_table_print(&t, page, 0);
    bool any = false;
    for (size_t i = 0; i < texts.len && !any; i++)
        any = text[i].line >= first && text[i].line <= last;
    if (!any) {
        static const char none[] = "The recording holds no source of this: it was made with "
                                   "--no-source, or the file could not be read.";
        pyro_page_wrap(page, none, sizeof none - 1, 0, 0);
    }
    pyro_table_release(&t);
    pyro_base_vec_release(&texts);
    return rc;
}

static void put_heading(struct pyro_page *page, const char *what, size_t size, struct pyro_str file,
                        uint32_t line)
{
    struct pyro_buf place = {0};
    pyro_page_style(page, BOLD);
    pyro_report_clean(&page->buf, what, size, 200);
    pyro_page_style(page, PLAIN);
    if (size > 0)
        pyro_page_put(page, "  ");
    bool linked = pyro_page_link(page, file, line);
    pyro_report_place(&place, page->p, file, line);
    pyro_base_put(&page->buf, place.data, place.len);
    if (linked)
        pyro_page_unlink(page);
    pyro_base_buf_release(&place);
}

static int put_function(struct pyro_page *page, uint32_t id)
{
    const struct pyro_profile *p = page->p;
    const struct pyro_function *f = &p->functions[id];
    const struct pyro_function_sums *sums = &p->function_sums[id];
    char self[PYRO_SHORT], total[PYRO_SHORT];
    size_t from = 0, count = 0;
    while (from < p->line_count && p->lines[from].function != id)
        from++;
    while (from + count < p->line_count && p->lines[from + count].function == id)
        count++;
    uint32_t last = f->last_line > f->first_line ? f->last_line : f->first_line;
    if (count > 0 && p->lines[from + count - 1].line > last)
        last = p->lines[from + count - 1].line;
    put_heading(page, f->qualname.bytes, f->qualname.size, f->file, f->first_line);
    pyro_page_printf(page, "  %s self, %s total\n\n", pyro_report_self(self, p, id, sums->self),
                     pyro_report_percent(total, sums->total, p->samples));
    return put_section(page, f->file, &p->lines[from], count, f->first_line, last);
}

/* All functions of a file together: a line that two of them share counts once a sample. */
static int put_file(struct pyro_page *page, struct pyro_str file)
{
    const struct pyro_profile *p = page->p;
    struct pyro_map map = {0};
    struct pyro_vec vec = PYRO_VEC(struct pyro_line_sums);
    bool *in_file = malloc(p->function_count + 1);
    uint32_t *key = malloc((p->node_count + 1) * sizeof(*key));
    uint64_t *total = malloc((p->node_count + 1) * sizeof(*total));
    int rc = in_file && key && total ? PYRO_OK : PYRO_E_NOMEM;
    for (size_t i = 0; rc == PYRO_OK && i < p->function_count; i++)
        in_file[i] = pyro_format_compare(p->functions[i].file, file) == 0;
    for (size_t i = 0; rc == PYRO_OK && i < p->node_count; i++) {
        const struct pyro_frame *frame = &p->frames[p->nodes[i].frame];
        key[i] = PYRO_NONE;
        if (!in_file[frame->function] || frame->line == 0)
            continue;
        key[i] = pyro_base_map_get(&map, frame->line, 0);
        if (key[i] == PYRO_MAP_NONE) {
            key[i] = (uint32_t)vec.len;
            struct pyro_line_sums *fresh = pyro_base_vec_push(&vec);
            if (fresh == NULL || pyro_base_map_put(&map, frame->line, 0, key[i]) < 0) {
                rc = PYRO_E_NOMEM;
                break;
            }
            fresh->line = frame->line;
        }
        ((struct pyro_line_sums *)pyro_base_vec_at(&vec, key[i]))->self += p->nodes[i].self;
    }
    if (rc == PYRO_OK)
        rc = pyro_profile_totals(p, key, vec.len, total);
    if (rc == PYRO_OK) {
        struct pyro_line_sums *sums = vec.data;
        for (size_t i = 0; i < vec.len; i++)
            sums[i].total = total[i];
        if (vec.len > 1)
            qsort(sums, vec.len, sizeof(*sums), sums_by_line);
        put_heading(page, "", 0, file, 0);
        pyro_page_put(page, "\n\n");
        rc = put_section(page, file, sums, vec.len, 0, UINT32_MAX);
    }
    pyro_base_map_release(&map);
    pyro_base_vec_release(&vec);
    free(in_file);
    free(key);
    free(total);
    return rc;
}

/* ---- what is meant by the target */

static bool is_path_end(struct pyro_str file, const char *target)
{
    size_t size = strlen(target);
    if (size > 2 && target[0] == '.' && target[1] == '/') {
        target += 2;
        size -= 2;
    }
    if (size == 0 || file.size < size || memcmp(file.bytes + file.size - size, target, size) != 0)
        return false;
    return file.size == size || file.bytes[file.size - size - 1] == '/';
}

static bool is_named(const struct pyro_function *f, const char *target)
{
    size_t size = strlen(target);
    struct pyro_str name = {target, size}, q = f->qualname;
    if (strchr(target, ':') != NULL || strchr(target, '*') != NULL)
        return pyro_profile_matches(f, target) || pyro_profile_glob(target, size, q.bytes, q.size);
    return pyro_format_compare(q, name) == 0 || pyro_format_compare(f->name, name) == 0 ||
           (q.size > size && q.bytes[q.size - size - 1] == '.' &&
            memcmp(q.bytes + q.size - size, target, size) == 0);
}

static int fail_with_names(const struct pyro_profile *p, const char *target, const uint32_t *ids,
                           size_t count, struct pyro_error *err)
{
    if (count == 0)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND, "%s", pyro_report_nothing(p));
    struct pyro_buf names = {0};
    for (size_t i = 0; i < count && i < 5; i++) {
        if (i > 0)
            pyro_base_put(&names, ", ", 2);
        pyro_report_clean(&names, p->functions[ids[i]].qualname.bytes,
                          p->functions[ids[i]].qualname.size, 60);
    }
    struct pyro_buf wanted = {0};
    pyro_report_clean(&wanted, target, strlen(target), 100);
    int rc = pyro_base_fail(err, PYRO_E_NOT_FOUND,
                            "No function and no file with samples is called %.*s; the heaviest "
                            "functions are: %.*s.",
                            (int)wanted.len, (const char *)wanted.data, (int)names.len,
                            names.len ? (const char *)names.data : "");
    pyro_base_buf_release(&names);
    pyro_base_buf_release(&wanted);
    return rc;
}

int pyro_report_lines(FILE *to, const struct pyro_profile *p, const char *target,
                      const struct pyro_report_options *o, struct pyro_error *err)
{
    struct pyro_page page;
    size_t count, shown = 0, left_out = 0;
    size_t limit = o->limit > 0 ? o->limit : FUNCTIONS_MOST;
    uint32_t *ids = pyro_report_ranked(p, "total", &count);
    if (ids == NULL)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    size_t in_file = count; /* the heaviest function of the file that is meant */
    for (size_t i = 0; i < count && in_file == count; i++) {
        if (is_path_end(p->functions[ids[i]].file, target))
            in_file = i;
    }
    if (in_file < count && o->limit > 0) {
        free(ids);
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "A file's lines are shown as a whole: leave out --limit.");
    }
    pyro_page_init(&page, p, o);
    pyro_page_view(&page);
    int rc = PYRO_OK;
    if (in_file < count) {
        struct pyro_str file = p->functions[ids[in_file]].file;
        rc = put_file(&page, file);
        for (size_t i = 0; i < count && shown == 0; i++) { /* the same end, another file */
            struct pyro_str other = p->functions[ids[i]].file;
            if (pyro_format_compare(other, file) != 0 && is_path_end(other, target)) {
                pyro_page_put(&page, "\nThere is also ");
                put_heading(&page, "", 0, other, 0);
                pyro_page_put(&page, "; name it by a longer part of its path.\n");
                shown++;
            }
        }
    } else {
        for (size_t i = 0; i < count && rc == PYRO_OK; i++) {
            if (!is_named(&p->functions[ids[i]], target))
                continue;
            if (shown == limit) {
                left_out++;
                continue;
            }
            if (shown++ > 0)
                pyro_page_put(&page, "\n");
            rc = put_function(&page, ids[i]);
        }
        if (left_out > 0)
            pyro_page_put(&page, "\n");
        pyro_page_more(&page, left_out);
        if (shown == 0 && rc == PYRO_OK) {
            rc = fail_with_names(p, target, ids, count, err);
            free(ids);
            pyro_base_buf_release(&page.buf);
            return rc;
        }
    }
    free(ids);
    if (rc == PYRO_OK)
        rc = pyro_page_finish(&page, to);
    else
        pyro_base_buf_release(&page.buf);
    return rc < 0 ? pyro_base_fail(err, rc, "%s", pyro_base_code_text(rc)) : rc;
}
