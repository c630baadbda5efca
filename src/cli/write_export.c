/*
 * An export into a file.  It is written beside its place under a hidden name and moved there when
 * it is whole, so that a failure leaves what was there, and never half a file.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int pyro_cli_export_options(const struct pyro_args *args, struct pyro_export_options *out)
{
    const char *frames = pyro_cli_value(args, PYRO_OPT_FRAMES);
    bool function = pyro_cli_has(args, PYRO_OPT_FUNCTION);
    bool nolineno = pyro_cli_has(args, PYRO_OPT_NOLINENO);
    if ((frames != NULL) + function + nolineno > 1)
        return pyro_cli_fail(PYRO_EXIT_USAGE,
                             "Of --frames, --function and --nolineno only one can be given.");
    *out = (struct pyro_export_options){.frames = PYRO_EXPORT_FUNCTIONS,
                                        .threads = pyro_cli_has(args, PYRO_OPT_THREADS)};
    if (nolineno)
        out->frames = PYRO_EXPORT_NAMES;
    if (frames && strcmp(frames, "line") == 0)
        out->frames = PYRO_EXPORT_LINES;
    if (frames && strcmp(frames, "instruction") == 0)
        out->frames = PYRO_EXPORT_INSTRUCTIONS;
    return 0;
}

static int cannot_write(struct pyro_error *err, const char *path, int why)
{
    int code = why == ENOSPC   ? PYRO_E_FULL
               : why == EEXIST ? PYRO_E_EXISTS
               : why == EACCES ? PYRO_E_PERMISSION
                               : PYRO_E_IO;
    return pyro_base_fail(err, code, "Cannot write %.800s: %s.%s", path, strerror(why),
                          why == EEXIST ? " Overwrite it with -f." : "");
}

/* Into an open stream, which is closed. */
static int write_stream(FILE *to, const struct pyro_profile *p,
                        const struct pyro_export_format *format,
                        const struct pyro_export_options *options, const char *path,
                        struct pyro_error *err)
{
    errno = 0;
    int rc = format->write(to, p, options, err);
    int why = errno;
    bool failed = ferror(to);
    if (fflush(to) != 0) {
        failed = true;
        why = errno;
    }
    if (fclose(to) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    if (failed)
        return cannot_write(err, path, why ? why : EIO);
    return rc;
}

/* Moved to its place; without `force`, only if nothing has come there meanwhile. */
static int move(const char *from, const char *to, bool force)
{
    if (force)
        return rename(from, to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) != 0) /* a file system without that rename */
        return -1;
    return unlink(from);
}

static int write_file(const struct pyro_profile *p, const struct pyro_export_format *format,
                      const struct pyro_export_options *options, const char *path, bool force,
                      struct pyro_error *err)
{
    char name[PATH_MAX];
    int rc = pyro_cli_temporary_name(path, name, err);
    if (rc)
        return rc;
    name[strlen(name) - 1] = '~'; /* not a recording */
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return cannot_write(err, path, errno);
    rc = write_stream(to, p, format, options, path, err);
    if (rc == 0 && move(name, path, force) != 0)
        rc = cannot_write(err, path, errno);
    if (rc)
        unlink(name);
    return rc;
}

int pyro_cli_write_export(const struct pyro_profile *p, const struct pyro_export_format *format,
                          const struct pyro_export_options *options, const char *path, bool force,
                          struct pyro_error *err)
{
    struct stat st;

    if (!path || strcmp(path, "-") == 0)
        return format->write(stdout, p, options, err);
    int rc = pyro_cli_check_output(path, force, err);
    if (rc)
        return rc;
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode))
        return write_file(p, format, options, path, force, err);
    /* A device, a pipe, or a link to something: it stays what it is. */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return cannot_write(err, path, errno);
    return write_stream(to, p, format, options, path, err);
}
