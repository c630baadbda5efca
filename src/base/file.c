/*
 * Whole small files into memory, such as those of /proc, whose size is not known beforehand.
 * Refuses what is larger than the caller's bound instead of cutting it silently.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int code_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH: /* a file of /proc whose process has ended since it was opened */
        return PYRO_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return PYRO_E_PERMISSION;
    case ENOMEM:
        return PYRO_E_NOMEM;
    default:
        return PYRO_E_IO;
    }
}

int pyro_base_read_file(const char *path, size_t max, char **out, size_t *size,
                        struct pyro_error *err)
{
    struct pyro_buf buf = {0};
    int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    *out = NULL;
    *size = 0;
    if (fd < 0)
        return pyro_base_fail(err, code_of(errno), "cannot open %s: %s", path, strerror(errno));
    for (;;) {
        uint8_t *room = pyro_base_buf_room(&buf, 4096 + 1); /* + the NUL */
        if (!room) {
            rc = pyro_base_fail(err, PYRO_E_NOMEM, "out of memory reading %s", path);
            goto out;
        }
        ssize_t n = read(fd, room, buf.cap - buf.len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = pyro_base_fail(err, code_of(errno), "cannot read %s: %s", path, strerror(errno));
            goto out;
        }
        buf.len += (size_t)n;
        if (buf.len > max) {
            rc = pyro_base_fail(err, PYRO_E_IO, "%s is larger than %zu bytes", path, max);
            goto out;
        }
        if (!n)
            break;
    }
    buf.data[buf.len] = 0;
    *out = (char *)buf.data;
    *size = buf.len;
    buf = (struct pyro_buf){0};
out:
    close(fd);
    pyro_base_buf_release(&buf);
    return rc;
}
