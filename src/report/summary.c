/*
 * The summary: what `run` ends with and `report` begins with.  The first finding, then what was
 * measured and how well, then the hottest functions and the lines that wait.
 */
#include "report_priv.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 8
#define FINDINGS 4 /* that are shown: the first, and what else there is to say */

/* The sentence in lines, its place as a link. */
static void put_finding(struct pyro_page *page, const struct pyro_finding *f, bool first)
{
    struct pyro_buf text = {0};
    size_t end = f->place_at + f->place_size;
    pyro_report_clean(&text, f->text, f->place_at, 0);
    size_t place = text.len;
    pyro_report_clean(&text, f->text + f->place_at, f->place_size, 0);
    size_t rest = text.len;
    pyro_report_clean(&text, f->text + end, strlen(f->text + end), 0);
    pyro_base_put(&text, ".", 1);
    if (text.failed) {
        page->buf.failed = true;
        pyro_base_buf_release(&text);
        return;
    }
    pyro_page_break((char *)text.data, text.len, page->width);
    if (first)
        pyro_page_style(page, BOLD);
    pyro_base_put(&page->buf, text.data, place);
    bool linked = false;
    if (f->function != PYRO_NONE) {
        const struct pyro_function *at = &page->p->functions[f->function];
        linked = pyro_page_link(page, at->file, f->line > 0 ? f->line : at->first_line);
    }
    pyro_base_put(&page->buf, text.data + place, rest - place);
    if (linked)
        pyro_page_unlink(page);
    pyro_base_put(&page->buf, text.data + rest, text.len - rest);
    if (first)
        pyro_page_style(page, PLAIN);
    pyro_page_put(page, "\n");
    pyro_base_buf_release(&text);
}

/* "  samples    " and what follows, wrapped under itself. */
static void put_fact(struct pyro_page *page, const char *label, const char *text, size_t size)
{
    pyro_page_put(page, "  ");
    pyro_page_style(page, DIM);
    pyro_page_put(page, label);
    pyro_page_style(page, PLAIN);
    pyro_page_pad(page, 11 - strlen(label));
    pyro_page_wrap(page, text, size, 13, 13);
}

/* Pieces of a sentence, collected. */
static void say(struct pyro_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct pyro_buf *out, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n > 0)
        pyro_base_put(out, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void flush_fact(struct pyro_page *page, const char *label, struct pyro_buf *text)
{
    if (text->failed)
        page->buf.failed = true;
    else if (text->len > 0)
        put_fact(page, label, (const char *)text->data, text->len);
    pyro_base_buf_clear(text);
}

static void say_signal(struct pyro_buf *text, int number)
{
    const char *name = sigabbrev_np(number);
    say(text, "%sended by ", text->len ? "; " : "");
    if (name != NULL)
        say(text, "SIG%s", name);
    else
        say(text, "signal %d", number);
}

static void put_time(struct pyro_page *page, struct pyro_buf *text)
{
    const struct pyro_profile *p = page->p;
    char a[PYRO_SHORT], b[PYRO_SHORT];
    size_t threads = 0;
    for (size_t i = 0; i < p->thread_count; i++)
        threads += p->threads[i].samples > 0;
    if (p->wall_ns > 0)
        say(text, "%s wall", pyro_report_time(a, (double)p->wall_ns));
    if (p->cpu_ns > 0)
        say(text, "%s%s CPU", text->len ? ", " : "", pyro_report_time(b, (double)p->cpu_ns));
    if (threads > 0)
        say(text, "%s%s thread%s", text->len ? "; " : "", pyro_report_count(a, threads),
            threads == 1 ? "" : "s");
    if (p->exit_status != INT32_MIN && p->exit_status < 0)
        say_signal(text, -p->exit_status);
    else if (p->exit_status != INT32_MIN)
        say(text, "%sexit status %d", text->len ? "; " : "", p->exit_status);
    flush_fact(page, "time", text);
}

struct share {
    size_t process;
    uint64_t samples;
};

static int by_samples(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->samples != y->samples)
        return x->samples < y->samples ? 1 : -1;
    return x->process < y->process ? -1 : x->process > y->process;
}

/* What the interpreter's option (a word that begins with one dash) is about: 'm' or 'c', or 0.
 * *next: the option's value is the word after it. */
static char option_of(struct pyro_str word, bool *next)
{
    *next = false;
    for (size_t i = 1; i < word.size && word.bytes[1] != '-'; i++) {
        char letter = word.bytes[i];
        if (letter == 'm' || letter == 'c')
            return letter;
        if (letter == 'X' || letter == 'W') {
            *next = i + 1 == word.size;
            return 0;
        }
    }
    return 0;
}

