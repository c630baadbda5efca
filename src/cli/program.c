/*
 * What to execute for the words given to `run`, and with which Python.  A Python is named, never
 * looked into: a shim (of pyenv, say) execs the true one, and the recorder follows it there.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(int status, struct pyro_error *err, const char *what, const char *name,
                  const char *hint)
{
    int code = status == PYRO_EXIT_NOT_FOUND ? PYRO_E_NOT_FOUND : PYRO_E_PERMISSION;
    pyro_base_fail(err, code, "%s %.500s: %s.%s%s", what, name,
                   status == PYRO_EXIT_NOT_FOUND ? "not found" : "it may not be executed",
                   *hint ? " " : "", hint);
    return status;
}

static int copy_path(char out[PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s%s%s", folder, *folder ? "/" : "", name);
    return n < 0 || n >= PATH_MAX ? PYRO_EXIT_NOT_FOUND : 0;
}

static int may_execute(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == EACCES ? PYRO_EXIT_CANNOT_EXECUTE : PYRO_EXIT_NOT_FOUND;
    return S_ISDIR(st.st_mode) || access(path, X_OK) != 0 ? PYRO_EXIT_CANNOT_EXECUTE : 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A path, a name on PATH, or a virtual environment's folder. */
static int named_python(const char *given, char out[PATH_MAX], struct pyro_error *err)
{
    int status;
    if (!strchr(given, '/') && !is_folder(given))
        status = pyro_cli_on_path(given, out);
    else if (is_folder(given))
        status = copy_path(out, given, "bin/python");
    else
        status = copy_path(out, "", given);
    if (status == 0)
        status = may_execute(out);
    if (status == 0)
        return 0;
    return failed(status, err, "Cannot run the Python", given,
                  "`pyrometer doctor` lists those that are here.");
}

int pyro_cli_choose_python(const char *given, const char *default_python, char out[PATH_MAX],
                           const char **why, struct pyro_error *err)
{
    const char *unused, *venv = getenv("VIRTUAL_ENV");

    why = why ? why : &unused;
    if (given) {
        *why = "--python";
        return named_python(given, out, err);
    }
    if (default_python && *default_python) {
        *why = "python -m pyrometer";
        return named_python(default_python, out, err);
    }
    *why = "$VIRTUAL_ENV";
    if (venv && *venv && copy_path(out, venv, "bin/python") == 0 && may_execute(out) == 0)
        return 0;
    *why = "python3 on PATH";
    int status = pyro_cli_on_path("python3", out);
    if (status == 0)
        return 0;
    return failed(
        status, err, "Cannot run", "python3",
        "Name a Python with --python PATH; `pyrometer doctor` lists those that are here.");
}

/* A file of a kind that executes itself: a program, or a script that names its interpreter.
 * Python's own sources are run with the chosen Python whatever their first line says. */
static bool runs_itself(const char *path)
{
    const char *dot = strrchr(path, '.');
    char head[4] = {0};

    if (dot && (strncmp(dot, ".py", 3) == 0) && !strchr(dot, '/'))
        return false;
    if (access(path, X_OK) != 0)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == EACCES; /* executable, not readable: only the kernel can run it */
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    return n == sizeof head && (memcmp(head, "\177ELF", 4) == 0 || memcmp(head, "#!", 2) == 0);
}

static void program_name(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash && slash[1] ? slash + 1 : path;
    snprintf(out, PATH_MAX, "%s", base);
    size_t size = strlen(out);
    if (size > 3 && strcmp(out + size - 3, ".py") == 0)
        out[size - 3] = 0;
}

/* [first...] + the words + NULL */
static int build(struct pyro_launch *launch, const char *const *first, size_t first_count,
                 char **words, size_t count)
{
    launch->argv = calloc(first_count + count + 1, sizeof *launch->argv);
    if (!launch->argv)
        return PYRO_EXIT_FAILED;
    for (size_t i = 0; i < first_count; i++)
        launch->argv[i] = (char *)first[i];
    for (size_t i = 0; i < count; i++)
        launch->argv[first_count + i] = words[i];
    return 0;
}

/* A program that is given by its file: by the chosen Python, or by itself. */
static int launch_file(const struct pyro_args *args, const char *default_python,
                       struct pyro_launch *out, struct pyro_error *err)
{
    const char *file = args->words[0], *given = pyro_cli_value(args, PYRO_OPT_PYTHON);

