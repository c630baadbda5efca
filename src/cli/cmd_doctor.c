/*
 * pyrometer doctor: can I profile here, which Pythons are here, what is missing, what mends it.
 */
#include "cli.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_CHECKS 16
#define MOST_PYTHONS 32

struct diagnosis {
    struct pyro_check checks[MOST_CHECKS + PYRO_HEALTH_CHECKS];
    size_t check_count;
    int pid; /* the process that is asked about, or 0 */
    struct pyro_check processes[MOST_CHECKS];
    size_t process_count;
    struct pyro_found_python *pythons;
    size_t python_count;
    bool reads; /* a child's memory can be read */
    bool works;
    char no_python[400]; /* what to do if none can be profiled, or the chosen one not */
};

static const char *const verdicts[] = {
    [PYRO_GOOD] = "good", [PYRO_WARN] = "warning", [PYRO_BAD] = "bad", [PYRO_INFO] = "info"};

/* The command that brings a Python, by the package manager that is here. */
static const char *install_command(void)
{
    if (access("/usr/bin/apt-get", X_OK) == 0)
        return "sudo apt-get install python3";
    if (access("/usr/bin/dnf", X_OK) == 0)
        return "sudo dnf install python3";
    if (access("/usr/bin/zypper", X_OK) == 0)
        return "sudo zypper install python3";
    if (access("/usr/bin/pacman", X_OK) == 0)
        return "sudo pacman -S python";
    return "install CPython 3.11 or newer";
}

static void judge(struct diagnosis *d)
{
    const struct pyro_found_python *first = NULL, *chosen = NULL;
    for (size_t i = 0; i < d->python_count; i++) {
        if (d->pythons[i].supported && !first)
            first = &d->pythons[i];
        if (d->pythons[i].chosen)
            chosen = &d->pythons[i];
    }
    d->works = d->reads && first;
    if (!first && d->reads)
        snprintf(d->no_python, sizeof d->no_python, "No Python here can be profiled: %s",
                 install_command());
    else if (first && !(chosen && chosen->supported))
        snprintf(d->no_python, sizeof d->no_python,
                 "The Python that `pyrometer run` would take cannot be profiled. Name another: "
                 "pyrometer run --python %.200s app.py",
                 first->path);
}

static void print_label(const char *sign, const char *colour, bool coloured, const char *label)
{
    printf("  %s%s%s %-26s", coloured ? colour : "", sign, coloured ? "\033[m" : "", label);
}

static void print_sign(enum pyro_verdict verdict, bool coloured, const char *label)
{
    static const char *const signs[] = {"ok     ", "warning", "FAILED ", "       "};
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m", ""};
    print_label(signs[verdict], colours[verdict], coloured, label);
}

static void print_lines(const char *lines)
{
    char clean[PATH_MAX], line[PATH_MAX];
    for (const char *end; *lines; lines = end + (*end == '\n')) {
        end = strchrnul(lines, '\n');
        snprintf(line, sizeof line, "%.*s", (int)(end - lines), lines);
        printf("%12s%s\n", "", pyro_cli_clean(clean, sizeof clean, line));
    }
}

static void print_checks(const struct pyro_check *checks, size_t count, bool colour)
{
    char clean[PATH_MAX];
    for (const struct pyro_check *check = checks; check < checks + count; check++) {
        print_sign(check->verdict, colour, check->label);
        printf("%s\n", pyro_cli_clean(clean, sizeof clean, check->text));
        print_lines(check->mend);
    }
}

