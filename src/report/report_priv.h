/*
 * What the views of this room share: a page being written, text made safe and measured in
 * columns, numbers with units, places with links, and tables.
 */
#ifndef PYRO_REPORT_PRIV_H
#define PYRO_REPORT_PRIV_H

#include "findings.h"
#include "report.h"
#include "stats.h"

/* ---- clean.c */
/* Columns of safe text on a terminal. */
size_t pyro_report_columns(const char *text, size_t size);
/* Bytes of the longest head (or tail) of safe text that takes at most `columns`. */
size_t pyro_report_head(const char *text, size_t size, size_t columns);
size_t pyro_report_tail(const char *text, size_t size, size_t columns);
/* Valid UTF-8, the rest as \xNN.  For JSON, whose own escapes do what else is to be done (but
 * not for DEL, so that is \x7f too). */
void pyro_report_utf8(struct pyro_buf *out, const char *bytes, size_t size);

/* ---- page.c: output, styles, numbers, places */
enum pyro_style { PLAIN, BOLD, DIM, HOT, STYLES };

struct pyro_page {
    struct pyro_buf buf;
    const struct pyro_profile *p;
    const struct pyro_report_options *o;
    size_t width;
};
void pyro_page_init(struct pyro_page *page, const struct pyro_profile *p,
                    const struct pyro_report_options *o);
/* Writes it all out and releases the page.  PYRO_E_NOMEM, PYRO_E_IO. */
int pyro_page_finish(struct pyro_page *page, FILE *to);
void pyro_page_put(struct pyro_page *page, const char *text);
void pyro_page_printf(struct pyro_page *page, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pyro_page_style(struct pyro_page *page, enum pyro_style style);
/* "… 1,234 more": rows that are left out, if any are. */
void pyro_page_more(struct pyro_page *page, size_t left_out);
void pyro_page_pad(struct pyro_page *page, size_t columns);
/* Opens a link to a place in a file (false: there is none to make), closes it. */
bool pyro_page_link(struct pyro_page *page, struct pyro_str file, uint32_t line);
void pyro_page_unlink(struct pyro_page *page);
/* Words of safe text in lines of at most the page's width; the first line starts at `column`,
 * the others are indented by `indent`. */
void pyro_page_wrap(struct pyro_page *page, const char *text, size_t size, size_t column,
                    size_t indent);

/* The same of a sentence, which it wraps in place: spaces become ends of lines. */
void pyro_page_break(char *text, size_t size, size_t width);
/* What a filter has left in view, a line; nothing where there was none. */
void pyro_page_view(struct pyro_page *page);
/* "75 of 3,233 samples (2.3 %): --state gc", appended. */
void pyro_report_view(struct pyro_buf *out, const struct pyro_profile *p);

/* Why there is nothing to show, a sentence. */
const char *pyro_report_nothing(const struct pyro_profile *p);

/* "8,402"; "3.46 s"; "41.2 %"; "[39.8, 42.6]" (hits of trials).  Return out. */
#define PYRO_SHORT 48
const char *pyro_report_count(char out[PYRO_SHORT], uint64_t n);
const char *pyro_report_time(char out[PYRO_SHORT], double ns);
const char *pyro_report_percent(char out[PYRO_SHORT], uint64_t hits, uint64_t trials);
/* trials: how many independent samples these are worth. */
const char *pyro_report_interval(char out[PYRO_SHORT], uint64_t hits, uint64_t of, double trials);
/* A function's file and line, shortened: below the working directory, or after site-packages. */
void pyro_report_place(struct pyro_buf *out, const struct pyro_profile *p, struct pyro_str file,
                       uint32_t line);
/* Bytes of its end that are shown where it is cut to so many columns: better whole folders than
 * more letters. */
size_t pyro_report_place_tail(const char *text, size_t size, size_t columns);

/* ---- table.c: rows of cells, aligned, made to fit the page */
#define COLUMNS_MAX 10
struct pyro_column {
    const char *title;
    bool right; /* aligned to the right */
    char cut;   /* 0: never; 'r': the end goes first; 'l': the beginning; 'm': what is before the
                   last component of a dotted name */
    enum pyro_style style;
};
struct pyro_cell {
    size_t at, size; /* in the table's text: safe */
    size_t stem;     /* columns at the beginning that a cut in the middle leaves */
    enum pyro_style style;
    struct pyro_str file; /* a link, if it has bytes */
    uint32_t line;
};
struct pyro_table {
    const struct pyro_column *columns;
    size_t column_count;
    struct pyro_buf text;
    struct pyro_vec cells; /* row by row */
    bool failed;
};
void pyro_table_init(struct pyro_table *t, const struct pyro_column *columns, size_t count);
/* The next cell, its text safe already (or cleaned first); its style may then be changed. */
struct pyro_cell *pyro_table_add(struct pyro_table *t, const char *text);
struct pyro_cell *pyro_table_add_clean(struct pyro_table *t, struct pyro_str raw);
struct pyro_cell *pyro_table_add_place(struct pyro_table *t, const struct pyro_profile *p,
                                       struct pyro_str file, uint32_t line);
void pyro_table_print(struct pyro_table *t, struct pyro_page *page, size_t indent);
void pyro_table_release(struct pyro_table *t);

/* ---- functions.c */
/* Ids of functions with a sample, in the order asked for; the caller frees.  NULL: no memory. */
uint32_t *pyro_report_ranked(const struct pyro_profile *p, const char *sort, size_t *count);
/* "41.2 %", or "~41.2 %" where it is unsure which function was on top: the share of samples in the
 * function itself, all of them or those of one context. */
const char *pyro_report_self(char out[PYRO_SHORT], const struct pyro_profile *p, uint32_t function,
                             uint64_t hits);
/* Adds the cell "41.2 %" (or "~41.2 %") of a self or total figure; if it is to be whole, also the
 * cells "[39.8, 42.6]" (or none) and "3.46 s". */
void pyro_report_figure(struct pyro_table *t, const struct pyro_profile *p, uint32_t function,
                        bool total, bool whole);
/* Adds the cells of a function's name and place. */
void pyro_report_name(struct pyro_table *t, const struct pyro_profile *p, uint32_t function);

/* ---- waits.c */
/* The lines that wait, a section of the summary; nothing where little of the time is waited. */
void pyro_report_waits(struct pyro_page *page, const struct pyro_waits *waits);

/* ---- stacks.c */
/* One past the last tick at which any thread of each process was seen; the caller frees. */
uint64_t *pyro_report_newest(const struct pyro_profile *p);
/* The thread was seen, but not at the last ticks. */
bool pyro_report_has_ended(const struct pyro_profile *p, uint32_t thread, const uint64_t *newest);
/* What it did at the newest tick; 0: not known. */
uint32_t pyro_report_state(const struct pyro_profile *p, uint32_t thread, const uint64_t *newest);
/* Functions on the stack that ends at the node. */
uint32_t pyro_report_depth(const struct pyro_profile *p, uint32_t node);
/* Is the variable one of the function at this node, on that thread's stack? */
bool pyro_report_is_of(const struct pyro_report_variable *variable, const struct pyro_profile *p,
                       int64_t tid, uint32_t node, uint32_t frame);
/* The thread's last run; NULL: no sample of it is there. */
const struct pyro_run *pyro_report_last(const struct pyro_profile *p, uint32_t thread);

#endif
