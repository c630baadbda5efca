/*
 * cli: what the commands share.  This is the one room that prints and exits.  Nothing that comes
 * from a recording, from argv or from another program reaches a terminal raw: every sentence goes
 * through pyro_cli_say.
 */
#ifndef PYRO_CLI_H
#define PYRO_CLI_H

#include "export.h"
#include "options.h"
#include "profile.h"
#include "record.h"
#include "report.h"

#include <limits.h>

enum { /* exit statuses */
       PYRO_EXIT_DONE = 0,
       PYRO_EXIT_NO = 1, /* the question's answer is no */
       PYRO_EXIT_USAGE = 2,
       PYRO_EXIT_FAILED = 125,
       PYRO_EXIT_CANNOT_EXECUTE = 126,
       PYRO_EXIT_NOT_FOUND = 127,
};

#define PYRO_TOOL "pyrometer " PYRO_VERSION

struct pyro_cli {
    struct pyro_args args;
    const char *default_python; /* of `python -m pyrometer`, or NULL */
};

int pyro_cli_run(struct pyro_cli *cli);
int pyro_cli_attach(struct pyro_cli *cli);
int pyro_cli_dump(struct pyro_cli *cli);
int pyro_cli_ctl(struct pyro_cli *cli);
int pyro_cli_report(struct pyro_cli *cli);
int pyro_cli_export(struct pyro_cli *cli);
int pyro_cli_doctor(struct pyro_cli *cli);
int pyro_cli_help_command(struct pyro_cli *cli);
/* Says so, and what was likely meant; returns the status. */
int pyro_cli_unknown_command(const char *word);

/* ---- say.c: sentences on stderr, made safe, with "pyrometer: " before them */
/* Makes the number of a process in a container, that no process here has, the one it has here: says
 * so.  0, or the exit status after saying that it is several. */
int pyro_cli_here(int *pid);

void pyro_cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Says it and returns status, so that `return pyro_cli_fail(...)` reads well. */
int pyro_cli_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int pyro_cli_usage(const struct pyro_error *err);
/* The same text as a string, cut to fit. */
const char *pyro_cli_clean(char *out, size_t size, const char *text);
/* Flushes what was printed.  A reader that has gone away is no failure; a full disk is. */
int pyro_cli_close_stdout(int status);

/* ---- terminal.c */
struct pyro_terminal {
    bool is_terminal;
    bool colour; /* and hyperlinks */
    int width;   /* 0: not known */
};
struct pyro_terminal pyro_cli_terminal(int fd);
struct pyro_report_options pyro_cli_report_options(const struct pyro_terminal *terminal,
                                                   const struct pyro_args *args,
                                                   const char *recording);

/* ---- progress.c: one short stamp at the right edge of the line the cursor is on */
struct pyro_progress {
    bool on;
    bool shown;
    size_t size; /* of what is shown, in columns */
};
void pyro_cli_progress_init(struct pyro_progress *progress);
void pyro_cli_progress(void *progress, double elapsed_s, uint64_t samples);
void pyro_cli_progress_clear(struct pyro_progress *progress);

/* ---- search_path.c: where a command is, as a shell finds it */
/* 0, or 126 (found, but may not be executed), or 127. */
int pyro_cli_on_path(const char *name, char out[PATH_MAX]);

/* ---- program.c: what to execute for the words given to `run` */
struct pyro_launch {
    char **argv;            /* owned; the strings that are not below are borrowed */
    char python[PATH_MAX];  /* the chosen Python, if one is used */
    char beside[PATH_MAX];  /* a command found beside it */
    char program[PATH_MAX]; /* for the recording's name: "app", "pytest", "code" */
};
/* 0, or the exit status with the sentence. */
int pyro_cli_launch(const struct pyro_args *args, const char *default_python,
                    struct pyro_launch *out, struct pyro_error *err);
void pyro_cli_launch_release(struct pyro_launch *launch);
/* 0, 126 or 127.  *why (may be NULL): what decided, such as "$VIRTUAL_ENV". */
int pyro_cli_choose_python(const char *given, const char *default_python, char out[PATH_MAX],
                           const char **why, struct pyro_error *err);

/* ---- output_name.c */
#define PYRO_FOLDER ".pyrometer"
/* .pyrometer/PROG-DATE-PID.pyro; makes the folder. */
int pyro_cli_default_output(const char *program, char out[PATH_MAX], struct pyro_error *err);
/* A hidden name beside `output`, for the recording that an export is made from. */
int pyro_cli_temporary_name(const char *output, char out[PATH_MAX], struct pyro_error *err);
/* A program's name fit for a file name: at most 64 letters, digits, dots, dashes, underscores. */
void pyro_cli_sanitise(const char *program, char out[65]);
/* PYRO_E_EXISTS if something is there that would be lost.  Devices and pipes never are. */
int pyro_cli_check_output(const char *path, bool force, struct pyro_error *err);
/* The newest recording of ./.pyrometer. */
int pyro_cli_newest(char out[PATH_MAX], struct pyro_error *err);

