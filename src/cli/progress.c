/*
 * The progress line of a long run.  The program shares the terminal and does not know of us, so
 * the stamp stands at the right edge of the line the cursor is on, and the cursor is put back
 * where the program left it: a prompt or half a line stays as it is.  Nothing is drawn where the
 * terminal is not ours to draw on (in the background) or is drawn on by the program itself (its
 * line mode is off, as in an editor or with readline).
 */
#include "cli.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

#define NOT_BEFORE_S 3.0
#define NARROWEST 50

void pyro_cli_progress_init(struct pyro_progress *progress)
{
    struct pyro_terminal terminal = pyro_cli_terminal(STDERR_FILENO);
    const char dumb = !terminal.colour; /* NO_COLOR is a wish for plain output, too */
    *progress = (struct pyro_progress){.on = terminal.is_terminal && !dumb};
}

static bool may_draw(void)
{
    struct termios mode;
    return tcgetattr(STDERR_FILENO, &mode) == 0 && (mode.c_lflag & ICANON) &&
           tcgetpgrp(STDERR_FILENO) == getpgrp() &&
           pyro_cli_terminal(STDERR_FILENO).width >= NARROWEST;
}

/* One write, so that the program's own output does not come between its parts. */
static void draw(const char *text, size_t columns)
{
    char bytes[200];
    int n = snprintf(bytes, sizeof bytes, "\0337\033[999C\033[%zuD\033[K%s\0338", columns, text);
    ssize_t wrote = write(STDERR_FILENO, bytes, (size_t)n);
    (void)wrote; /* a line that is not shown is no reason to disturb the program */
}

void pyro_cli_progress_clear(struct pyro_progress *progress)
{
    if (progress->shown && may_draw())
        draw("", progress->size);
    progress->shown = false;
}

void pyro_cli_progress(void *ctx, double elapsed_s, uint64_t samples)
{
    struct pyro_progress *progress = ctx;
    char text[80];

    if (!progress->on || elapsed_s < NOT_BEFORE_S || !may_draw())
        return;
    int n = snprintf(text, sizeof text, "[pyrometer: %.0f s, %llu samples]", elapsed_s,
                     (unsigned long long)samples);
    progress->size = (size_t)n;
    progress->shown = true;
    draw(text, progress->size);
}
