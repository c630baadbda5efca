/*
 * Tables: every column as wide as its widest cell; where a row would be wider than the page, the
 * columns that may be cut share what is left.  Cells hold safe text only.
 */
#include "report_priv.h"

#include <string.h>

#define GAP 2
#define CELL_MAX 500 /* columns of one cell, whatever the page's width */

void pyro_table_init(struct pyro_table *t, const struct pyro_column *columns, size_t count)
{
    *t = (struct pyro_table){.columns = columns, .column_count = count};
    t->cells = PYRO_VEC(struct pyro_cell);
}

void pyro_table_release(struct pyro_table *t)
{
    pyro_base_buf_release(&t->text);
    pyro_base_vec_release(&t->cells);
}

/* A cell of the text from `at` to the end.  Never NULL: without memory, one that is not kept. */
static struct pyro_cell *cell_from(struct pyro_table *t, size_t at)
{
    static _Thread_local struct pyro_cell nowhere;
    size_t column = t->cells.len % t->column_count;
    struct pyro_cell *cell = pyro_base_vec_push(&t->cells);
    if (cell == NULL) {
        t->failed = true;
        nowhere = (struct pyro_cell){0};
        return &nowhere;
    }
    cell->at = at;
    cell->size = t->text.len - at;
    cell->style = t->columns[column].style;
    return cell;
}

struct pyro_cell *pyro_table_add(struct pyro_table *t, const char *text)
{
    size_t at = t->text.len;
    pyro_base_put(&t->text, text, strlen(text));
    return cell_from(t, at);
}

struct pyro_cell *pyro_table_add_clean(struct pyro_table *t, struct pyro_str raw)
{
    size_t at = t->text.len;
    pyro_report_clean(&t->text, raw.bytes, raw.size, CELL_MAX);
    return cell_from(t, at);
}

struct pyro_cell *pyro_table_add_place(struct pyro_table *t, const struct pyro_profile *p,
                                       struct pyro_str file, uint32_t line)
{
    size_t at = t->text.len;
    pyro_report_place(&t->text, p, file, line);
    struct pyro_cell *cell = cell_from(t, at);
    cell->file = file;
    cell->line = line;
    return cell;
}

/* What a place cannot do without: its file's last part and the line. */
static size_t least_of(const struct pyro_table *t, size_t column)
{
    const struct pyro_cell *cells = t->cells.data;
    size_t least = 0;
    for (size_t i = column; i < t->cells.len; i += t->column_count) {
        const char *text = (const char *)t->text.data + cells[i].at;
        size_t start = cells[i].size;
        while (start > 0 && text[start - 1] != '/')
            start--;
        size_t columns = pyro_report_columns(text + start, cells[i].size - start) + 2;
        least = columns > least ? columns : least;
    }
    return least;
}

/* Cells that end in nothing leave no spaces behind. */
static void trim(struct pyro_page *page)
{
    while (page->buf.len > 0 && page->buf.data[page->buf.len - 1] == ' ')
        page->buf.len--;
}

/* Shrinks the columns that may be cut (at most two of them are expected) to fit in `room`. */
static void fit(const struct pyro_table *t, size_t *widths, size_t room)
{
    size_t fixed = 0, flexible = 0, count = 0;
    for (size_t c = 0; c < t->column_count; c++) {
        fixed += c > 0 ? GAP : 0;
        if (t->columns[c].cut == 0)
            fixed += widths[c];
        else {
            flexible += widths[c];
            count++;
        }
    }
    size_t left = room > fixed ? room - fixed : 0;
    for (size_t c = t->column_count; c-- > 0 && flexible > left;) {
        if (t->columns[c].cut == 0)
            continue;
        /* those not yet looked at get at least their even part */
        size_t others = flexible - widths[c];
        size_t even = left / (count > 0 ? count : 1);
        size_t wanted = left > others ? left - others : 0;
        if (t->columns[c].cut == 'l' && least_of(t, c) < even)
            even = least_of(t, c);
        size_t given = wanted > even ? wanted : even;
        if (given < 8)
            given = 8;
        if (given < widths[c]) {
            flexible -= widths[c] - given;
            widths[c] = given;
        }
        left -= left > widths[c] ? widths[c] : left;
        flexible -= widths[c];
        count--;
    }
}