/* ---- record_output.c: where a recording command writes, and what it says at the end */
struct pyro_output {
    const char *path;                        /* what the user gets */
    const struct pyro_export_format *format; /* NULL: the recording itself */
    char name[PATH_MAX];                     /* if we chose it */
    char recording[PATH_MAX];                /* what is recorded into, if that is another file */
};
/* PROG of the name chosen if none is given. */
int pyro_cli_choose_output(const struct pyro_args *args, const char *program,
                           struct pyro_output *out, struct pyro_error *err);
const char *pyro_cli_recording_of(const struct pyro_output *output);
/* What the options say of a recording, but for what is recorded; begins the progress line. */
struct pyro_record_options pyro_cli_record_options(const struct pyro_args *args,
                                                   const struct pyro_output *output,
                                                   struct pyro_progress *progress);
void pyro_cli_after_recording(const struct pyro_args *args, const struct pyro_output *output,
                              const struct pyro_record_result *result);

/* ---- open_profile.c: what report and export begin with */
/* Loads `recording` (NULL: the newest, whose name goes to `path`) and applies the filter options.
 * Returns 0 or an exit status, having said why. */
int pyro_cli_open(const struct pyro_args *args, const char *recording, char path[PATH_MAX],
                  struct pyro_profile **out);

/* ---- write_export.c */
/* A new file at path (or stdout for NULL and "-"); what was there stays if anything fails. */
int pyro_cli_write_export(const struct pyro_profile *p, const struct pyro_export_format *format,
                          const struct pyro_export_options *options, const char *path, bool force,
                          struct pyro_error *err);
/* What --frames and its like ask for.  Returns 0 or an exit status, having said why. */
int pyro_cli_export_options(const struct pyro_args *args, struct pyro_export_options *out);

/* ---- doctor_*.c: what doctor finds */
enum pyro_verdict { PYRO_GOOD, PYRO_WARN, PYRO_BAD, PYRO_INFO };
struct pyro_check {
    const char *key; /* for JSON */
    const char *label;
    enum pyro_verdict verdict;
    char text[400]; /* what was found */
    char mend[600]; /* the commands or steps that mend it, in lines; "" if nothing needs to be */
};
/* Fills at most max; the number.  *works: memory of a child could be read. */
size_t pyro_cli_check_system(struct pyro_check *out, size_t max, bool *works);

/* Of a child's memory: why is 0, or the errno with which reading failed; and of Yama's setting. */
struct pyro_obstacles;
void pyro_cli_judge_reading(const struct pyro_obstacles *o, int why, struct pyro_check *out);
void pyro_cli_judge_yama(const struct pyro_obstacles *o, struct pyro_check *out);

/* The CPUs that this process may run on; 0: not known. */
int pyro_cli_usable_cpus(void);

/* doctor_health.c: is the machine well?  Nothing of it is worse than a warning. */
enum { PYRO_HEALTH_CHECKS = 5, PYRO_PRESSURES = 3 /* of the CPUs, memory, disks */ };
struct pyro_health {
    uint64_t begun_ns;
    char *stat, *vmstat, *loadavg, *pressure[PYRO_PRESSURES];
};
struct pyro_disk {
    const char *path;
    bool is_temporary;
    double free, size; /* in bytes; size 0: it is not there */
};
/* To be called around other checks: the end waits until there is enough to see. */
void pyro_cli_health_begin(struct pyro_health *health);
void pyro_cli_health_end(struct pyro_health *health, struct pyro_check out[PYRO_HEALTH_CHECKS]);
/* The texts are those of files of /proc, NULL where one is not there. */
void pyro_cli_judge_load(const char *loadavg, int cpus, struct pyro_check *check);
void pyro_cli_judge_steal(const char *before, const char *after, struct pyro_check *check);
void pyro_cli_judge_swap(const char *before, const char *after, const char *meminfo,
                         struct pyro_check *check);
void pyro_cli_judge_disks(const struct pyro_disk *disks, size_t count, struct pyro_check *check);
void pyro_cli_judge_pressure(const char *const texts[PYRO_PRESSURES], struct pyro_check *check);

/* What there is to say of a process and of those it has started.  *works: one of them can be
 * profiled. */
size_t pyro_cli_check_process(int pid, struct pyro_check *out, size_t max, bool *works);

struct pyro_found_python {
    char path[PATH_MAX];
    char executable[PATH_MAX]; /* what it says it is: a shim's differs */
    char version[64];          /* "" if it did not say */
    char about[1000];          /* why not, or what else to know */
    bool chosen;               /* the one that `run` takes */
    bool supported;
    bool empty_shim; /* a script that stands for a Python and finds none */
};
/* The Pythons to be found here, the chosen one first; the number. */
size_t pyro_cli_find_pythons(const char *given, const char *default_python,
                             struct pyro_found_python *out, size_t max);

#endif
