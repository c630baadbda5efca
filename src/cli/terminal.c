/*
 * What the terminal behind a descriptor can show.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int columns(int fd)
{
    struct winsize size;
    const char *text = getenv("COLUMNS");

    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    int given = text ? atoi(text) : 0;
    return given >= 20 && given <= 10000 ? given : 0;
}

struct pyro_terminal pyro_cli_terminal(int fd)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    struct pyro_terminal terminal = {.is_terminal = isatty(fd), .width = columns(fd)};

    terminal.colour = terminal.is_terminal && term && *term && strcmp(term, "dumb") != 0 &&
                      !(no_colour && *no_colour);
    return terminal;
}

struct pyro_report_options pyro_cli_report_options(const struct pyro_terminal *terminal,
                                                   const struct pyro_args *args,
                                                   const char *recording)
{
    return (struct pyro_report_options){
        .colour = terminal->colour,
        .hyperlinks = terminal->colour,
        .width = terminal->width,
        .limit = (size_t)pyro_cli_number(args, PYRO_OPT_LIMIT, 0),
        .sort = pyro_cli_value(args, PYRO_OPT_SORT),
        .recording = recording,
    };
}
