/*
 * Man pages (man(7) macros), made from the tables.  No date: the same sources give the same page.
 */
#include "options.h"

#include <string.h>

#define VERSION PYRO_VERSION

/* Text for troff: `so` in bold, hyphens that stay hyphens, no line that begins as a request. */
static void text(FILE *to, const char *bytes)
{
    bool bold = false;
    for (const char *at = bytes; *at; at++) {
        if (*at == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", to);
        } else if (*at == '\\') {
            fputs("\\e", to);
        } else if (*at == '-') {
            fputs("\\-", to);
        } else if (at == bytes && (*at == '.' || *at == '\'')) {
            fprintf(to, "\\&%c", *at);
        } else {
            fputc(*at, to);
        }
    }
}

static void paragraph(FILE *to, const char *bytes)
{
    text(to, bytes);
    fputc('\n', to);
}

static void head(FILE *to, const char *name, const char *title, const char *summary)
{
    fputs(".\\\" Made by the build from src/cli/commands.c and src/cli/options.c; edit those.\n",
          to);
    fprintf(to, ".TH %s 1 \"\" \"pyrometer " VERSION "\" \"Pyrometer\"\n.SH NAME\n", title);
    text(to, name);
    fputs(" \\- ", to);
    paragraph(to, summary);
}

static void option(FILE *to, const struct pyro_option *option)
{
    char help[1000];
    fputs(".TP\n", to);
    if (option->letter)
        fprintf(to, "\\fB\\-%c\\fR", option->letter);
    if (option->name[0]) {
        fputs(option->letter ? ", \\fB\\-\\-" : "\\fB\\-\\-", to);
        text(to, option->name);
        fputs("\\fR", to);
    }
    if (option->value)
        fprintf(to, " \\fI%s\\fR", option->value);
    fputc('\n', to);
    paragraph(to, pyro_cli_option_help(option, help, sizeof help));
}

static void pairs(FILE *to, const char *title, const char *const *list)
{
    fprintf(to, ".SH %s\n", title);
    for (size_t i = 0; list[i]; i += 2) {
        fputs(".TP\n.B ", to);
        paragraph(to, list[i]);
        paragraph(to, list[i + 1]);
    }
}

static void command_page(FILE *to, enum pyro_command_id id)
{
    const struct pyro_command *command = &pyro_cli_commands[id];
    char name[40], title[40];

    snprintf(name, sizeof name, "pyrometer-%s", command->name);
    snprintf(title, sizeof title, "%s", name);
    for (char *at = title; *at; at++)
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    head(to, name, title, command->summary);
    fputs(".SH SYNOPSIS\n", to);
    for (size_t i = 0; command->synopses[i]; i++) {
        fprintf(to, "%s.B pyrometer %s\n", i ? ".br\n" : "", command->name);
        paragraph(to, command->synopses[i]);
    }
    fputs(".SH DESCRIPTION\n", to);
    for (size_t i = 0; command->text[i]; i++) {
        if (i)
            fputs(".PP\n", to);
        paragraph(to, command->text[i]);
    }
    fputs(".SH OPTIONS\n", to);
    for (size_t i = 0; i < PYRO_OPT_COUNT; i++)
        if (pyro_cli_options[i].commands >> id & 1)
            option(to, &pyro_cli_options[i]);
    if (command->figures)
        pairs(to, "THE FIGURES", command->figures);
    pairs(to, "EXIT STATUS", command->statuses);
    pairs(to, "EXAMPLES", command->examples);
    fputs(command->figures || id > PYRO_CMD_ATTACH
              ? ".SH SEE ALSO\n.BR pyrometer (1)\n"
              : ".SH SEE ALSO\n.BR pyrometer (1),\n.BR pyrometer\\-report (1)\n"
                "(what the figures of a report are)\n",
          to);
}

static void main_page(FILE *to)
{
    head(to, "pyrometer", "PYROMETER", "where a Python program spends its time");
    fputs(".SH SYNOPSIS\n.B pyrometer\n\\fICOMMAND\\fR [OPTIONS] ...\n", to);
    fputs(".br\n.B pyrometer \\-\\-version\n.SH DESCRIPTION\n", to);
    for (size_t i = 0; pyro_cli_text[i]; i++) {
        if (i)
            fputs(".PP\n", to);
        paragraph(to, pyro_cli_text[i]);
    }
    fputs(".SH COMMANDS\n", to);
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++) {
        fprintf(to, ".TP\n.B %s\n", pyro_cli_commands[i].name);
        paragraph(to, pyro_cli_commands[i].summary);
    }
    fputs(".SH FILES\n.TP\n.I .pyrometer/PROG\\-DATE\\-PID.pyro\n"
          "Recordings, in the folder where the program was started.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B VIRTUAL_ENV\nA virtual environment whose Python is used.\n"
          ".TP\n.B NO_COLOR\nIf set to anything, no colours, links or progress line on a "
          "terminal.\n"
          ".TP\n.B TERM\nThe same if it is `dumb`.\n"
          ".TP\n.B COLUMNS\nWidth of reports where there is no terminal.\n"
          ".SH SEE ALSO\n",
          to);
    for (size_t i = 0, left = PYRO_CMD_COUNT - 1; i < PYRO_CMD_COUNT; i++)
        if (i != PYRO_CMD_HELP)
            fprintf(to, ".BR pyrometer\\-%s (1)%s\n", pyro_cli_commands[i].name, --left ? "," : "");
}

void pyro_cli_manpage(FILE *to, enum pyro_command_id command)
{
    if (command == PYRO_CMD_COUNT)
        main_page(to);
    else
        command_page(to, command);
}