struct pyro_str pyro_report_program(const struct pyro_str *argv, size_t argc, char *kind)
{
    *kind = 0;
    for (size_t i = 1; i < argc; i++) {
        struct pyro_str word = argv[i];
        bool next = false;
        if (word.size < 2 || word.bytes[0] != '-')
            return word;
        *kind = option_of(word, &next);
        if (*kind != 0) { /* its value is the rest of the word, or the next one */
            size_t at = 1;
            while (word.bytes[at] != *kind)
                at++;
            struct pyro_str value = {word.bytes + at + 1, word.size - at - 1};
            return value.size == 0 && i + 1 < argc ? argv[i + 1] : value;
        }
        i += next;
    }
    return (struct pyro_str){"", 0};
}

/* Which program a process runs, in a word or two: its file, -m and its module, -c and its code. */
static void say_program(struct pyro_buf *out, const struct pyro_process *process)
{
    const struct pyro_str dash = {"-", 1};
    char kind;
    struct pyro_str name = pyro_report_program(process->argv, process->argc, &kind);
    if (kind != 0) {
        say(out, "-%c ", kind);
    } else {
        if (name.size == 0)
            name = process->argc > 0 ? process->argv[0] : dash;
        name = pyro_profile_file_name(name);
    }
    pyro_report_clean(out, name.bytes, name.size, kind == 'c' ? 24 : 40);
}

#define PROCESSES 5

/* Where there are several: which have most of the samples. */
static void put_processes(struct pyro_page *page, struct pyro_buf *text)
{
    const struct pyro_profile *p = page->p;
    char a[PYRO_SHORT];
    struct share *shares = calloc(p->process_count + 1, sizeof(*shares));
    size_t count = 0;
    if (shares == NULL)
        return;
    for (size_t i = 0; i < p->process_count; i++)
        shares[i].process = i;
    for (size_t i = 0; i < p->thread_count; i++)
        if (p->threads[i].process < p->process_count)
            shares[p->threads[i].process].samples += p->threads[i].samples;
    qsort(shares, p->process_count, sizeof(*shares), by_samples);
    while (count < p->process_count && shares[count].samples > 0)
        count++;
    for (size_t i = 0; i < count && i < PROCESSES && count > 1; i++) {
        const struct pyro_process *process = &p->processes[shares[i].process];
        say(text, "%s%d ", i > 0 ? ", " : "", (int)process->pid);
        say_program(text, process);
        say(text, " %s", pyro_report_percent(a, shares[i].samples, p->samples));
    }
    if (count > PROCESSES)
        say(text, ", %s more", pyro_report_count(a, count - PROCESSES));
    free(shares);
    flush_fact(page, "processes", text);
}

/* What the threads did, as shares of the samples of which it is known. */
static void put_states(struct pyro_page *page, struct pyro_buf *text)
{
    static const struct {
        enum pyro_state state;
        const char *words;
    } told[] = {{PYRO_STATE_CPU, "ran or could run"},
                {PYRO_STATE_WAITING, "waited"},
                {PYRO_STATE_HOLDS_GIL, "held the GIL"},
                {PYRO_STATE_COLLECTING, "collected garbage"}};
    const struct pyro_profile *p = page->p;
    char a[PYRO_SHORT];
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        uint64_t known = p->states_known[told[i].state], shown = p->states[told[i].state];
        if (known == 0 || (told[i].state == PYRO_STATE_COLLECTING && shown == 0))
            continue;
        say(text, "%s%s %s", text->len > 0 ? ", " : "", pyro_report_percent(a, shown, known),
            told[i].words);
    }
    if (text->len > 0 && p->states_known[PYRO_STATE_CPU] * 100 < p->samples * 99)
        say(text, "; whether they ran is known of %s of the samples",
            pyro_report_percent(a, p->states_known[PYRO_STATE_CPU], p->samples));
    flush_fact(page, "threads", text);
}

static void put_samples(struct pyro_page *page, struct pyro_buf *text)
{
    const struct pyro_profile *p = page->p;
    const struct pyro_sampling *s = &p->sampling;
    char a[PYRO_SHORT], b[PYRO_SHORT], c[PYRO_SHORT];
    if (!p->has_samples)
        return;
    say(text, "%s taken", pyro_report_count(a, s->taken));
    if (s->rate_hz > 0.0)
        say(text, " at %s Hz", pyro_report_count(b, (uint64_t)(s->rate_hz + 0.5)));
    else
        say(text, " at the highest rate, spinning on a core of its own");
    say(text, ": %s ticks, %s missed;", pyro_report_count(a, s->ticks),
        pyro_report_count(b, s->missed));
    say(text, " %s discarded, %s folded", pyro_report_count(a, s->discarded),
        pyro_report_count(b, s->folded));
    if (s->assumed > 0)
        say(text, ", %s with the bottom assumed", pyro_report_count(a, s->assumed));
    if (s->lost > 0)
        say(text, ", %s lost", pyro_report_count(a, s->lost));
    if (!p->filtered && p->outside > 0)
        say(text, "; %s more found no Python frame", pyro_report_count(a, p->outside));
    flush_fact(page, "samples", text);

    put_states(page, text);
    if (p->sampler_cpu_ns > 0) {
        say(text, "%s CPU", pyro_report_time(c, (double)p->sampler_cpu_ns));
        if (p->wall_ns > 0)
            say(text, " (%s of one core)", pyro_report_percent(a, p->sampler_cpu_ns, p->wall_ns));
        flush_fact(page, "sampler", text);
    }
    if (p->samples > 0 && p->outside * 1000 >= p->samples) {
        say(text, "%s of %s samples %s", pyro_report_percent(a, p->outside, p->samples),
            p->filtered ? "these" : "the",
            p->by_function ? "are in no function that the filters keep"
                           : "had no Python frame: the interpreter was starting or ending, or a "
                             "thread ran none");
        flush_fact(page, "outside", text);
    }
}

