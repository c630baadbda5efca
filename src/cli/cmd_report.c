/*
 * pyrometer report: views of a recording on stdout.
 */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum view { VIEW_SUMMARY, VIEW_FUNCTIONS, VIEW_TREE, VIEW_LINES, VIEW_COUNT };

struct asked {
    const char *recording; /* NULL: the newest */
    enum view view;
    const char *target; /* of VIEW_LINES */
};

static enum view view_named(const char *word)
{
    const char *const *views = pyro_cli_commands[PYRO_CMD_REPORT].views;
    enum view view = VIEW_SUMMARY;
    while (view < VIEW_COUNT && strcmp(views[view], word) != 0)
        view++;
    return view;
}

/* Nothing that was given is left out of account. */
static int check_options(const struct pyro_args *args, enum view view, struct pyro_error *err)
{
    bool json = pyro_cli_has(args, PYRO_OPT_JSON);
    if (json && view != VIEW_SUMMARY)
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "--json holds all views: leave out the word `%s`.",
                              pyro_cli_commands[PYRO_CMD_REPORT].views[view]);
    if (json && pyro_cli_has(args, PYRO_OPT_LIMIT))
        return pyro_base_fail(err, PYRO_E_INVALID, "--json holds all rows: leave out --limit.");
    if (view != VIEW_FUNCTIONS && pyro_cli_has(args, PYRO_OPT_SORT))
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "--sort is for the view `functions` only: "
                              "`pyrometer report functions --sort %s`.",
                              pyro_cli_value(args, PYRO_OPT_SORT));
    return 0;
}

/* [REC] [VIEW [TARGET]].  The first word is a view if it is a view's name and no file's. */
static int understand(const struct pyro_args *args, struct asked *out, struct pyro_error *err)
{
    size_t at = 0, count = args->word_count;
    char **words = args->words;

    *out = (struct asked){.view = VIEW_SUMMARY};
    if (at < count && (view_named(words[at]) == VIEW_COUNT || access(words[at], F_OK) == 0))
        out->recording = words[at++];
    if (at < count) {
        const char *const *views = pyro_cli_commands[PYRO_CMD_REPORT].views;
        out->view = view_named(words[at]);
        if (out->view == VIEW_COUNT) {
            const char *nearest = pyro_cli_nearest(words[at], views);
            return pyro_base_fail(err, PYRO_E_INVALID,
                                  "There is no view `%.200s`; there are summary, functions, tree "
                                  "and lines.%s%s%s",
                                  words[at], nearest ? " Did you mean " : "",
                                  nearest ? nearest : "", nearest ? "?" : "");
        }
        at++;
    }
    if (out->view == VIEW_LINES) {
        if (at == count)
            return pyro_base_fail(err, PYRO_E_INVALID,
                                  "`lines` needs a function or a file: "
                                  "`pyrometer report lines main.py`.");
        out->target = words[at++];
    }
    if (at < count)
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "`pyrometer report` takes one recording and one view; `%.200s` is "
                              "one word too many.%s",
                              words[at],
                              out->recording ? "" : " The recording comes before the view.");
    return check_options(args, out->view, err);
}

/* A word that looks like a mistyped view and is no file is better answered so. */
static void hint_at_view(const char *recording)
{
    const char *nearest = pyro_cli_nearest(recording, pyro_cli_commands[PYRO_CMD_REPORT].views);
    if (nearest && access(recording, F_OK) != 0)
        pyro_cli_say("If `%s` was to be a view: did you mean %s?", recording, nearest);
}

/* How it ended and what it lacks.  The summary and the JSON say so themselves. */
static void say_ending(const struct pyro_profile *p, const char *path)
{
    if (p->ending == PYRO_ENDED_KILLED)
        pyro_cli_say("%s has no end: its recorder was killed. This is what was written until then.",
                     path);
    if (p->ending == PYRO_ENDED_NOT_YET)
        pyro_cli_say("%s is still being written. This is what it holds so far.", path);
    if (p->ending == PYRO_ENDED_TRUNCATED)
        pyro_cli_say("%s is damaged or cut: this is what could be read.", path);
    for (size_t i = 0; i < p->warning_count; i++)
        pyro_cli_say("%.*s", (int)(p->warnings[i].size < 2000 ? p->warnings[i].size : 2000),
                     p->warnings[i].bytes);
}

static int show(const struct pyro_profile *p, const struct asked *asked, bool json,
                const struct pyro_report_options *options, struct pyro_error *err)
{
    if (json)
        return pyro_report_json(stdout, p);
    switch (asked->view) {
    case VIEW_FUNCTIONS:
        return pyro_report_functions(stdout, p, options);
    case VIEW_TREE:
        return pyro_report_tree(stdout, p, options);
    case VIEW_LINES:
        return pyro_report_lines(stdout, p, asked->target, options, err);
    default:
        return pyro_report_summary(stdout, p, options);
    }
}

int pyro_cli_report(struct pyro_cli *cli)
{
    const struct pyro_args *args = &cli->args;
    bool json = pyro_cli_has(args, PYRO_OPT_JSON);
    struct pyro_error err = {0};
    struct pyro_profile *profile = NULL;
    struct asked asked;
    char path[PATH_MAX];

    if (understand(args, &asked, &err) != 0)
        return pyro_cli_usage(&err);
    int status = pyro_cli_open(args, asked.recording, path, &profile);
    if (status) {
        if (asked.recording)
            hint_at_view(asked.recording);
        return status;
    }
    struct pyro_terminal terminal = pyro_cli_terminal(STDOUT_FILENO);
    struct pyro_report_options options = pyro_cli_report_options(&terminal, args, path);
    signal(SIGPIPE, SIG_IGN);
    int rc = show(profile, &asked, json, &options, &err);
    if (rc && !ferror(stdout))
        status =
            pyro_cli_fail(PYRO_EXIT_FAILED, "%s", err.text[0] ? err.text : pyro_base_code_text(rc));
    fflush(stdout); /* sentences come after what they are about */
    if (!json && asked.view != VIEW_SUMMARY && !ferror(stdout))
        say_ending(profile, path);
    pyro_profile_free(profile);
    return pyro_cli_close_stdout(status);
}
