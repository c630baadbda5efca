/*
 * Help on a terminal, made from the tables.  Always 80 columns: the text is the same everywhere.
 */
#include "options.h"

#include <string.h>

#define WIDTH 80

/* Words of text between `indent` and WIDTH; the cursor stands at column `at`. */
static void wrap(FILE *to, const char *text, int indent, int at)
{
    bool first = true;
    while (*text) {
        int size = (int)strcspn(text, " ");
        if (!first && at + 1 + size > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        fprintf(to, "%s%.*s", first ? "" : " ", size, text);
        at += size + !first;
        first = false;
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void option_name(const struct pyro_option *option, char *out, size_t size)
{
    const char *value = option->value ? option->value : "", *join = option->value ? " " : "";
    if (option->letter && option->name[0])
        snprintf(out, size, "-%c, --%s%s%s", option->letter, option->name, join, value);
    else if (option->letter)
        snprintf(out, size, "-%c%s%s", option->letter, join, value);
    else
        snprintf(out, size, "    --%s%s%s", option->name, join, value);
}

static void option_help(FILE *to, const struct pyro_option *option)
{
    char name[80], text[1000];
    const int indent = 26;

    option_name(option, name, sizeof name);
    fprintf(to, "  %s", name);
    int at = 2 + (int)strlen(name);
    if (at + 2 > indent) {
        fputc('\n', to);
        at = 0;
    }
    fprintf(to, "%*s", indent - at, "");
    wrap(to, pyro_cli_option_help(option, text, sizeof text), indent, indent);
}

void pyro_cli_command_help(FILE *to, enum pyro_command_id id)
{
    const struct pyro_command *command = &pyro_cli_commands[id];

    for (size_t i = 0; command->synopses[i]; i++)
        fprintf(to, "%s pyrometer %s %s\n", i ? "      " : "Usage:", command->name,
                command->synopses[i]);
    for (size_t i = 0; command->text[i]; i++) {
        fputc('\n', to);
        wrap(to, command->text[i], 0, 0);
    }
    fputs("\nOptions:\n", to);
    for (size_t i = 0; i < PYRO_OPT_COUNT; i++)
        if (pyro_cli_options[i].commands >> id & 1)
            option_help(to, &pyro_cli_options[i]);
    fputs("\nExamples:\n", to);
    for (size_t i = 0; command->examples[i]; i += 2)
        fprintf(to, "  %s\n      %s\n", command->examples[i], command->examples[i + 1]);
    fputs("\nExit status:\n", to);
    for (size_t i = 0; command->statuses[i]; i += 2) {
        fprintf(to, "  %-4s", command->statuses[i]);
        wrap(to, command->statuses[i + 1], 6, 6);
    }
}

void pyro_cli_help(FILE *to)
{
    fputs("Usage: pyrometer COMMAND [OPTIONS] ...\n\n", to);
    for (size_t i = 0; pyro_cli_text[i]; i++) {
        if (i)
            fputc('\n', to);
        wrap(to, pyro_cli_text[i], 0, 0);
    }
    fputs("\nCommands:\n", to);
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++)
        fprintf(to, "  %-10s%s\n", pyro_cli_commands[i].name, pyro_cli_commands[i].summary);
    fputs("\nBegin with `pyrometer run app.py`. `pyrometer COMMAND --help` explains a command;\n"
          "`pyrometer --version` prints the version.\n",
          to);
}