    program_name(out->program, file);
    if (!given && !is_folder(file) && runs_itself(file)) {
        /* with a slash, or it would be sought on PATH */
        int status = copy_path(out->beside, strchr(file, '/') ? "" : ".", file);
        const char *first[] = {out->beside};
        return status ? status : build(out, first, 1, args->words + 1, args->word_count - 1);
    }
    if (access(file, R_OK) != 0) {
        pyro_base_fail(err, PYRO_E_PERMISSION, "Cannot read the program %.800s: %s.", file,
                       strerror(errno));
        return PYRO_EXIT_CANNOT_EXECUTE;
    }
    int status = pyro_cli_choose_python(given, default_python, out->python, NULL, err);
    const char *first[] = {out->python};
    return status ? status : build(out, first, 1, args->words, args->word_count);
}

static int no_main(const char *folder, struct pyro_error *err)
{
    pyro_base_fail(err, PYRO_E_NOT_PYTHON, "Cannot run the folder %.800s: it has no __main__.py.",
                   folder);
    return PYRO_EXIT_CANNOT_EXECUTE;
}

/* A bare name: on PATH, else beside the chosen Python (the scripts of an environment that is not
 * activated). */
static int launch_name(const struct pyro_args *args, const char *default_python,
                       struct pyro_launch *out, struct pyro_error *err)
{
    const char *name = args->words[0];
    char found[PATH_MAX];
    int status = pyro_cli_on_path(name, found);

    program_name(out->program, name);
    if (status == 0)
        return build(out, NULL, 0, args->words, args->word_count);
    if (pyro_cli_choose_python(pyro_cli_value(args, PYRO_OPT_PYTHON), default_python, out->python,
                               NULL, NULL) == 0) {
        char *slash = strrchr(out->python, '/');
        int n = snprintf(out->beside, sizeof out->beside, "%.*s/%s",
                         slash ? (int)(slash - out->python) : 0, out->python, name);
        const char *first[] = {out->beside};
        if (slash && n > 0 && n < PATH_MAX && may_execute(out->beside) == 0)
            return build(out, first, 1, args->words + 1, args->word_count - 1);
    }
    if (is_folder(name))
        return no_main(name, err);
    return failed(status, err, "Cannot run", name,
                  "There is no such file in this folder and no such command on PATH. "
                  "A module is run with -m.");
}

/* `-- COMMAND`: as a shell would, and nothing else. */
static int launch_command(const struct pyro_args *args, struct pyro_launch *out,
                          struct pyro_error *err)
{
    const char *name = args->words[0];
    char found[PATH_MAX];
    int status = strchr(name, '/') ? may_execute(name) : pyro_cli_on_path(name, found);

    program_name(out->program, name);
    if (status)
        return failed(status, err, "Cannot run", name, "");
    return build(out, NULL, 0, args->words, args->word_count);
}

static int launch_python(const struct pyro_args *args, const char *default_python, const char *how,
                         const char *what, struct pyro_launch *out, struct pyro_error *err)
{
    int status = pyro_cli_choose_python(pyro_cli_value(args, PYRO_OPT_PYTHON), default_python,
                                        out->python, NULL, err);
    const char *first[] = {out->python, how, what};
    snprintf(out->program, sizeof out->program, "%s", how[1] == 'm' ? what : "code");
    return status ? status : build(out, first, 3, args->words, args->word_count);
}

int pyro_cli_launch(const struct pyro_args *args, const char *default_python,
                    struct pyro_launch *out, struct pyro_error *err)
{
    const char *module = pyro_cli_value(args, PYRO_OPT_MODULE);
    const char *code = pyro_cli_value(args, PYRO_OPT_CODE);
    char main_file[PATH_MAX];

    *out = (struct pyro_launch){0};
    *err = (struct pyro_error){.text = "Out of memory."};
    if (module)
        return launch_python(args, default_python, "-m", module, out, err);
    if (code)
        return launch_python(args, default_python, "-c", code, out, err);
    if (args->word_count == 0) {
        pyro_base_fail(err, PYRO_E_INVALID,
                       "Nothing to run. Give a program: `pyrometer run app.py`, "
                       "`pyrometer run -m MODULE` or `pyrometer run -- COMMAND`.");
        return PYRO_EXIT_USAGE;
    }
    if (args->after_dashes)
        return launch_command(args, out, err);

    const char *word = args->words[0];
    struct stat st;
    bool there = stat(word, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        there = copy_path(main_file, word, "__main__.py") == 0 && access(main_file, F_OK) == 0;
    if (there)
        return launch_file(args, default_python, out, err);
    if (strchr(word, '/')) {
        if (is_folder(word))
            return no_main(word, err);
        return failed(PYRO_EXIT_NOT_FOUND, err, "Cannot run", word, "There is no such file.");
    }
    return launch_name(args, default_python, out, err);
}

void pyro_cli_launch_release(struct pyro_launch *launch)
{
    free(launch->argv);
    launch->argv = NULL;
}
