/*
 * options: the one table of commands and the one table of options.  Parsing, help, the man pages
 * and the shell completion are made from these two and from nothing else.
 */
#ifndef PYRO_OPTIONS_H
#define PYRO_OPTIONS_H

#include "base.h"

enum pyro_command_id {
    PYRO_CMD_RUN,
    PYRO_CMD_ATTACH,
    PYRO_CMD_DUMP,
    PYRO_CMD_CTL,
    PYRO_CMD_REPORT,
    PYRO_CMD_EXPORT,
    PYRO_CMD_DOCTOR,
    PYRO_CMD_HELP,
    PYRO_CMD_COUNT,
};

struct pyro_cli;

/* What a command's words are: for completion and for where its options stop. */
enum pyro_words {
    PYRO_WORDS_NONE,
    PYRO_WORDS_PROGRAM,   /* the first word ends the options; all behind it is the program's */
    PYRO_WORDS_RECORDING, /* a recording, then perhaps a view */
    PYRO_WORDS_COMMAND,   /* a pyrometer command */
    PYRO_WORDS_PROCESS,   /* the number of a process */
};

/* Prose is plain text; `so` marks what is typed, bold in a man page.  NULL ends every list. */
struct pyro_command {
    const char *name;
    const char *summary;         /* a line, no full stop */
    const char *const *synopses; /* what follows `pyrometer NAME ` */
    const char *const *text;     /* paragraphs */
    const char *const *figures;  /* what is shown, what it means, ...; or NULL */
    const char *const *examples; /* command, explanation, command, explanation ... */
    const char *const *statuses; /* status, meaning, ... */
    const char *const *views;    /* words that choose a view, or a request; or NULL */
    enum pyro_words words;
    int (*main)(struct pyro_cli *cli);
};
extern const struct pyro_command pyro_cli_commands[PYRO_CMD_COUNT];
extern const char *const pyro_cli_text[]; /* the paragraphs of pyrometer(1) */

enum pyro_option_id {
    PYRO_OPT_OUTPUT,
    PYRO_OPT_FORCE,
    PYRO_OPT_RATE,
    PYRO_OPT_DELAY,
    PYRO_OPT_DURATION,
    PYRO_OPT_PYTHON,
    PYRO_OPT_NO_SUBPROCESSES,
    PYRO_OPT_SUBPROCESSES,
    PYRO_OPT_LOCALS,
    PYRO_OPT_CORE,
    PYRO_OPT_ROOT,
    PYRO_OPT_NO_SOURCE,
    PYRO_OPT_SEED,
    PYRO_OPT_QUIET,
    PYRO_OPT_MODULE,
    PYRO_OPT_CODE,
    PYRO_OPT_FORMAT,
    PYRO_OPT_FRAMES,
    PYRO_OPT_FUNCTION,
    PYRO_OPT_NOLINENO,
    PYRO_OPT_THREADS,
    PYRO_OPT_SORT,
    PYRO_OPT_LIMIT,
    PYRO_OPT_ONLY,
    PYRO_OPT_EXCLUDE,
    PYRO_OPT_THREAD,
    PYRO_OPT_PROCESS,
    PYRO_OPT_MINE,
    PYRO_OPT_STATE,
    PYRO_OPT_MODE,
    PYRO_OPT_GIL,
    PYRO_OPT_IDLE,
    PYRO_OPT_JSON,
    PYRO_OPT_HELP,
    PYRO_OPT_COUNT,
};

enum pyro_option_kind {
    PYRO_KIND_FLAG,
    PYRO_KIND_TEXT,
    PYRO_KIND_FILE,   /* text that completes to a file */
    PYRO_KIND_CHOICE, /* one of `choices` */
    PYRO_KIND_COUNT,  /* a whole number from 1 */
    PYRO_KIND_SEED,   /* a whole number of 64 bits */
    PYRO_KIND_TIME,   /* 10s, 500ms, 2m, 1h, or seconds */
    PYRO_KIND_RATE,   /* a number of hertz within bounds, or max */
    PYRO_KIND_REST,   /* takes a value and ends the options */
};

struct pyro_option {
    const char *name; /* without the dashes; "" if it has a letter only */
    char letter;      /* or 0 */
    enum pyro_option_kind kind;
    const char *value;   /* what the value is called, NULL for flags */
    const char *choices; /* separated by spaces */
    bool repeats;        /* may be given several times */
    unsigned commands;   /* bits 1 << enum pyro_command_id */
    const char *help;    /* sentences; those of a choice need not list what there is */
};
extern const struct pyro_option pyro_cli_options[PYRO_OPT_COUNT];

#define PYRO_RATE_DEFAULT 1000.0
#define PYRO_RATE_LOWEST 1.0
#define PYRO_RATE_HIGHEST 50000.0

/* ---- what was given */
struct pyro_given {
    const char **values; /* in order; a flag's are "" ; borrowed from argv */
    size_t count;
};
struct pyro_args {
    enum pyro_command_id command;
    struct pyro_given given[PYRO_OPT_COUNT];
    char **words; /* borrowed from argv; for PYRO_WORDS_PROGRAM all that belongs to the program */
    size_t word_count;
    bool after_dashes; /* the words came after `--` */
};

/* argv: what follows the command's name.  PYRO_E_INVALID with the sentence of a usage error.
 * Words are moved to the front of argv. */
int pyro_cli_parse(enum pyro_command_id command, int argc, char **argv, struct pyro_args *out,
                   struct pyro_error *err);
void pyro_cli_args_release(struct pyro_args *args);

static inline bool pyro_cli_has(const struct pyro_args *args, enum pyro_option_id id)
{
    return args->given[id].count > 0;
}
/* The last value given, or NULL. */
const char *pyro_cli_value(const struct pyro_args *args, enum pyro_option_id id);
/* Numbers that parsing has already checked; `otherwise` if the option was not given. */
/* The number of a process. */
bool pyro_cli_pid(const char *word, int *out);
/* In nanoseconds; 0: not given. */
uint64_t pyro_cli_time(const struct pyro_args *args, enum pyro_option_id id);
double pyro_cli_rate(const struct pyro_args *args); /* 0: as fast as it can */
uint64_t pyro_cli_number(const struct pyro_args *args, enum pyro_option_id id, uint64_t otherwise);

/* The option's help, for a choice with what there is to choose from.  out holds it if need be. */
const char *pyro_cli_option_help(const struct pyro_option *option, char *out, size_t size);

/* PYRO_CMD_COUNT if there is none of that name. */
enum pyro_command_id pyro_cli_command(const char *name);

/* ---- made from the tables */
void pyro_cli_help(FILE *to);
void pyro_cli_command_help(FILE *to, enum pyro_command_id command);
/* One page: the command's, or pyrometer(1) for PYRO_CMD_COUNT. */
void pyro_cli_manpage(FILE *to, enum pyro_command_id command);
void pyro_cli_completion(FILE *to); /* for bash */

/* Of the names (NULL ends them) the one that `word` was most likely meant to be, or NULL. */
const char *pyro_cli_nearest(const char *word, const char *const *names);

#endif
