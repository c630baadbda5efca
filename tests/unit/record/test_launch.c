/* launch.c: what becomes of the command and its orphans, and which signals reach it. */
#include "record_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static int wait_for(struct launch *launch, uint64_t ns)
{
    uint64_t end = pyro_base_monotonic_ns() + ns;
    int status = -1;
    while (pyro_base_monotonic_ns() < end) {
        launch_pass_signals(launch, pyro_base_monotonic_ns());
        struct rusage usage;
        if (launch_reap(launch, &status, &usage))
            return status;
        launch_wait(20000000);
    }
    return -1;
}

static int run(char *const *argv)
{
    struct launch launch;
    int failed = launch_start(&launch, argv, false, NULL, NULL);
    int status = failed != 0 ? -failed : wait_for(&launch, 20 * SECOND);
    launch_stop(&launch);
    return status;
}

static int shell(const char *script)
{
    return run((char *[]){"sh", "-c", (char *)script, NULL});
}

static void test_endings(void **state)
{
    int status = shell("exit 0");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = shell("exit 201");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 201);
    status = shell("kill -KILL $$");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = shell("kill -TERM $$");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_exec_errors(void **state)
{
    assert_int_equal(run((char *[]){"/nonexistent/program", NULL}), -ENOENT);
    assert_int_equal(run((char *[]){"no-such-program-anywhere", NULL}), -ENOENT);
    assert_int_equal(run((char *[]){"/", NULL}), -EACCES);
    assert_int_equal(run((char *[]){"/etc/passwd", NULL}), -EACCES);
}

static void make_late(void *path, pid_t child)
{
    assert_int_equal(kill(child, 0), 0);
    usleep(50000);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* What is done at its birth is done when the program begins. */
static void test_born(void **state)
{
    char path[] = "/tmp/pyrometer-born-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    struct launch launch;
    char *argv[] = {"test", "-e", path, NULL};
    assert_int_equal(launch_start(&launch, argv, false, make_late, path), 0);
    assert_int_equal(wait_for(&launch, 20 * SECOND), 0);
    launch_stop(&launch);
    unlink(path);
}

/* The program begins with the handlers and the mask that we were given. */
static void test_inherits(void **state)
{
    sigset_t some, kept;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigaddset(&some, SIGCHLD); /* we must learn of the end even so */
    sigprocmask(SIG_BLOCK, &some, &kept);
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    int blocked = run((char *[]){"grep", "-q", "^SigBlk:.*10800$", "/proc/self/status", NULL});
    int ignored = run((char *[]){"grep", "-q", "^SigIgn:.*[13579bdf]$", "/proc/self/status", NULL});
    signal(SIGHUP, before);
    sigprocmask(SIG_SETMASK, &kept, NULL);
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored, 0);
}

/* In a child of its own, which leads a process group: counts the SIGUSR1 that its program gets. */
static int count_signals(bool to_group, int times)
{
    int ready[2], done;
    assert_int_equal(pipe(ready), 0);
    pid_t leader = fork();
    assert_true(leader >= 0);
    if (leader == 0) {
        setpgid(0, 0);
        dup2(ready[1], 9);
        struct launch launch;
        char *script[] = {"sh", "-c",
                          "n=0; trap 'n=$((n+1))' USR1; echo >&9; "
                          "i=0; while [ $i -lt 60 ]; do sleep 0.01; i=$((i+1)); done; exit $n",
                          NULL};
        if (launch_start(&launch, script, false, NULL, NULL) != 0)
            _exit(99);
        int status = wait_for(&launch, 30 * SECOND);
        launch_stop(&launch);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < times; i++) {
        kill(to_group ? -leader : leader, SIGUSR1);
        usleep(60000);
    }
    assert_int_equal(waitpid(leader, &done, 0), leader);
    close(ready[0]);
    assert_true(WIFEXITED(done));
    return WEXITSTATUS(done);
}

static void test_signals(void **state)
{
    assert_int_equal(count_signals(false, 1), 1); /* passed on, once */
    assert_int_equal(count_signals(false, 3), 3);
    assert_int_equal(count_signals(true, 1), 1); /* it had it already */
    assert_int_equal(count_signals(true, 3), 3);
}

static void test_who_is_adopted(void **state)
{
    for (int scope = -1; scope <= 3; scope++) {
        assert_int_equal(launch_adopts(scope, false), scope == 1);
        assert_false(launch_adopts(scope, true));
    }
}

enum { HOLD = 100, TOLD = 101 }; /* of the orphan below */

/* As a program: its child's child outlives both, tells who its parent is then, and ends when nobody
 * holds it any more. */
static int leave_orphan(void)
{
    pid_t middle = fork();
    if (middle == 0) {
        middle = getpid();
        if (fork() != 0)
            _exit(0);
        while (getppid() == middle)
            usleep(1000);
        pid_t parent = getppid();
        char byte;
        bool held = write(TOLD, &parent, sizeof parent) > 0 && read(HOLD, &byte, 1) == 0;
        _exit(!held);
    }
    return waitpid(middle, NULL, 0) == middle ? 3 : 1;
}

static bool is_reaper(void)
{
    int is_one = 0;
    assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &is_one), 0);
    return is_one != 0;
}

static void check_orphan(bool adopts)
{
    int hold[2], told[2];
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    dup2(hold[0], HOLD);
    dup2(told[1], TOLD);
    struct launch launch;
    char *argv[] = {"/proc/self/exe", "leave-orphan", NULL};
    assert_int_equal(launch_start(&launch, argv, adopts, NULL, NULL), 0);
    assert_int_equal(is_reaper(), adopts);
    pid_t parent;
    ssize_t size;
    do
        size = read(told[0], &parent, sizeof parent);
    while (size < 0 && errno == EINTR);
    assert_int_equal(size, sizeof parent);
    assert_int_equal(parent == getpid(), adopts);
    int status = wait_for(&launch, 20 * SECOND);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_false(launch.adopted); /* it has not ended */
    close(hold[1]);
    for (int i = 0; adopts && !launch.adopted && i < 2000; i++) {
        launch_wait(10000000);
        assert_false(launch_reap(&launch, &status, &(struct rusage){0}));
    }
    assert_int_equal(launch.adopted, adopts);
    launch_stop(&launch);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_false(is_reaper());
    close(hold[0]);
    close(told[0]);
    close(told[1]);
    close(HOLD);
    close(TOLD);
}

static void test_orphan(void **state)
{
    check_orphan(false);
    check_orphan(true);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "leave-orphan") == 0)
        return leave_orphan();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endings), cmocka_unit_test(test_exec_errors),
        cmocka_unit_test(test_born),    cmocka_unit_test(test_inherits),
        cmocka_unit_test(test_signals), cmocka_unit_test(test_who_is_adopted),
        cmocka_unit_test(test_orphan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
