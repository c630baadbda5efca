/*
 * Completion for bash, made from the tables.  Needs nothing but bash's own complete and compgen.
 */
#include "options.h"

#include <string.h>

static void options_of(FILE *to, size_t command)
{
    const char *join = "";
    for (size_t i = 0; i < PYRO_OPT_COUNT; i++) {
        const struct pyro_option *option = &pyro_cli_options[i];
        if (!(option->commands >> command & 1))
            continue;
        if (option->name[0])
            fprintf(to, "%s--%s", join, option->name);
        else
            fprintf(to, "%s-%c", join, option->letter);
        join = " ";
    }
}

/* One case of what may follow an option; also says which options take a value. */
static void value_of(FILE *to, const struct pyro_option *option)
{
    if (option->kind == PYRO_KIND_FLAG)
        return;
    fputs("    ", to);
    if (option->name[0])
        fprintf(to, "--%s%s", option->name, option->letter ? "|" : "");
    if (option->letter)
        fprintf(to, "-%c", option->letter);
    if (option->kind == PYRO_KIND_FILE)
        fputs(") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", to);
    else if (option->kind == PYRO_KIND_CHOICE)
        fprintf(to, ") COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", option->choices);
    else
        fputs(") return ;;\n", to);
}

static void views_of(FILE *to, const struct pyro_command *command)
{
    if (!command->views)
        return;
    fputs(" $(compgen -W '", to);
    for (size_t i = 0; command->views[i]; i++)
        fprintf(to, "%s%s", i ? " " : "", command->views[i]);
    fputs("' -- \"$word\")", to);
}

static void words_of(FILE *to, const struct pyro_command *command)
{
    switch (command->words) {
    case PYRO_WORDS_PROGRAM:
        fputs("COMPREPLY=($(compgen -f -- \"$word\") $(compgen -c -- \"$word\"))", to);
        break;
    case PYRO_WORDS_RECORDING:
        fputs("COMPREPLY=($(compgen -f -X '!*.pyro' -- \"$word\")"
              " $(compgen -G \".pyrometer/${word#.pyrometer/}*.pyro\")"
              " $(compgen -d -- \"$word\")",
              to);
        views_of(to, command);
        fputs(")", to);
        break;
    case PYRO_WORDS_COMMAND:
        fputs("COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))", to);
        break;
    case PYRO_WORDS_PROCESS:
        fputs("COMPREPLY=($(compgen -W \"$(pgrep -f python)\" -- \"$word\")", to);
        views_of(to, command);
        fputs(")", to);
        break;
    default:
        fputs("return", to);
    }
}

void pyro_cli_completion(FILE *to)
{
    fputs("# bash completion for pyrometer; made from its option table.\n"
          "_pyrometer()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local commands='",
          to);
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++)
        fprintf(to, "%s%s", i ? " " : "", pyro_cli_commands[i].name);
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W \"$commands --help --version\" -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case $before in\n",
          to);
    for (size_t i = 0; i < PYRO_OPT_COUNT; i++)
        value_of(to, &pyro_cli_options[i]);
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", to);
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++) {
        fprintf(to,
                "    %s)\n        if [[ $word == -* ]]; then\n"
                "            COMPREPLY=($(compgen -W '",
                pyro_cli_commands[i].name);
        options_of(to, i);
        fputs("' -- \"$word\"))\n        else\n            ", to);
        words_of(to, &pyro_cli_commands[i]);
        fputs("\n        fi ;;\n", to);
    }
    fputs("    esac\n}\ncomplete -o filenames -F _pyrometer pyrometer\n", to);
}
