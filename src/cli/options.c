/*
 * The option table and the parser that reads argv by it.  Options mean the same with every command
 * that has them.  The parser checks every value, so that the commands need not; it prints nothing.
 * Long options may be shortened to no less than they are: what a script says today must not become
 * ambiguous tomorrow.
 */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN (1u << PYRO_CMD_RUN)
#define ATTACH (1u << PYRO_CMD_ATTACH)
#define DUMP (1u << PYRO_CMD_DUMP)
#define REPORT (1u << PYRO_CMD_REPORT)
#define EXPORT (1u << PYRO_CMD_EXPORT)
#define DOCTOR (1u << PYRO_CMD_DOCTOR)
#define EVERY ((1u << PYRO_CMD_COUNT) - 1)

const struct pyro_option pyro_cli_options[PYRO_OPT_COUNT] = {
    [PYRO_OPT_OUTPUT] =
        {"output", 'o', PYRO_KIND_FILE, "FILE", NULL, false, RUN | ATTACH | EXPORT,
         "Write to FILE. Its ending chooses what is written: `.collapsed` or `.speedscope.json` that "
         "export; `run` and `attach` take any other for a recording."},
    [PYRO_OPT_FORCE] = {"force", 'f', PYRO_KIND_FLAG, NULL, NULL, false, RUN | ATTACH | EXPORT,
                        "Overwrite the output if it exists."},
    [PYRO_OPT_RATE] =
        {"rate", 0, PYRO_KIND_RATE, "HZ", NULL, false, RUN | ATTACH,
         "Look at the program HZ times a second: 1 to 50000, or `max` for as often as can be, "
         "which keeps a whole CPU busy. 1000 if not given."},
    [PYRO_OPT_DELAY] = {"delay", 0, PYRO_KIND_TIME, "TIME", NULL, false, RUN | ATTACH,
                        "Begin to look only after this time: `2s`, `500ms`, `1m`."},
    [PYRO_OPT_DURATION] = {"duration", 0, PYRO_KIND_TIME, "TIME", NULL, false, RUN | ATTACH,
                           "Look for this time only; a program that was run goes on."},
    [PYRO_OPT_PYTHON] =
        {"python", 0, PYRO_KIND_FILE, "PATH", NULL, false, RUN | DOCTOR,
         "The Python to use: a path, a name on PATH, or a virtual environment's folder. If not "
         "given: the one that runs `python -m pyrometer`, else that of $VIRTUAL_ENV, else "
         "`python3` on PATH."},
    [PYRO_OPT_NO_SUBPROCESSES] = {"no-subprocesses", 0, PYRO_KIND_FLAG, NULL, NULL, false,
                                  RUN | ATTACH, "Leave out the processes that a Python starts."},
    [PYRO_OPT_SUBPROCESSES] = {"subprocesses", 0, PYRO_KIND_FLAG, NULL, NULL, false, DUMP,
                               "The Pythons that it has started as well."},
    [PYRO_OPT_LOCALS] = {"locals", 0, PYRO_KIND_FLAG, NULL, NULL, false, DUMP,
                         "The local variables of each function as well: numbers, text, "
                         "lists, tuples, sets and dicts by what they hold, other objects by type "
                         "and address; it is said of which functions they could not be read. They "
                         "may be secret."},
    [PYRO_OPT_CORE] = {"core", 0, PYRO_KIND_FILE, "FILE", NULL, false, DUMP,
                       "Of a program that is no more, from its core file. The Python that it ran "
                       "has to be where it was."},
    [PYRO_OPT_ROOT] = {"root", 0, PYRO_KIND_FILE, "FOLDER", NULL, false, DUMP,
                       "With `--core`: the root folder that the program had, such as a copy of its "
                       "container's, if it was not this one."},
    [PYRO_OPT_NO_SOURCE] = {"no-source", 0, PYRO_KIND_FLAG, NULL, NULL, false, RUN | ATTACH,
                            "Do not keep the source lines of the functions seen in the recording."},
    [PYRO_OPT_SEED] =
        {"seed", 0, PYRO_KIND_SEED, "N", NULL, false, RUN | ATTACH,
         "Seed of the random part of the ticks' moments, to repeat a schedule. From the clock if "
         "not given."},
    [PYRO_OPT_QUIET] = {"quiet", 'q', PYRO_KIND_FLAG, NULL, NULL, false, RUN | ATTACH,
                        "No report at the end and no progress line: only what went wrong is said."},
    [PYRO_OPT_MODULE] =
        {"", 'm', PYRO_KIND_REST, "MODULE", NULL, false, RUN,
         "Run a module, as `python -m` does. All that follows belongs to the program."},
    [PYRO_OPT_CODE] =
        {"", 'c', PYRO_KIND_REST, "CODE", NULL, false, RUN,
         "Run a piece of code, as `python -c` does. All that follows belongs to the program."},
    [PYRO_OPT_FORMAT] =
        {"format", 0, PYRO_KIND_CHOICE, "FORMAT", "collapsed speedscope", false, EXPORT,
         "The first is a line for each stack with its number of samples, for flame graph tools; the "
         "other is JSON for speedscope.app, a profile for each thread. If not given, the output's "
         "ending chooses."},
    [PYRO_OPT_FRAMES] =
        {"frames", 0, PYRO_KIND_CHOICE, "WHAT", "function line instruction", false, EXPORT,
         "That counts as one frame: a function (the default) is named with its first line, a line "
         "of it with the one that was running or calling, an instruction with its offset in the "
         "bytecode too."},
    [PYRO_OPT_FUNCTION] = {"function", 0, PYRO_KIND_FLAG, NULL, NULL, false, EXPORT,
                           "The same as `--frames function`."},
    [PYRO_OPT_NOLINENO] = {"nolineno", 0, PYRO_KIND_FLAG, NULL, NULL, false, EXPORT,
                           "A function counts as one frame, and is named without its line."},
    [PYRO_OPT_THREADS] = {"threads", 0, PYRO_KIND_FLAG, NULL, NULL, false, EXPORT,
                          "In `collapsed`: the lowest frame is the thread, with its process below "
                          "it where there are several. `speedscope` has a profile for each thread "
                          "anyway."},
    [PYRO_OPT_SORT] = {"sort", 0, PYRO_KIND_CHOICE, "KEY", "self total name file", false, REPORT,
                       "Order of the view `functions`: `self` if not given."},
    [PYRO_OPT_LIMIT] = {"limit", 0, PYRO_KIND_COUNT, "N", NULL, false, REPORT,
                        "Show at most N rows; of `lines`, N functions."},
    [PYRO_OPT_ONLY] =
        {"only", 0, PYRO_KIND_TEXT, "PATTERN", NULL, true, REPORT | EXPORT,
         "Keep only the functions that match: a path glob, a package or module, or "
         "`module:qualname`. Time in the others is charged to the nearest caller that is kept. May "
         "be given several times."},
    [PYRO_OPT_EXCLUDE] =
        {"exclude", 0, PYRO_KIND_TEXT, "PATTERN", NULL, true, REPORT | EXPORT,
         "Leave out the functions that match, in the same way. May be given several times."},
    [PYRO_OPT_THREAD] = {"thread", 0, PYRO_KIND_TEXT, "THREAD", NULL, false, REPORT | EXPORT,
                         "Only this thread: its name or its number."},
    [PYRO_OPT_PROCESS] = {"process", 0, PYRO_KIND_COUNT, "PID", NULL, false, REPORT | EXPORT,
                          "Only the threads of this process."},
    [PYRO_OPT_MINE] =
        {"mine", 0, PYRO_KIND_FLAG, NULL, NULL, false, REPORT | EXPORT,
         "Keep only files under the working directory of the program: the rest is charged to its "
         "caller."},
    [PYRO_OPT_STATE] =
        {"state", 0, PYRO_KIND_CHOICE, "STATE", "cpu gil waiting idle gc", false, REPORT | EXPORT,
         "Only samples of threads that ran or could run (`cpu`), held the GIL (`gil`), slept in "
         "the kernel (`waiting`), slept without the GIL (`idle`), or were in the garbage collector "
         "(`gc`). Samples of which that is not known are left out."},
    [PYRO_OPT_MODE] = {"mode", 0, PYRO_KIND_CHOICE, "MODE", "wall cpu gil", false, REPORT | EXPORT,
                       "What time is counted: all of it (`wall`, if not given), or that of "
                       "`--state cpu` or `--state gil`."},
    [PYRO_OPT_GIL] = {"gil", 0, PYRO_KIND_FLAG, NULL, NULL, false, REPORT | EXPORT,
                      "The same as `--mode gil`."},
    [PYRO_OPT_IDLE] = {"idle", 0, PYRO_KIND_FLAG, NULL, NULL, false, REPORT | EXPORT,
                       "The same as `--mode wall`: threads that wait are shown anyway."},
    [PYRO_OPT_JSON] = {"json", 0, PYRO_KIND_FLAG, NULL, NULL, false, DUMP | REPORT | DOCTOR,
                       "One JSON object on stdout, for other programs."},
    [PYRO_OPT_HELP] = {"help", 'h', PYRO_KIND_FLAG, NULL, NULL, false, EVERY, "Show this help."},
};

