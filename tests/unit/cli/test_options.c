/*
 * The option table and the parser.
 */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 20

/* Parses the words of a line; the result's words point into static memory. */
static int parse(enum pyro_command_id command, const char *line, struct pyro_args *out,
                 struct pyro_error *err)
{
    static char copy[400];
    static char *argv[WORDS];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return pyro_cli_parse(command, argc, argv, out, err);
}

static void good(enum pyro_command_id command, const char *line, struct pyro_args *out)
{
    struct pyro_error err = {0};
    if (parse(command, line, out, &err) != 0)
        fail_msg("%s: %s", line, err.text);
}

static void bad(enum pyro_command_id command, const char *line, const char *part)
{
    struct pyro_error err = {0};
    struct pyro_args args;
    assert_int_equal(parse(command, line, &args, &err), PYRO_E_INVALID);
    if (!strstr(err.text, part))
        fail_msg("%s: %s", line, err.text);
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const lines[] = {"-q -o x a", "-qo x a", "-qox a", "--output x --quiet a",
                                        "--output=x -q a"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct pyro_args args;
        good(PYRO_CMD_RUN, lines[i], &args);
        assert_string_equal(pyro_cli_value(&args, PYRO_OPT_OUTPUT), "x");
        assert_true(pyro_cli_has(&args, PYRO_OPT_QUIET));
        assert_int_equal(args.word_count, 1);
        pyro_cli_args_release(&args);
    }
}

/* What belongs to the program is not looked at. */
static void test_program(void **state)
{
    (void)state;
    struct pyro_args args;
    good(PYRO_CMD_RUN, "app.py -q --rate x -- -o", &args);
    assert_int_equal(args.word_count, 6);
    assert_false(pyro_cli_has(&args, PYRO_OPT_QUIET));
    pyro_cli_args_release(&args);

    good(PYRO_CMD_RUN, "-q -m mod -q", &args);
    assert_string_equal(pyro_cli_value(&args, PYRO_OPT_MODULE), "mod");
    assert_int_equal(args.word_count, 1);
    assert_string_equal(args.words[0], "-q");
    pyro_cli_args_release(&args);

    good(PYRO_CMD_RUN, "-mmod -c", &args);
    assert_string_equal(pyro_cli_value(&args, PYRO_OPT_MODULE), "mod");
    assert_int_equal(args.given[PYRO_OPT_CODE].count, 0);
    pyro_cli_args_release(&args);

    good(PYRO_CMD_RUN, "-- -q", &args);
    assert_true(args.after_dashes);
    assert_string_equal(args.words[0], "-q");
    pyro_cli_args_release(&args);
}

static void test_words_between(void **state)
{
    (void)state;
    struct pyro_args args;
    good(PYRO_CMD_REPORT, "a.pyro --only x lines --limit 3 --only y main.py -- --mine", &args);
    assert_int_equal(args.word_count, 4);
    assert_string_equal(args.words[0], "a.pyro");
    assert_string_equal(args.words[1], "lines");
    assert_string_equal(args.words[2], "main.py");
    assert_string_equal(args.words[3], "--mine");
    assert_int_equal(args.given[PYRO_OPT_ONLY].count, 2);
    assert_string_equal(args.given[PYRO_OPT_ONLY].values[1], "y");
    assert_int_equal(pyro_cli_number(&args, PYRO_OPT_LIMIT, 0), 3);
    pyro_cli_args_release(&args);
}

static void test_values(void **state)
{
    (void)state;
    struct pyro_args args;
    good(PYRO_CMD_RUN, "a", &args);
    assert_true(pyro_cli_rate(&args) == 1000.0);
    pyro_cli_args_release(&args);
    good(PYRO_CMD_RUN, "--rate 2 --rate 99.5 a", &args);
    assert_true(pyro_cli_rate(&args) == 99.5);
    pyro_cli_args_release(&args);
    good(PYRO_CMD_RUN, "--rate max --seed 18446744073709551615 a", &args);
    assert_true(pyro_cli_rate(&args) == 0.0);
    assert_true(pyro_cli_number(&args, PYRO_OPT_SEED, 0) == UINT64_MAX);
    pyro_cli_args_release(&args);

    static const char *const rates[] = {"0",   "-1",   "0.9", "50000.1", "1e3", "nan",
                                        "inf", "0x10", "",    "1.2.3",   "MAX", " 5"};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        char word[40], *argv[] = {word, (char *)"a"};
        struct pyro_error err = {0};
        snprintf(word, sizeof word, "--rate=%s", rates[i]);
        assert_int_equal(pyro_cli_parse(PYRO_CMD_RUN, 2, argv, &args, &err), PYRO_E_INVALID);
    }
    bad(PYRO_CMD_RUN, "--seed +1 a", "--seed takes");
    bad(PYRO_CMD_REPORT, "--limit 0", "--limit takes");
    bad(PYRO_CMD_REPORT, "--sort", "--sort needs one of ");
    bad(PYRO_CMD_REPORT, "--mine=yes", "--mine takes no value");
    bad(PYRO_CMD_REPORT, "--rate 5", "`pyrometer report` has no option --rate.");
    bad(PYRO_CMD_REPORT, "--only=", "--only needs a PATTERN");
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"run", "report", "export", "doctor", NULL};
    static const char *const pairs[][2] = {
        {"rnu", "run"},       {"ru", "run"},        {"reprot", "report"}, {"rep", "report"},
        {"exprot", "export"}, {"docter", "doctor"}, {"doc", "doctor"},    {"xyzzy", NULL},
        {"r", NULL},          {"", NULL},           {"top", NULL},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *nearest = pyro_cli_nearest(pairs[i][0], names);
        if (pairs[i][1])
            assert_string_equal(nearest, pairs[i][1]);
        else
            assert_null(nearest);
    }
    static char longest[1000];
    memset(longest, 'r', sizeof longest - 1);
    assert_null(pyro_cli_nearest(longest, names));
}

/* Every option belongs to a command, has help, and shares its name and letter with no other. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < PYRO_OPT_COUNT; i++) {
        const struct pyro_option *a = &pyro_cli_options[i];
        assert_true(a->commands != 0 && a->help && (a->name[0] || a->letter));
        assert_true((a->kind == PYRO_KIND_FLAG) == !a->value);
        assert_true((a->kind == PYRO_KIND_CHOICE) == (a->choices != NULL));
        for (size_t j = i + 1; j < PYRO_OPT_COUNT; j++) {
            const struct pyro_option *b = &pyro_cli_options[j];
            assert_false(a->name[0] && strcmp(a->name, b->name) == 0);
            assert_false(a->letter && a->letter == b->letter);
        }
    }
    for (size_t i = 0; i < PYRO_CMD_COUNT; i++)
        assert_int_equal(pyro_cli_command(pyro_cli_commands[i].name), i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_program),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_words_between),
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