static void print_text(const struct diagnosis *d)
{
    bool colour = pyro_cli_terminal(STDOUT_FILENO).colour;
    char a[PATH_MAX], b[PATH_MAX];

    puts("This machine");
    print_checks(d->checks, d->check_count, colour);
    if (d->pid) {
        printf("\nProcess %d\n", d->pid);
        print_checks(d->processes, d->process_count, colour);
        puts(d->works ? "\nIt can be profiled." : "\nIt cannot be profiled.");
        return;
    }
    puts("\nPythons");
    if (d->python_count == 0)
        puts("          none found: no python3 on PATH, no pyenv");
    for (size_t i = 0; i < d->python_count; i++) {
        const struct pyro_found_python *python = &d->pythons[i];
        char label[80];
        snprintf(label, sizeof label, "%s", python->version[0] ? python->version : "?");
        print_label(python->supported ? "ok     " : "no     ",
                    python->supported ? "\033[32m" : "\033[33m", colour,
                    pyro_cli_clean(b, sizeof b, label));
        printf("%s%s\n", pyro_cli_clean(a, sizeof a, python->path),
               python->chosen ? "  (`pyrometer run` takes this one)" : "");
        if (python->executable[0] && strcmp(python->executable, python->path) != 0)
            printf("%12sis %s\n", "", pyro_cli_clean(a, sizeof a, python->executable));
        if (python->about[0])
            printf("%12s%s\n", "", pyro_cli_clean(a, sizeof a, python->about));
    }
    putchar('\n');
    if (d->works)
        puts("Profiling works here.");
    else
        puts("Profiling does not work here.");
    if (d->no_python[0])
        printf("%s\n", pyro_cli_clean(a, sizeof a, d->no_python));
}

/* Paths need not be UTF-8, and JSON must be. */
static json_t *text_or_null(const char *text)
{
    char clean[PATH_MAX];
    if (!text[0])
        return json_null();
    json_t *string = json_string(text);
    return string ? string : json_string(pyro_cli_clean(clean, sizeof clean, text));
}

static json_t *checks_as_json(const struct pyro_check *checks, size_t count)
{
    json_t *rows = json_array();
    for (const struct pyro_check *check = checks; check < checks + count; check++)
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:o, s:o}", "check", check->key, "verdict",
                                        verdicts[check->verdict], "text", text_or_null(check->text),
                                        "mend", text_or_null(check->mend)));
    return rows;
}

static int print_json(const struct diagnosis *d)
{
    json_t *pythons = json_array();
    for (size_t i = 0; i < d->python_count; i++) {
        const struct pyro_found_python *python = &d->pythons[i];
        json_array_append_new(
            pythons, json_pack("{s:o, s:o, s:o, s:b, s:b, s:o}", "path", text_or_null(python->path),
                               "executable", text_or_null(python->executable), "version",
                               text_or_null(python->version), "chosen", python->chosen, "supported",
                               python->supported, "about", text_or_null(python->about)));
    }
    json_t *all =
        json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "schema", "pyrometer.doctor/1", "tool",
                  PYRO_TOOL, "works", d->works, "checks", checks_as_json(d->checks, d->check_count),
                  "processes", checks_as_json(d->processes, d->process_count), "pythons", pythons,
                  "mend", text_or_null(d->no_python));
    int rc = all ? json_dumpf(all, stdout, JSON_INDENT(1)) : -1;
    json_decref(all);
    putchar('\n');
    return rc;
}

int pyro_cli_doctor(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    struct diagnosis d = {0};
    struct pyro_health health;

    if (args->word_count > 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer doctor` takes the number of one process.");
    if (args->word_count && !pyro_cli_pid(args->words[0], &d.pid))
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "`pyrometer doctor` takes the number of a process, not `%s`.",
                             args->words[0]);
    int status = d.pid ? pyro_cli_here(&d.pid) : 0;
    if (status)
        return status;
    d.pythons = calloc(MOST_PYTHONS, sizeof *d.pythons);
    if (!d.pythons)
        return pyro_cli_fail(PYRO_EXIT_FAILED, "Out of memory.");
    signal(SIGPIPE, SIG_IGN);
    pyro_cli_health_begin(&health);
    d.check_count = pyro_cli_check_system(d.checks, MOST_CHECKS, &d.reads);
    if (d.pid) {
        d.process_count = pyro_cli_check_process(d.pid, d.processes, MOST_CHECKS, &d.works);
    } else {
        d.python_count = pyro_cli_find_pythons(pyro_cli_value(args, PYRO_OPT_PYTHON),
                                               cli->default_python, d.pythons, MOST_PYTHONS);
        judge(&d);
    }
    pyro_cli_health_end(&health, d.checks + d.check_count);
    d.check_count += PYRO_HEALTH_CHECKS;
    if (pyro_cli_has(args, PYRO_OPT_JSON))
        print_json(&d);
    else
        print_text(&d);
    free(d.pythons);
    return pyro_cli_close_stdout(d.works ? PYRO_EXIT_DONE : PYRO_EXIT_NO);
}