const char *pyro_cli_value(const struct pyro_args *args, enum pyro_option_id id)
{
    const struct pyro_given *given = &args->given[id];
    return given->count ? given->values[given->count - 1] : NULL;
}

/* Decimal digits only: strtoull would take blanks, signs and hexadecimal. */
static bool whole_number(const char *text, uint64_t *out)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool rate_number(const char *text, double *out)
{
    if (strcmp(text, "max") == 0) {
        *out = 0;
        return true;
    }
    char *end;
    if (!*text || strspn(text, "0123456789.") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return *end == 0 && *out >= PYRO_RATE_LOWEST && *out <= PYRO_RATE_HIGHEST;
}

bool pyro_cli_pid(const char *word, int *out)
{
    uint64_t number;
    if (!whole_number(word, &number) || number < 1 || number > INT32_MAX)
        return false;
    *out = (int)number;
    return true;
}

/* A time in nanoseconds, from 1 to a year. */
static bool time_number(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"h", 3600}};
    size_t digits = strspn(text, "0123456789.");
    char *end;
    if (digits == 0)
        return false;
    double number = strtod(text, &end);
    for (size_t i = 0; end == text + digits && i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0) {
            double ns = number * units[i].seconds * 1e9;
            *out = ns >= 1 && ns <= 366 * 86400e9 ? (uint64_t)ns : 0;
            return *out > 0;
        }
    return false;
}