/* What is shown of a text: `head` bytes of its beginning and `tail` of its end, with an ellipsis
 * between them if that is not all of it. */
struct parts {
    size_t head, tail;
};

static struct parts cut_beginning(const char *text, size_t size, size_t width)
{
    return (struct parts){0, pyro_report_place_tail(text, size, width - 1)};
}

/* Names that begin alike differ in their last component: it stays if it fits. */
static struct parts cut_middle(const char *text, size_t size, size_t width, size_t stem)
{
    size_t start = size;
    while (start > 0 && text[start - 1] != '.')
        start--;
    size_t columns = pyro_report_columns(text + start, size - start);
    if (start == 0 || stem + 1 + columns > width) {
        start = size;
        columns = 0;
    }
    return (struct parts){pyro_report_head(text, size, width - 1 - columns), size - start};
}

static struct parts cut(const struct pyro_column *column, const struct pyro_cell *cell,
                        const char *text, size_t width)
{
    if (pyro_report_columns(text, cell->size) <= width)
        return (struct parts){cell->size, 0};
    if (column->cut == 'l')
        return cut_beginning(text, cell->size, width);
    if (column->cut == 'm')
        return cut_middle(text, cell->size, width, cell->stem);
    return (struct parts){pyro_report_head(text, cell->size, width - 1), 0};
}

static void print_cell(struct pyro_page *page, const struct pyro_table *t, size_t c,
                       const struct pyro_cell *cell, size_t width, bool last)
{
    const char *text = (const char *)t->text.data + cell->at;
    struct parts shown = cut(&t->columns[c], cell, text, width);
    const char *tail = text + cell->size - shown.tail;
    bool whole = shown.head + shown.tail == cell->size;
    size_t columns =
        pyro_report_columns(text, shown.head) + pyro_report_columns(tail, shown.tail) + !whole;
    if (t->columns[c].right && columns < width)
        pyro_page_pad(page, width - columns);
    if (cell->style != PLAIN)
        pyro_page_style(page, cell->style);
    bool linked = cell->file.size > 0 && pyro_page_link(page, cell->file, cell->line);
    pyro_base_put(&page->buf, text, shown.head);
    if (!whole)
        pyro_page_put(page, "…");
    pyro_base_put(&page->buf, tail, shown.tail);
    if (linked)
        pyro_page_unlink(page);
    if (cell->style != PLAIN)
        pyro_page_style(page, PLAIN);
    if (!t->columns[c].right && columns < width && !last)
        pyro_page_pad(page, width - columns);
}

void pyro_table_print(struct pyro_table *t, struct pyro_page *page, size_t indent)
{
    size_t widths[COLUMNS_MAX] = {0};
    const struct pyro_cell *cells = t->cells.data;
    size_t rows = t->cells.len / t->column_count;
    if (t->failed || t->text.failed) {
        page->buf.failed = true;
        return;
    }
    for (size_t c = 0; c < t->column_count; c++)
        widths[c] = strlen(t->columns[c].title);
    for (size_t i = 0; i < rows * t->column_count; i++) {
        size_t columns =
            pyro_report_columns((const char *)t->text.data + cells[i].at, cells[i].size);
        if (columns > widths[i % t->column_count])
            widths[i % t->column_count] = columns;
    }
    fit(t, widths, page->width > indent ? page->width - indent : 0);

    pyro_page_pad(page, indent);
    pyro_page_style(page, DIM);
    for (size_t c = 0; c < t->column_count; c++) {
        size_t title = strlen(t->columns[c].title), pad = widths[c] - title;
        pyro_page_pad(page, (c > 0 ? GAP : 0) + (t->columns[c].right ? pad : 0));
        pyro_page_put(page, t->columns[c].title);
        if (!t->columns[c].right && c + 1 < t->column_count)
            pyro_page_pad(page, pad);
    }
    trim(page);
    pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
    for (size_t r = 0; r < rows; r++) {
        pyro_page_pad(page, indent);
        for (size_t c = 0; c < t->column_count; c++) {
            const struct pyro_cell *cell = &cells[r * t->column_count + c];
            pyro_page_pad(page, c > 0 ? GAP : 0);
            print_cell(page, t, c, cell, widths[c], c + 1 == t->column_count);
        }
        trim(page);
        pyro_page_put(page, "\n");
    }
}
