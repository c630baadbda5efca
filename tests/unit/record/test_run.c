/* run.c: a command whose orphans have to be adopted, for Yama lets us read our descendants only. */
#include "record.h"

#include "format.h"
#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int scope;

int __wrap_pyro_target_trace_scope(void);
int __wrap_pyro_target_trace_scope(void)
{
    return scope;
}

bool __wrap_pyro_target_may_trace(void);
bool __wrap_pyro_target_may_trace(void)
{
    return false;
}

static char folder[] = "/tmp/pyro-run-XXXXXX", path[64];

static int on_warning(void *told, struct pyro_str text)
{
    size_t before = strlen(told);
    snprintf((char *)told + before, 1000 - before, "%.*s\n", (int)text.size, text.bytes);
    return 0;
}

/* Runs a shell; told: what the recording warns of. */
static struct pyro_record_result run(const char *script, char told[1000])
{
    struct pyro_record_result result;
    struct pyro_error err;
    struct pyro_record_options options = {
        .argv = (char *[]){"sh", "-c", (char *)script, NULL},
        .output = path,
        .overwrite = true,
        .rate = 1000,
        .subprocesses = true,
        .tool = "",
    };
    assert_int_equal(pyro_record_run(&options, &result, &err), 0);
    assert_true(WIFEXITED(result.wait_status));
    told[0] = '\0';
    enum pyro_ending ending;
    struct pyro_visitor visitor = {.ctx = told, .warning = on_warning};
    assert_int_equal(pyro_format_read(path, &visitor, &ending, &err), 0);
    return result;
}

#define PYTHON "python3 -c 'sum(range(30000000))'"

static void test_adopts(void **state)
{
    char told[1000], number[32];
    scope = 1;
    snprintf(number, sizeof number, " %d, ", (int)getpid());
    /* The outer shell waits for all that hold its pipe; the inner one ends at once. */
    struct pyro_record_result result = run(": $(setsid sh -c \"" PYTHON " &\"); exit 3", told);
    assert_int_equal(WEXITSTATUS(result.wait_status), 3);
    assert_true(result.samples > 0);
    assert_non_null(strstr(told, "adopted"));
    assert_non_null(strstr(told, number));
    result = run("(sleep 1 &); exit 4", told); /* one that outlives us */
    assert_int_equal(WEXITSTATUS(result.wait_status), 4);
    assert_non_null(strstr(told, "adopted"));
    while (wait(NULL) > 0)
        ;
}

static void test_without_orphans(void **state)
{
    char told[1000];
    scope = 1;
    struct pyro_record_result result = run(PYTHON "; exit 5", told);
    assert_int_equal(WEXITSTATUS(result.wait_status), 5);
    assert_true(result.samples > 0);
    assert_string_equal(told, "");
}

static void test_without_yama(void **state)
{
    char told[1000];
    scope = 0;
    struct pyro_record_result result = run(PYTHON "; (sleep 0.2 &); exit 6", told);
    assert_int_equal(WEXITSTATUS(result.wait_status), 6);
    assert_string_equal(told, "");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it is not ours */
}

static int make_folder(void **state)
{
    bool made = mkdtemp(folder) != NULL;
    snprintf(path, sizeof path, "%s/a.pyro", folder);
    return !made;
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopts),
        cmocka_unit_test(test_without_orphans),
        cmocka_unit_test(test_without_yama),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
