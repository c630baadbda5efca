/*
 * Names of recordings: made and found.
 */
#include "cli.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/pyrometer-test-XXXXXX";

static void touch(const char *path, long seconds, long nanoseconds)
{
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_sanitise(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"app", "app"},         {"a.b-c_1", "a.b-c_1"}, {"../x y", "_._x_y"},    {"-rf", "_rf"},
        {".hidden", "_hidden"}, {"", "program"},        {"\xc3\xa9\033", "___"},
    };
    char out[65];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        pyro_cli_sanitise(pairs[i][0], out);
        assert_string_equal(out, pairs[i][1]);
    }
    char longest[500];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    pyro_cli_sanitise(longest, out);
    assert_int_equal(strlen(out), 64);
}

static void test_newest(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct pyro_error err = {0};
    struct stat st;

    assert_int_equal(pyro_cli_newest(path, &err), PYRO_E_NOT_FOUND);
    assert_int_equal(pyro_cli_default_output("app", path, &err), 0);
    assert_int_equal(strncmp(path, ".pyrometer/app-", 15), 0);
    assert_int_equal(stat(".pyrometer", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(pyro_cli_newest(path, &err), PYRO_E_NOT_FOUND);

    touch(".pyrometer/old.pyro", 100, 5);
    touch(".pyrometer/new.pyro", 100, 6);
    touch(".pyrometer/newer.txt", 200, 0);
    touch(".pyrometer/.hidden.pyro", 200, 0);
    touch(".pyrometer/.pyro", 200, 0);
    assert_int_equal(mkdir(".pyrometer/folder.pyro", 0700), 0);
    assert_int_equal(pyro_cli_newest(path, &err), 0);
    assert_string_equal(path, ".pyrometer/new.pyro");
}

static void test_outputs(void **state)
{
    (void)state;
    struct pyro_error err = {0};
    char path[PATH_MAX], longest[PATH_MAX];

    touch("there", 1, 0);
    assert_int_equal(pyro_cli_check_output("there", false, &err), PYRO_E_EXISTS);
    assert_non_null(strstr(err.text, "-f"));
    assert_int_equal(pyro_cli_check_output("there", true, &err), 0);
    assert_int_equal(pyro_cli_check_output("not there", false, &err), 0);
    assert_int_equal(pyro_cli_check_output(".", true, &err), PYRO_E_EXISTS);
    assert_int_equal(pyro_cli_check_output("/dev/null", false, &err), 0);

    assert_int_equal(pyro_cli_temporary_name("a/b/x.collapsed", path, &err), 0);
    assert_int_equal(strncmp(path, "a/b/.x.collapsed.", 17), 0);
    memset(longest, '/', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(pyro_cli_temporary_name(longest, path, &err), PYRO_E_INVALID);
}

static int discard(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sanitise),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_outputs),
    };
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return nftw(folder, discard, 16, FTW_DEPTH | FTW_PHYS) != 0 || failed;
}