uint64_t pyro_cli_time(const struct pyro_args *args, enum pyro_option_id id)
{
    uint64_t ns = 0;
    if (pyro_cli_has(args, id))
        time_number(pyro_cli_value(args, id), &ns);
    return ns;
}

double pyro_cli_rate(const struct pyro_args *args)
{
    double rate = PYRO_RATE_DEFAULT;
    if (pyro_cli_has(args, PYRO_OPT_RATE))
        rate_number(pyro_cli_value(args, PYRO_OPT_RATE), &rate);
    return rate;
}

uint64_t pyro_cli_number(const struct pyro_args *args, enum pyro_option_id id, uint64_t otherwise)
{
    uint64_t number = otherwise;
    if (pyro_cli_has(args, id))
        whole_number(pyro_cli_value(args, id), &number);
    return number;
}

static bool is_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = choices; *at;) {
        size_t len = strcspn(at, " ");
        if (len == size && memcmp(at, word, size) == 0)
            return true;
        at += len + (at[len] == ' ');
    }
    return false;
}

/* The choices as "a, b or c". */
static void list_choices(const char *choices, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (const char *at = choices; *at;) {
        size_t len = strcspn(at, " ");
        const char *next = at + len + (at[len] == ' ');
        const char *join = at == choices ? "" : *next ? ", " : " or ";
        int n = snprintf(out + used, size - used, "%s%.*s", join, (int)len, at);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
        at = next;
    }
}

const char *pyro_cli_option_help(const struct pyro_option *option, char *out, size_t size)
{
    char choices[200];
    if (option->kind != PYRO_KIND_CHOICE)
        return option->help;
    list_choices(option->choices, choices, sizeof choices);
    snprintf(out, size, "%s is %s. %s", option->value, choices, option->help);
    return out;
}

