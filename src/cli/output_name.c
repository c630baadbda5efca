/*
 * Where recordings go and where they are found again: names in ./.pyrometer.
 */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENDING ".pyro"

void pyro_cli_sanitise(const char *program, char out[65])
{
    size_t n = 0;
    for (; *program && n < 64; program++, n++) {
        char c = *program;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool mark = c == '_' || (n > 0 && (c == '.' || c == '-')); /* not hidden, not an option */
        out[n] = letter || mark ? c : '_';
    }
    out[n] = 0;
    if (n == 0)
        strcpy(out, "program");
}

/* The folder, for the owner's eyes only, and kept out of version control. */
static int make_folder(struct pyro_error *err)
{
    if (mkdir(PYRO_FOLDER, 0700) != 0) {
        bool there = errno == EEXIST;
        if (there && access(PYRO_FOLDER "/", W_OK | X_OK) == 0)
            return 0;
        return pyro_base_fail(err, PYRO_E_IO,
                              "Cannot %s the folder " PYRO_FOLDER " here: %s. "
                              "Name another place with -o FILE.",
                              there ? "write into" : "make", strerror(errno));
    }
    int fd = open(PYRO_FOLDER "/.gitignore", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t wrote = write(fd, "*\n", 2);
        (void)wrote; /* a comfort, no more */
        close(fd);
    }
    return 0;
}

int pyro_cli_default_output(const char *program, char out[PATH_MAX], struct pyro_error *err)
{
    char name[65], date[32];
    time_t now = time(NULL);
    struct tm local;

    int rc = make_folder(err);
    if (rc)
        return rc;
    pyro_cli_sanitise(program, name);
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y%m%dT%H%M%S", &local);
    snprintf(out, PATH_MAX, PYRO_FOLDER "/%s-%s-%d" ENDING, name, date, (int)getpid());
    return 0;
}

int pyro_cli_temporary_name(const char *output, char out[PATH_MAX], struct pyro_error *err)
{
    const char *slash = strrchr(output, '/');
    int folder = slash ? (int)(slash + 1 - output) : 0;
    int n = snprintf(out, PATH_MAX, "%.*s.%.200s.%d" ENDING, folder, output, output + folder,
                     (int)getpid());
    if (n < 0 || n >= PATH_MAX)
        return pyro_base_fail(err, PYRO_E_INVALID, "The name of the output is too long: %.200s...",
                              output);
    return 0;
}

int pyro_cli_check_output(const char *path, bool force, struct pyro_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0; /* creating it says what is wrong, if anything is */
    if (S_ISDIR(st.st_mode))
        return pyro_base_fail(err, PYRO_E_EXISTS, "%.800s is a folder. Give a file's name with -o.",
                              path);
    if (S_ISREG(st.st_mode) && !force)
        return pyro_base_fail(err, PYRO_E_EXISTS,
                              "%.800s exists. Overwrite it with -f, or give another name with -o.",
                              path);
    return 0;
}

int pyro_cli_newest(char out[PATH_MAX], struct pyro_error *err)
{
    struct timespec newest = {0};
    bool found = false;
    DIR *folder = opendir(PYRO_FOLDER);

    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat st;
        size_t size = strlen(entry->d_name), ending = strlen(ENDING);
        if (entry->d_name[0] == '.' || size <= ending ||
            strcmp(entry->d_name + size - ending, ENDING) != 0 ||
            fstatat(dirfd(folder), entry->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
            continue;
        bool newer = st.st_mtim.tv_sec > newest.tv_sec ||
                     (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec > newest.tv_nsec);
        if (found && !newer)
            continue;
        found = true;
        newest = st.st_mtim;
        snprintf(out, PATH_MAX, PYRO_FOLDER "/%s", entry->d_name);
    }
    if (folder)
        closedir(folder);
    if (!found)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND,
                              "There is no recording in ./" PYRO_FOLDER ". Make one with "
                              "`pyrometer run app.py`, or name the file.");
    return 0;
}
