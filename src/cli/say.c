/*
 * Sentences for people, on stderr.  All text is cleaned here, because names of files and programs
 * may hold escape sequences.
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 4000

const char *pyro_cli_clean(char *out, size_t size, const char *text)
{
    struct pyro_buf buf = {0};
    pyro_report_clean(&buf, text, strlen(text), size - 1);
    size_t len = buf.failed ? 0 : buf.len < size ? buf.len : size - 1;
    if (len)
        memcpy(out, buf.data, len);
    out[len] = 0;
    pyro_base_buf_release(&buf);
    return out;
}

static void say(const char *fmt, va_list args)
{
    char text[LONGEST], clean[LONGEST];
    vsnprintf(text, sizeof text, fmt, args);
    fprintf(stderr, "pyrometer: %s\n", pyro_cli_clean(clean, sizeof clean, text));
}

void pyro_cli_say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
}

int pyro_cli_fail(int status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    return status;
}

int pyro_cli_usage(const struct pyro_error *err)
{
    return pyro_cli_fail(err->code == PYRO_E_INVALID ? PYRO_EXIT_USAGE : PYRO_EXIT_FAILED, "%s",
                         err->text);
}

int pyro_cli_close_stdout(int status)
{
    /* One failure may be met long before the flush, so the flag counts, not only the flush. */
    bool failed = ferror(stdout);
    errno = failed ? errno : 0;
    failed = fflush(stdout) != 0 || failed;
    if (!failed || errno == EPIPE)
        return status;
    return pyro_cli_fail(PYRO_EXIT_FAILED, "Cannot write to stdout: %s.",
                         errno ? strerror(errno) : "output failed");
}
