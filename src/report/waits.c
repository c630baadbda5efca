/*
 * The lines at which threads wait, as far as it is worth a look: "31.2 %  on `s.recv(4096)`,
 * client.py:40".
 */
#include "report_priv.h"

#include <string.h>

#define WORTH 0.05     /* of the samples that wait, for any to be shown ... */
#define WORTH_ROW 0.01 /* ... and at a line, for it to be one of them */
#define ROWS 5

/* The place, cut at its beginning if it takes more than `most` columns. */
static void put_place(struct pyro_page *page, const struct pyro_function *f, uint32_t line,
                      struct pyro_buf *place, size_t most)
{
    const char *text = (const char *)place->data;
    bool whole = pyro_report_columns(text, place->len) <= most;
    size_t shown = whole ? place->len : pyro_report_place_tail(text, place->len, most - 1);
    bool linked = pyro_page_link(page, f->file, line);
    if (!whole)
        pyro_page_put(page, "…");
    pyro_base_put(&page->buf, text + place->len - shown, shown);
    if (linked)
        pyro_page_unlink(page);
}

/* What is done there and where, in so many columns: the source line gets what its place leaves. */
static void put_line(struct pyro_page *page, const struct pyro_line_sums *line, size_t room)
{
    const struct pyro_function *f = &page->p->functions[line->function];
    struct pyro_str what;
    struct pyro_buf place = {0};
    bool known = pyro_profile_source_text(page->p, f->file, line->line, &what);
    const char *begin = known ? "on `" : "in `", *end = "`, ";
    if (!known)
        what = f->qualname;
    pyro_report_place(&place, page->p, f->file, line->line);
    page->buf.failed = page->buf.failed || place.failed;
    room -= strlen(begin) + strlen(end);
    size_t columns = pyro_report_columns((const char *)place.data, place.len);
    size_t where = columns < room / 2 ? columns : room / 2;
    pyro_page_put(page, begin);
    size_t at = page->buf.len;
    pyro_report_clean(&page->buf, what.bytes, what.size, room - where);
    if (!page->buf.failed)
        room -= pyro_report_columns((const char *)page->buf.data + at, page->buf.len - at);
    pyro_page_put(page, end);
    put_place(page, f, line->line, &place, room);
    pyro_base_buf_release(&place);
}

/* How many rows are shown: the first ones. */
static size_t count_rows(const struct pyro_page *page, const struct pyro_waits *waits)
{
    const size_t limit = page->o->limit > 0 ? page->o->limit : ROWS;
    size_t rows = 0;
    if ((double)waits->samples < WORTH * (double)waits->of)
        return 0;
    while (rows < waits->count && rows < limit &&
           (double)waits->list[rows].samples >= WORTH_ROW * (double)waits->of)
        rows++;
    return rows;
}

void pyro_report_waits(struct pyro_page *page, const struct pyro_waits *waits)
{
    static const char title[] = "waits";
    char share[PYRO_SHORT];
    const size_t rows = count_rows(page, waits);
    if (rows == 0)
        return;
    const size_t widest = strlen(pyro_report_percent(share, waits->list[0].samples, waits->of));
    pyro_page_put(page, "\n");
    pyro_page_pad(page, 2 + widest - strlen(title));
    pyro_page_style(page, DIM);
    pyro_page_put(page, title);
    pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
    for (size_t i = 0; i < rows; i++) {
        const struct pyro_wait *wait = &waits->list[i];
        const enum pyro_style style = 5 * wait->samples >= waits->of ? HOT : PLAIN;
        pyro_report_percent(share, wait->samples, waits->of);
        pyro_page_pad(page, 2 + widest - strlen(share));
        if (style != PLAIN)
            pyro_page_style(page, style);
        pyro_page_put(page, share);
        if (style != PLAIN)
            pyro_page_style(page, PLAIN);
        pyro_page_pad(page, 2);
        put_line(page, &page->p->lines[wait->line], page->width - 4 - widest);
        pyro_page_put(page, "\n");
    }
}
