/*
 * A page: text collected in memory and written at once; styles and links only where the options
 * ask for them.  Numbers are written the same way everywhere.
 */
#include "report_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void pyro_page_init(struct pyro_page *page, const struct pyro_profile *p,
                    const struct pyro_report_options *o)
{
    *page = (struct pyro_page){.p = p, .o = o};
    page->width = o->width > 0 ? (size_t)o->width : 80;
    if (page->width < 40)
        page->width = 40;
}

int pyro_page_finish(struct pyro_page *page, FILE *to)
{
    int rc = page->buf.failed ? PYRO_E_NOMEM : PYRO_OK;
    if (rc == PYRO_OK && page->buf.len > 0 &&
        (fwrite(page->buf.data, 1, page->buf.len, to) != page->buf.len || fflush(to) != 0))
        rc = PYRO_E_IO;
    pyro_base_buf_release(&page->buf);
    return rc;
}

void pyro_page_put(struct pyro_page *page, const char *text)
{
    pyro_base_put(&page->buf, text, strlen(text));
}

void pyro_page_printf(struct pyro_page *page, const char *fmt, ...)
{
    va_list args;
    char text[2000];
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n > 0)
        pyro_base_put(&page->buf, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void pyro_page_style(struct pyro_page *page, enum pyro_style style)
{
    static const char *const codes[STYLES] = {"\033[0m", "\033[1m", "\033[2m", "\033[33m"};
    if (page->o->colour)
        pyro_page_put(page, codes[style]);
}

void pyro_page_pad(struct pyro_page *page, size_t columns)
{
    static const char spaces[] = "                                ";
    while (columns > 0) {
        size_t n = columns < sizeof spaces - 1 ? columns : sizeof spaces - 1;
        pyro_base_put(&page->buf, spaces, n);
        columns -= n;
    }
}

static void put_url(struct pyro_buf *out, struct pyro_str text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~/";
    for (size_t i = 0; i < text.size; i++) {
        char code[4];
        if (text.bytes[i] != '\0' && strchr(plain, text.bytes[i]) != NULL) {
            pyro_base_put(out, &text.bytes[i], 1);
        } else {
            snprintf(code, sizeof code, "%%%02X", (unsigned char)text.bytes[i]);
            pyro_base_put(out, code, 3);
        }
    }
}

bool pyro_page_link(struct pyro_page *page, struct pyro_str file, uint32_t line)
{
    if (!page->o->hyperlinks || file.size == 0 || file.size > 2000 || file.bytes[0] != '/')
        return false;
    pyro_page_put(page, "\033]8;;file://");
    if (page->p->host.size < 256)
        put_url(&page->buf, page->p->host);
    put_url(&page->buf, file);
    if (line > 0)
        pyro_page_printf(page, "#%u", line);
    pyro_page_put(page, "\033\\");
    return true;
}

void pyro_page_unlink(struct pyro_page *page)
{
    pyro_page_put(page, "\033]8;;\033\\");
}

/* The end of the piece that begins at `at` and is not to be torn: a word, with the "%" and what
 * else belongs to the number before it. */
static size_t piece_end(const char *text, size_t size, size_t at)
{
    size_t end = at;
    while (end < size && (text[end] != ' ' || (end + 1 < size && text[end + 1] == '%')))
        end++;
    return end;
}

void pyro_page_break(char *text, size_t size, size_t width)
{
    size_t column = 0;
    for (size_t at = 0; at < size;) {
        size_t end = piece_end(text, size, at), columns = pyro_report_columns(text + at, end - at);
        if (at > 0 && column + 1 + columns > width) {
            text[at - 1] = '\n';
            column = columns;
        } else {
            column += columns + (at > 0);
        }
        at = end + 1;
    }
}

void pyro_page_wrap(struct pyro_page *page, const char *text, size_t size, size_t column,
                    size_t indent)
{
    bool first = true;
    for (size_t at = 0; at < size;) {
        size_t end = piece_end(text, size, at), columns = pyro_report_columns(text + at, end - at);
        if (!first && column + 1 + columns > page->width) {
            pyro_page_put(page, "\n");
            pyro_page_pad(page, indent);
            column = indent;
        } else if (!first) {
            pyro_page_put(page, " ");
            column++;
        }
        pyro_base_put(&page->buf, text + at, end - at);
        column += columns;
        first = false;
        at = end + 1;
    }
    pyro_page_put(page, "\n");
}

void pyro_report_view(struct pyro_buf *out, const struct pyro_profile *p)
{
    char samples[PYRO_SHORT], of[PYRO_SHORT], share[PYRO_SHORT];
    char text[3 * PYRO_SHORT + 40];
    int n = snprintf(text, sizeof text,
                     "%s of %s samples (%s): ", pyro_report_count(samples, p->samples),
                     pyro_report_count(of, p->of_samples),
                     pyro_report_percent(share, p->samples, p->of_samples));
    pyro_base_put(out, text, (size_t)n);
    pyro_report_clean(out, p->chosen.bytes, p->chosen.size, 500);
}

void pyro_page_view(struct pyro_page *page)
{
    struct pyro_buf text = {0};
    if (!page->p->filtered)
        return;
    pyro_report_view(&text, page->p);
    pyro_page_style(page, DIM);
    if (!text.failed)
        pyro_page_wrap(page, (const char *)text.data, text.len, 0, 2);
    pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
    page->buf.failed = page->buf.failed || text.failed;
    pyro_base_buf_release(&text);
}

const char *pyro_report_nothing(const struct pyro_profile *p)
{
    if (p->filtered)
        return "No function with samples matches the filters given.";
    if (p->samples > 0)
        return "There is no Python function in any sample.";
    if (p->ending == PYRO_ENDED_TRUNCATED)
        return "There are no samples in what can be read: the recording is cut or damaged.";
    if (p->sampling.lost > 0)
        return "There are no samples: none of those taken could be written.";
    return "There are no samples: the program ended before the first, or no Python was seen.";
}

const char *pyro_report_count(char out[PYRO_SHORT], uint64_t n)
{
    char digits[32];
    size_t size = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

void pyro_page_more(struct pyro_page *page, size_t left_out)
{
    char count[PYRO_SHORT];
    if (left_out > 0)
        pyro_page_printf(page, "… %s more\n", pyro_report_count(count, left_out));
}

/* Three digits that count, and the unit they are in. */
const char *pyro_report_time(char out[PYRO_SHORT], double ns)
{
    static const struct {
        double size;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1.0, "ns"}};
    size_t i = 0;
    if (ns >= 3599.5e9) {
        double minutes = ns / 60e9;
        if (minutes > 1e12)
            minutes = 1e12;
        uint64_t whole = (uint64_t)(minutes + 0.5);
        snprintf(out, PYRO_SHORT, "%" PRIu64 " h %02u min", whole / 60, (unsigned)(whole % 60));
        return out;
    }
    while (i < 3 && ns < 0.9995 * units[i].size)
        i++;
    double value = ns / units[i].size;
    if (ns <= 0.0)
        snprintf(out, PYRO_SHORT, "0 s");
    else
        snprintf(out, PYRO_SHORT, "%.*f %s",
                 i == 3 || value >= 99.95 ? 0
                 : value >= 9.995         ? 1
                                          : 2,
                 value, units[i].name);
    return out;
}

const char *pyro_report_percent(char out[PYRO_SHORT], uint64_t hits, uint64_t trials)
{
    snprintf(out, PYRO_SHORT, "%.1f %%",
             trials > 0 ? 100.0 * ((double)hits / (double)trials) : 0.0);
    return out;
}

const char *pyro_report_interval(char out[PYRO_SHORT], uint64_t hits, uint64_t of, double trials)
{
    struct pyro_interval i = pyro_stats_wilson((double)hits / (double)of, trials);
    snprintf(out, PYRO_SHORT, "[%.1f, %.1f]", 100.0 * i.low, 100.0 * i.high);
    return out;
}

/* Where `part` ends in text, its last occurrence; 0: it is not in it. */
static size_t after_last(struct pyro_str text, const char *part)
{
    size_t n = strlen(part), found = 0;
    for (size_t i = 0; i + n <= text.size; i++) {
        if (memcmp(text.bytes + i, part, n) == 0)
            found = i + n;
    }
    return found;
}

/* Where the standard library's own folder ends: .../lib/python3.13/ */
static size_t after_stdlib(struct pyro_str file)
{
    size_t at = after_last(file, "/lib/python3.");
    while (at > 0 && at < file.size && file.bytes[at] != '/')
        at++;
    return at < file.size && at > 0 ? at + 1 : 0;
}

size_t pyro_report_place_tail(const char *text, size_t size, size_t columns)
{
    size_t tail = pyro_report_tail(text, size, columns);
    const char *slash = memchr(text + size - tail, '/', tail);
    return slash != NULL ? (size_t)(text + size - slash) : tail;
}

void pyro_report_place(struct pyro_buf *out, const struct pyro_profile *p, struct pyro_str file,
                       uint32_t line)
{
    char number[16];
    struct pyro_str shown = file;
    size_t skip = after_last(file, "/site-packages/");
    if (skip == 0)
        skip = after_last(file, "/dist-packages/");
    if (skip == 0)
        skip = after_stdlib(file);
    if (skip > 0) {
        pyro_base_put(out, "…/", strlen("…/"));
    } else if (p->cwd.size > 1 && file.size > p->cwd.size + 1 &&
               memcmp(file.bytes, p->cwd.bytes, p->cwd.size) == 0 &&
               file.bytes[p->cwd.size] == '/') {
        skip = p->cwd.size + 1;
    }
    shown.bytes += skip;
    shown.size -= skip;
    if (shown.size > 4096) { /* its end is what tells */
        shown.bytes += shown.size - 4096;
        shown.size = 4096;
        pyro_base_put(out, "…", strlen("…"));
    }
    pyro_report_clean(out, shown.bytes, shown.size, 0);
    if (line > 0) {
        size_t n = (size_t)snprintf(number, sizeof number, ":%u", line);
        pyro_base_put(out, number, n);
    }
}