static int check_value(const struct pyro_option *option, const char *shown, const char *value,
                       struct pyro_error *err)
{
    uint64_t number;
    double rate;
    char choices[200];

    switch (option->kind) {
    case PYRO_KIND_CHOICE:
        if (is_choice(option->choices, value))
            return 0;
        list_choices(option->choices, choices, sizeof choices);
        return pyro_base_fail(err, PYRO_E_INVALID, "%s takes %s, not `%s`.", shown, choices, value);
    case PYRO_KIND_COUNT:
        if (whole_number(value, &number) && number > 0)
            return 0;
        return pyro_base_fail(err, PYRO_E_INVALID, "%s takes a whole number from 1, not `%s`.",
                              shown, value);
    case PYRO_KIND_SEED:
        if (whole_number(value, &number))
            return 0;
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "%s takes a whole number of at most 64 bits, not `%s`.", shown,
                              value);
    case PYRO_KIND_TIME:
        if (time_number(value, &number))
            return 0;
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "%s takes a time such as `10s`, `500ms` or `2m`, not `%s`.", shown,
                              value);
    case PYRO_KIND_RATE:
        if (rate_number(value, &rate))
            return 0;
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "%s takes a number of ticks a second from %.0f to %.0f, or `max`; "
                              "not `%s`.",
                              shown, PYRO_RATE_LOWEST, PYRO_RATE_HIGHEST, value);
    default:
        if (*value || option->kind == PYRO_KIND_REST)
            return 0;
        return pyro_base_fail(err, PYRO_E_INVALID, "%s needs a %s, but what is given is empty.",
                              shown, option->value);
    }
}

static int take(struct pyro_args *args, size_t id, const char *value, struct pyro_error *err)
{
    struct pyro_given *given = &args->given[id];
    const char **grown = realloc(given->values, (given->count + 1) * sizeof *grown);
    if (!grown)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    given->values = grown;
    given->values[given->count++] = value;
    return 0;
}

static bool belongs(const struct pyro_option *option, enum pyro_command_id command)
{
    return option->commands >> command & 1;
}

static size_t find_letter(enum pyro_command_id command, char letter)
{
    size_t id = 0;
    while (id < PYRO_OPT_COUNT && !(belongs(&pyro_cli_options[id], command) && letter &&
                                    pyro_cli_options[id].letter == letter))
        id++;
    return id;
}

static size_t find_name(enum pyro_command_id command, const char *name, size_t size)
{
    size_t id = 0;
    for (; size > 0 && id < PYRO_OPT_COUNT; id++) {
        const struct pyro_option *option = &pyro_cli_options[id];
        if (belongs(option, command) && strlen(option->name) == size &&
            memcmp(option->name, name, size) == 0)
            return id;
    }
    return PYRO_OPT_COUNT;
}

static int unknown_option(enum pyro_command_id command, const char *shown, const char *name,
                          struct pyro_error *err)
{
    const char *names[PYRO_OPT_COUNT + 1];
    size_t count = 0;
    char meant[80] = "", program[160] = "";

    for (size_t id = 0; id < PYRO_OPT_COUNT; id++)
        if (belongs(&pyro_cli_options[id], command) && pyro_cli_options[id].name[0])
            names[count++] = pyro_cli_options[id].name;
    names[count] = NULL;
    const char *nearest = name ? pyro_cli_nearest(name, names) : NULL;
    if (nearest)
        snprintf(meant, sizeof meant, " Did you mean --%s?", nearest);
    else if (pyro_cli_commands[command].words == PYRO_WORDS_PROGRAM)
        snprintf(program, sizeof program,
                 " Options for Python itself go behind `--`: "
                 "`pyrometer run -- python3 %.40s ...`.",
                 shown);
    return pyro_base_fail(err, PYRO_E_INVALID,
                          "`pyrometer %s` has no option %.100s.%s%s "
                          "`pyrometer %s --help` lists those it has.",
                          pyro_cli_commands[command].name, shown, meant, program,
                          pyro_cli_commands[command].name);
}

struct parse {
    enum pyro_command_id command;
    char **argv;
    int argc, at; /* at: the next word to read */
    struct pyro_args *args;
    struct pyro_error *err;
    bool ended; /* a PYRO_KIND_REST option was met */
};