static void put_troubles(struct pyro_page *page, struct pyro_buf *text)
{
    const struct pyro_profile *p = page->p;
    if (p->ending == PYRO_ENDED_KILLED)
        say(text, "the recording has no end: its writer was killed");
    else if (p->ending == PYRO_ENDED_NOT_YET)
        say(text, "none yet: the recording is still being written");
    else if (p->ending == PYRO_ENDED_TRUNCATED)
        say(text, "the recording is cut or damaged: what is whole of it is shown");
    flush_fact(page, "ending", text);
    for (size_t i = 0; i < p->warning_count && i < 10; i++) {
        pyro_report_clean(text, p->warnings[i].bytes, p->warnings[i].size, 500);
        flush_fact(page, "warning", text);
    }
    if (p->warning_count > 10) {
        char more[PYRO_SHORT];
        say(text, "%s more", pyro_report_count(more, p->warning_count - 10));
        flush_fact(page, "warning", text);
    }
}

/* *unsure: a row has a share that is marked so. */
static int put_hottest(struct pyro_page *page, bool total, bool *unsure)
{
    const struct pyro_column columns[] = {{total ? "total" : "self", true, 0, PLAIN},
                                          {"95 %", true, 0, DIM},
                                          {"time", true, 0, PLAIN},
                                          {"function", false, 'm', PLAIN},
                                          {"where", false, 'l', DIM}};
    const struct pyro_profile *p = page->p;
    size_t count, limit = page->o->limit > 0 ? page->o->limit : ROWS;
    uint32_t *ids = pyro_report_ranked(p, total ? "total" : "self", &count);
    if (ids == NULL)
        return PYRO_E_NOMEM;
    struct pyro_table t;
    pyro_table_init(&t, columns, 5);
    for (size_t i = 0; i < count && i < limit; i++) {
        const struct pyro_function_sums *sums = &p->function_sums[ids[i]];
        if ((total ? sums->total : sums->self) == 0)
            break;
        pyro_report_figure(&t, p, ids[i], total, true);
        pyro_report_name(&t, p, ids[i]);
        *unsure = *unsure || (!total && pyro_profile_is_unsure(sums));
    }
    pyro_page_put(page, "\n");
    pyro_table_print(&t, page, 2);
    pyro_table_release(&t);
    free(ids);
    return PYRO_OK;
}

static void put_legend(struct pyro_page *page, struct pyro_buf *text)
{
    pyro_page_put(page, "\n");
    say(text, "less sure: calls there are so short that the two reads of a sample often differ");
    flush_fact(page, "~", text);
}

/* What holds it all, if it is to be named. */
static void put_output(struct pyro_page *page, const char *label, const char *path)
{
    struct pyro_buf text = {0};
    if (path == NULL)
        return;
    pyro_page_put(page, "\n");
    pyro_report_clean(&text, path, strlen(path), 0);
    flush_fact(page, label, &text);
    pyro_base_buf_release(&text);
}

int pyro_report_summary(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o)
{
    struct pyro_page page;
    struct pyro_finding findings[FINDINGS];
    struct pyro_waits waits;
    struct pyro_buf text = {0};
    pyro_page_init(&page, p, o);
    int found = pyro_findings_find(p, findings, FINDINGS, &waits);
    int rc = found < 0 ? found : PYRO_OK;
    bool unsure = false;
    for (int i = 0; i < found; i++)
        put_finding(&page, &findings[i], i == 0);
    if (found == 0)
        pyro_page_printf(&page, "%s\n", pyro_report_nothing(p));
    pyro_page_put(&page, "\n");
    if (p->filtered)
        pyro_report_view(&text, p);
    flush_fact(&page, "view", &text);
    put_time(&page, &text);
    put_processes(&page, &text);
    put_samples(&page, &text);
    put_troubles(&page, &text);
    if (rc == PYRO_OK && found > 0)
        rc = put_hottest(&page, false, &unsure);
    if (rc == PYRO_OK && found > 0)
        rc = put_hottest(&page, true, &unsure);
    pyro_report_waits(&page, &waits);
    if (unsure)
        put_legend(&page, &text);
    put_output(&page, "recording", o->recording);
    put_output(&page, "export", o->export);
    pyro_findings_release_waits(&waits);
    pyro_base_buf_release(&text);
    if (rc < 0) {
        pyro_base_buf_release(&page.buf);
        return rc;
    }
    return pyro_page_finish(&page, to);
}
