/* run.c: a command whose orphans have to be adopted, for Yama lets us read our descendants only. */
#include "record.h"

#include "format.h"
#include "target.h"

#include <setjmp.h>
#include <signal.h>
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

static int on_status(void *told, const struct pyro_status_fact *fact)
{
    *(struct pyro_status_fact *)told = *fact;
    return 0;
}

/* So many ticks are had as were asked for, however long each takes. */
static void test_ticks(void **state)
{
    int out[2];
    char byte;
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        execlp("python3", "python3", "-c", "import time; print(flush=True); time.sleep(1000)",
               (char *)NULL);
        _exit(127);
    }
    assert_int_equal(read(out[0], &byte, 1), 1); /* it has begun */
    close(out[0]);
    close(out[1]);
    struct pyro_record_result result;
    struct pyro_error err;
    struct pyro_record_options options = {
        .pid = pid, .output = path, .overwrite = true, .rate = 1000, .ticks = 7, .tool = ""};
    int rc = pyro_record_run(&options, &result, &err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(rc, 0);
    struct pyro_status_fact status = {0};
    enum pyro_ending ending;
    struct pyro_visitor visitor = {.ctx = &status, .status = on_status};
    assert_int_equal(pyro_format_read(path, &visitor, &ending, &err), 0);
    assert_int_equal(status.ticks - status.missed, 7);
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
        cmocka_unit_test(test_ticks),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
