/*
 * Which Pythons are here.  Each is started once, isolated, says what it is, and waits while we open
 * it as `run` would: the answer is that of the engine, not of a table.  Bounded in number and time;
 * what a Python prints is untrusted.
 */
#include "cli.h"
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ONE_MS 5000   /* for one Python to say what it is */
#define ALL_MS 30000  /* for all of them */
#define READY_MS 1000 /* for the engine to find the interpreter */

extern char **environ;

/* Waits on stdin at the end, so that it can be looked into; a closed stdin ends it. */
static const char question[] =
    "import sys,platform\n"
    "print(platform.python_implementation(),platform.python_version(),sys.executable,"
    "sep='\\n',flush=True)\n"
    "sys.stdin.read()\n";

struct search {
    struct pyro_found_python *out;
    size_t count, max;
    uint64_t deadline;
};

static uint64_t now_ms(void)
{
    return pyro_base_monotonic_ns() / 1000000;
}

struct child {
    pid_t pid;
    int in, out; /* pipes to and from it */
};

static int start(const char *path, struct child *child)
{
    int in[2], out[2];
    char *argv[] = {(char *)path, "-I", "-S", "-c", (char *)question, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    if (pipe2(in, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        close(in[0]);
        close(in[1]);
        return EMFILE;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* to end it with its children */
    int rc = posix_spawn(&child->pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    child->in = in[1];
    child->out = out[0];
    if (rc) {
        close(child->in);
        close(child->out);
    }
    return rc;
}

/* Three lines, or fewer if it ends, is late, or talks too much. */
static size_t listen_to(const struct child *child, char *text, size_t size, uint64_t deadline)
{
    size_t len = 0, lines = 0;
    while (lines < 3 && len + 1 < size) {
        uint64_t now = now_ms();
        struct pollfd ready = {.fd = child->out, .events = POLLIN};
        if (now >= deadline || poll(&ready, 1, (int)(deadline - now)) <= 0)
            break;
        ssize_t n = read(child->out, text + len, size - 1 - len);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            lines += text[len + (size_t)i] == '\n';
        len += (size_t)n;
    }
    text[len] = 0;
    return lines;
}

static int end(const struct child *child)
{
    int status = 0;
    close(child->in);
    close(child->out);
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL);
    waitpid(child->pid, &status, 0);
    return status;
}

/* What the engine says of it. */
static void look_into(pid_t pid, struct pyro_found_python *python)
{
    struct pyro_target *target = NULL;
    struct pyro_error err = {0};
    uint64_t deadline = now_ms() + READY_MS;
    int rc;

    while ((rc = pyro_target_open(pid, &target, &err)) == PYRO_E_NOT_READY && now_ms() < deadline)
        usleep(5000);
    python->supported = rc == 0;
    if (rc == 0)
        pyro_target_close(target);
    else
        snprintf(python->about, sizeof python->about, "%s",
                 err.text[0] ? err.text : pyro_base_code_text(rc));
}

static void ask(struct pyro_found_python *python, uint64_t deadline)
{
    struct child child = {0};
    char text[PATH_MAX + 200], implementation[40] = "";
    uint64_t limit = now_ms() + ONE_MS;

    int why = start(python->path, &child);
    if (why) {
        snprintf(python->about, sizeof python->about, "cannot be run: %s", strerror(why));
        return;
    }
    size_t lines = listen_to(&child, text, sizeof text, limit < deadline ? limit : deadline);
    bool late = now_ms() >= (limit < deadline ? limit : deadline);
    if (lines == 3) {
        char *at = text;
        snprintf(implementation, sizeof implementation, "%.*s", (int)strcspn(at, "\n"), at);
        at += strcspn(at, "\n") + 1;
        snprintf(python->version, sizeof python->version, "%.*s", (int)strcspn(at, "\n"), at);
        at += strcspn(at, "\n") + 1;
        snprintf(python->executable, sizeof python->executable, "%.*s", (int)strcspn(at, "\n"), at);
        if (strcmp(implementation, "CPython") == 0)
            look_into(child.pid, python);
        else
            snprintf(python->about, sizeof python->about, "is %s, not CPython", implementation);
    }
    int status = end(&child);
    if (lines == 3)
        return;
    if (late)
        snprintf(python->about, sizeof python->about, "did not answer within %d s", ONE_MS / 1000);
    else if ((python->empty_shim = WIFEXITED(status) && WEXITSTATUS(status) == 127))
        snprintf(python->about, sizeof python->about,
                 "is a shim with no Python behind it in this folder");
    else
        snprintf(python->about, sizeof python->about, "does not say what it is");
}

static bool same_file(const char *a, const char *b)
{
    char real_a[PATH_MAX], real_b[PATH_MAX];
    return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

static bool in_environment(const char *path)
{
    char config[PATH_MAX + 20];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    snprintf(config, sizeof config, "%.*s/../pyvenv.cfg", (int)(slash - path), path);
    return access(config, F_OK) == 0;
}

/* Seen already?  An environment's Python is one of its own, though it links to another's file. */
static bool is_known(const struct search *search, const char *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pyro_found_python *known = &search->out[i];
        if (strcmp(known->path, path) == 0 || strcmp(known->executable, path) == 0)
            return true;
        if (in_environment(path) || in_environment(known->path))
            continue;
        if (same_file(known->path, path) ||
            (known->executable[0] && same_file(known->executable, path)))
            return true;
    }
    return false;
}

static void consider(struct search *search, const char *path, bool chosen)
{
    if (search->count == search->max || access(path, X_OK) != 0 ||
        is_known(search, path, search->count))
        return;
    struct pyro_found_python *python = &search->out[search->count];
    *python = (struct pyro_found_python){.chosen = chosen};
    snprintf(python->path, sizeof python->path, "%s", path);
    search->count++;
    if (now_ms() >= search->deadline)
        snprintf(python->about, sizeof python->about, "not asked: the others took too long");
    else
        ask(python, search->deadline);
    if (chosen)
        return;
    bool shim_of_none = python->empty_shim;
    bool shim_of_known = python->executable[0] && strcmp(python->executable, path) != 0 &&
                         is_known(search, python->executable, search->count - 1);
    if (shim_of_none || shim_of_known)
        search->count--;
}

/* The one asked about cannot be started. */
static void note_missing(struct search *search, const char *given, int status)
{
    if (search->count == search->max)
        return;
    struct pyro_found_python *python = &search->out[search->count++];
    *python = (struct pyro_found_python){.chosen = true};
    snprintf(python->path, sizeof python->path, "%s", given);
    snprintf(python->about, sizeof python->about, "%s",
             status == PYRO_EXIT_NOT_FOUND ? "not found" : "it may not be executed");
}

/* python3, python3.N */
static bool is_python_name(const char *name)
{
    if (strncmp(name, "python3", 7) != 0)
        return false;
    name += 7;
    if (*name == 0)
        return true;
    size_t digits = *name == '.' ? strspn(name + 1, "0123456789") : 0;
    return digits > 0 && (name[1 + digits] == 0 || strcmp(name + 1 + digits, "t") == 0);
}

static int is_python_entry(const struct dirent *entry)
{
    return is_python_name(entry->d_name);
}

static void consider_folder(struct search *search, const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, is_python_entry, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name) < PATH_MAX)
            consider(search, path, false);
        free(names[i]);
    }
    free(names);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void consider_pyenv(struct search *search)
{
    const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
    char versions[PATH_MAX], path[PATH_MAX];
    struct dirent **names = NULL;

    if (root && *root)
        snprintf(versions, sizeof versions, "%s/versions", root);
    else
        snprintf(versions, sizeof versions, "%s/.pyenv/versions", home ? home : "");
    int count = scandir(versions, &names, is_visible, versionsort);
    for (int i = 0; i < count; i++) {
        if (snprintf(path, sizeof path, "%s/%s/bin/python3", versions, names[i]->d_name) < PATH_MAX)
            consider(search, path, false);
        free(names[i]);
    }
    free(names);
}

size_t pyro_cli_find_pythons(const char *given, const char *default_python,
                             struct pyro_found_python *out, size_t max)
{
    struct search search = {.out = out, .max = max, .deadline = now_ms() + ALL_MS};
    const char *path = getenv("PATH"), *venv = getenv("VIRTUAL_ENV");
    char folder[PATH_MAX];

    int status = pyro_cli_choose_python(given, default_python, folder, NULL, NULL);
    if (status == 0)
        consider(&search, folder, true);
    else if (given)
        note_missing(&search, given, status);
    if (venv && *venv && snprintf(folder, sizeof folder, "%s/bin", venv) < PATH_MAX)
        consider_folder(&search, folder);
    consider_pyenv(&search);
    for (const char *at = path ? path : "/bin:/usr/bin"; at;) {
        const char *colon = strchrnul(at, ':');
        if (colon > at && colon - at < PATH_MAX) {
            snprintf(folder, sizeof folder, "%.*s", (int)(colon - at), at);
            consider_folder(&search, folder);
        }
        at = *colon ? colon + 1 : NULL;
    }
    return search.count;
}