static int lacks_value(const struct pyro_option *option, const char *shown, struct pyro_error *err)
{
    char choices[200];
    const char *noun = option == &pyro_cli_options[PYRO_OPT_CODE] ? "piece of code" : option->value;
    if (option->kind != PYRO_KIND_CHOICE)
        return pyro_base_fail(err, PYRO_E_INVALID, "%s needs a %s.", shown, noun);
    list_choices(option->choices, choices, sizeof choices);
    return pyro_base_fail(err, PYRO_E_INVALID, "%s needs one of %s.", shown, choices);
}

/* One option is known; its value is `joined`, or the next word if that is NULL. */
static int take_option(struct parse *parse, size_t id, const char *shown, const char *joined)
{
    const struct pyro_option *option = &pyro_cli_options[id];
    const char *value = joined;

    if (option->kind == PYRO_KIND_FLAG) {
        if (joined)
            return pyro_base_fail(parse->err, PYRO_E_INVALID, "%s takes no value.", shown);
        return take(parse->args, id, "", parse->err);
    }
    if (!value && parse->at < parse->argc)
        value = parse->argv[parse->at++];
    if (!value)
        return lacks_value(option, shown, parse->err);
    int rc = check_value(option, shown, value, parse->err);
    if (rc == 0)
        rc = take(parse->args, id, value, parse->err);
    parse->ended = option->kind == PYRO_KIND_REST;
    return rc;
}

static int long_option(struct parse *parse, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    size_t id = find_name(parse->command, name, size);
    char shown[120], bare[118];

    snprintf(bare, sizeof bare, "%.*s", (int)(size < sizeof bare ? size : sizeof bare - 1), name);
    snprintf(shown, sizeof shown, "--%s", bare);
    if (id == PYRO_OPT_COUNT)
        return unknown_option(parse->command, shown, bare, parse->err);
    return take_option(parse, id, shown, equals ? equals + 1 : NULL);
}

/* -q, -qf, -oFILE, -o FILE, -qo FILE */
static int letters(struct parse *parse, const char *word)
{
    for (const char *at = word + 1; *at && !parse->ended; at++) {
        char shown[3] = {'-', *at, 0};
        size_t id = find_letter(parse->command, *at);
        if (id == PYRO_OPT_COUNT) {
            /* -rate is a mistyped --rate, and a byte of UTF-8 alone means nothing */
            return unknown_option(parse->command, word, at == word + 1 ? word + 1 : NULL,
                                  parse->err);
        }
        bool flag = pyro_cli_options[id].kind == PYRO_KIND_FLAG;
        int rc = take_option(parse, id, shown, !flag && at[1] ? at + 1 : NULL);
        if (rc)
            return rc;
        if (!flag)
            break;
    }
    return 0;
}

int pyro_cli_parse(enum pyro_command_id command, int argc, char **argv, struct pyro_args *out,
                   struct pyro_error *err)
{
    struct parse parse = {.command = command, .argv = argv, .argc = argc, .args = out, .err = err};
    bool program = pyro_cli_commands[command].words == PYRO_WORDS_PROGRAM;

    *out = (struct pyro_args){.command = command, .words = argv};
    while (parse.at < argc && !parse.ended) {
        char *word = argv[parse.at];
        if (word[0] != '-' || word[1] == 0) {
            if (program)
                break;
            out->words[out->word_count++] = word; /* never ahead of what is read */
            parse.at++;
            continue;
        }
        parse.at++;
        if (strcmp(word, "--") == 0) {
            out->after_dashes = true;
            break;
        }
        int rc = word[1] == '-' ? long_option(&parse, word) : letters(&parse, word);
        if (rc) {
            pyro_cli_args_release(out);
            return rc;
        }
    }
    while (parse.at < argc)
        out->words[out->word_count++] = argv[parse.at++];
    return 0;
}

void pyro_cli_args_release(struct pyro_args *args)
{
    for (size_t id = 0; id < PYRO_OPT_COUNT; id++)
        free(args->given[id].values);
    *args = (struct pyro_args){.command = args->command};
}
