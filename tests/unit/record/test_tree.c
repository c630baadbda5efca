/*
 * tree.c, orphans.c: which processes are found, and how often the kernel is asked.  The command of
 * the tree is a child of the test that starts what it is told to; time is the test's own.
 */
#include "record_priv.h"
#include "target.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STEP_NS 20000000

static int parents_asked, children_asked;

pid_t __real_pyro_target_parent(pid_t pid);
pid_t __wrap_pyro_target_parent(pid_t pid);
pid_t __wrap_pyro_target_parent(pid_t pid)
{
    parents_asked++;
    return __real_pyro_target_parent(pid);
}

int __real_pyro_target_children(pid_t pid, pid_t *out, int max);
int __wrap_pyro_target_children(pid_t pid, pid_t *out, int max);
int __wrap_pyro_target_children(pid_t pid, pid_t *out, int max)
{
    children_asked++;
    return __real_pyro_target_children(pid, out, max);
}

static pid_t reaper; /* who gets the orphans here */
static int told_by_reaper[2];
static pid_t disturbed, started; /* the reaper starts one while that one is looked at */

static pid_t hear(int from)
{
    pid_t pid = -1;
    return read(from, &pid, sizeof pid) == (ssize_t)sizeof pid ? pid : -1;
}

int __real_pyro_target_proc_stat(pid_t pid, pid_t tid, struct pyro_proc_stat *out);
int __wrap_pyro_target_proc_stat(pid_t pid, pid_t tid, struct pyro_proc_stat *out);
int __wrap_pyro_target_proc_stat(pid_t pid, pid_t tid, struct pyro_proc_stat *out)
{
    if (pid == disturbed) {
        disturbed = 0;
        kill(reaper, SIGUSR1);
        started = hear(told_by_reaper[0]);
    }
    return __real_pyro_target_proc_stat(pid, tid, out);
}

struct family {
    struct tree tree;
    uint64_t now;
    pid_t root;
    int tell, told;
};

static void say(int to, pid_t pid)
{
    if (write(to, &pid, sizeof pid) != (ssize_t)sizeof pid)
        _exit(1);
}

/* Starts a process whose parent is gone when this returns, and tells its number. */
static void start_orphan(int to, bool in_own_session)
{
    int told[2];
    pid_t middle = pipe(told) == 0 ? fork() : -1;
    if (middle == 0) {
        if (in_own_session)
            setsid();
        pid_t pid = fork();
        if (pid == 0) {
            execlp("sleep", "sleep", "60", NULL);
            _exit(127);
        }
        say(told[1], pid);
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    say(to, hear(told[0]));
    close(told[0]);
    close(told[1]);
}

/* A child that begins a session, and starts an orphan when it is told to. */
static void start_leader(int from, int to)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        say(to, getpid());
        char order;
        if (read(from, &order, 1) == 1)
            start_orphan(to, false);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    say(to, 0);
}

static void be_root(int from, int to)
{
    char order;
    while (read(from, &order, 1) == 1) {
        if (order == 'l')
            start_leader(from, to);
        else
            start_orphan(to, order == 's');
    }
    _exit(0);
}

/* Numbers begin from the lowest again: then only living parents' children are sought. */
static void leave_last_numbers(void)
{
    char *text;
    size_t size;
    assert_int_equal(pyro_base_read_file("/proc/sys/kernel/pid_max", 64, &text, &size, NULL), 0);
    long last = strtol(text, NULL, 10);
    free(text);
    for (pid_t pid = (pid_t)last; pid > last - 1000;) {
        pid = fork();
        if (pid == 0)
            _exit(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
}

static void begin(struct family *family, bool follow)
{
    int to[2], from[2];
    leave_last_numbers();
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    *family = (struct family){.tell = to[1], .told = from[0]};
    family->root = fork();
    assert_true(family->root >= 0);
    if (family->root == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(to[1]);
        be_root(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    assert_int_equal(tree_begin(&family->tree, family->root, follow), 0);
    usleep(30000); /* a process's start is known to 10 ms */
}

static void end(struct family *family)
{
    tree_end(&family->tree);
    close(family->tell);
    close(family->told);
    assert_int_equal(waitpid(family->root, NULL, 0), family->root);
}

static void grow(struct family *family)
{
    for (int i = 0; i < 3; i++)
        tree_grow(&family->tree, family->now += STEP_NS);
}

static void order(const struct family *family, char what)
{
    assert_int_equal(write(family->tell, &what, 1), 1);
}

/* When it has executed what it was started for, and has another parent. */
static pid_t orphan_told(int from, pid_t parent)
{
    pid_t pid = hear(from);
    assert_true(pid > 0);
    struct pyro_proc_stat stat;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(pyro_target_proc_stat(pid, 0, &stat), 0);
        if (!stat.forked && stat.ppid == parent)
            return pid;
        usleep(1000);
    }
    fail_msg("%d stays a child of %d, forked: %d", pid, stat.ppid, stat.forked);
    return 0;
}

/* Does it become kin?  It is ended, and gone. */
static bool finds(struct family *family, pid_t pid)
{
    grow(family);
    bool found = tree_knows(&family->tree, pid);
    kill(pid, SIGKILL);
    for (int i = 0; i < 20000 && kill(pid, 0) == 0; i++) {
        usleep(1000);
        waitpid(pid, NULL, WNOHANG);
    }
    return found;
}

static void test_orphan(void **state)
{
    struct family family;
    begin(&family, true);
    order(&family, 'o');
    assert_true(finds(&family, orphan_told(family.told, reaper)));
    end(&family);
}

/* Who adopts has been in the group all the time, and waited for the first. */
static void test_one_after_the_other(void **state)
{
    struct family family;
    begin(&family, true);
    for (int i = 0; i < 3; i++) {
        order(&family, 'o');
        assert_true(finds(&family, orphan_told(family.told, reaper)));
        usleep(30000); /* then who waited for it rests again */
        grow(&family);
        usleep(30000);
    }
    end(&family);
}

static void start_one(int signal)
{
    (void)signal;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sleep", "sleep", "60", NULL);
        _exit(127);
    }
    say(told_by_reaper[1], pid);
}

/* Who adopts starts one as well: it looks as an orphan does. */
static void test_not_adopted(void **state)
{
    struct family family;
    begin(&family, true);
    assert_int_equal(kill(reaper, SIGUSR1), 0);
    assert_false(finds(&family, orphan_told(told_by_reaper[0], reaper)));
    end(&family);
}

/* Who adopts runs while the group is looked over. */
static void test_adopter_that_runs(void **state)
{
    struct family family;
    begin(&family, true);
    order(&family, 'o');
    pid_t pid = orphan_told(family.told, reaper);
    disturbed = family.root;
    assert_false(finds(&family, pid));
    assert_int_equal(disturbed, 0);
    kill(started, SIGKILL);
    end(&family);
}

/* By its session, whose maker was met; it may be gone by now. */
static void test_orphan_of_a_session(void **state)
{
    struct family family;
    begin(&family, true);
    order(&family, 'l');
    pid_t leader = hear(family.told);
    grow(&family);
    assert_true(tree_knows(&family.tree, leader));
    order(&family, 'o');
    pid_t pid = orphan_told(family.told, reaper);
    assert_int_equal(hear(family.told), 0);
    struct pyro_target *target;
    struct pyro_error err;
    tree_find(&family.tree, family.now, &target, &err); /* sees that it is gone */
    assert_true(finds(&family, pid));
    end(&family);
}

/* The same group and session, and like all else but for where it comes from. */
static void test_orphan_of_a_stranger(void **state)
{
    struct family family;
    int told[2];
    begin(&family, true);
    assert_int_equal(pipe(told), 0);
    start_orphan(told[1], false);
    assert_false(finds(&family, orphan_told(told[0], reaper)));
    order(&family, 'o'); /* from here on it could be of either */
    assert_false(finds(&family, orphan_told(family.told, reaper)));
    close(told[0]);
    close(told[1]);
    end(&family);
}

/* Another program in the session that nobody saw begin: only who adopts it can tell. */
static void test_adopted(void **state)
{
    struct family family;
    begin(&family, true);
    order(&family, 's');
    assert_false(finds(&family, orphan_told(family.told, reaper)));
    end(&family);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1UL), 0);
    begin(&family, true);
    tree_take_orphans(&family.tree);
    order(&family, 's');
    assert_true(finds(&family, orphan_told(family.told, getpid())));
    end(&family);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0UL), 0);
}

/* What a Python may have started is left out where that was asked for. */
static void test_not_followed(void **state)
{
    struct family family;
    begin(&family, false);
    order(&family, 'o');
    assert_false(finds(&family, orphan_told(family.told, reaper)));
    end(&family);
}

static void set_newest(int file, pid_t pid)
{
    char text[64];
    int size = snprintf(text, sizeof text, "0.50 0.25 0.10 1/100 %d\n", (int)pid);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, text, (size_t)size, 0), size);
}

static int asked(struct tree *tree, uint64_t now)
{
    parents_asked = children_asked = 0;
    tree_grow(tree, now);
    assert_int_equal(children_asked, 0);
    return parents_asked;
}

static void test_asks_only_of_new_numbers(void **state)
{
    struct tree tree;
    uint64_t now = 0;
    int file = memfd_create("loadavg", MFD_CLOEXEC);
    assert_int_equal(tree_begin(&tree, getpid(), true), 0);
    close(tree.loadavg);
    tree.loadavg = file;
    tree.last = tree.unsure = 1000;
    set_newest(file, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(asked(&tree, now += STEP_NS), 0);
    set_newest(file, 1007);
    assert_int_equal(asked(&tree, now += STEP_NS), 7);
    assert_int_equal(asked(&tree, now += STEP_NS), 7); /* once more: they may not have been seen */
    for (int i = 0; i < 1000; i++)
        assert_int_equal(asked(&tree, now += STEP_NS), 0);
    set_newest(file, 300); /* from the lowest again */
    children_asked = 0;
    tree_grow(&tree, now + STEP_NS);
    assert_int_equal(children_asked, 1);
    tree_end(&tree);
}

static int run_apart(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_orphan_of_a_session),
        cmocka_unit_test(test_orphan_of_a_stranger),
        cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_not_followed),
        cmocka_unit_test(test_asks_only_of_new_numbers),
    };
    return cmocka_run_group_tests_name("adopted in another session", tests, NULL, NULL);
}

static int run_beside(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_not_adopted),
        cmocka_unit_test(test_adopter_that_runs),
        cmocka_unit_test(test_orphan_of_a_stranger),
    };
    return cmocka_run_group_tests_name("adopted in the same session", tests, NULL, NULL);
}

/* In a process of its own, whose orphans become this one's children. */
static int run_in_child(int (*run)(void), bool apart)
{
    int status;
    pid_t tests = fork();
    if (tests == 0) {
        if (apart)
            setsid();
        exit(run());
    }
    for (pid_t pid = 0; pid != tests;)
        pid = wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
    const struct sigaction starts = {.sa_handler = start_one, .sa_flags = SA_RESTART};
    prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    reaper = getpid();
    if (pipe(told_by_reaper) != 0 || sigaction(SIGUSR1, &starts, NULL) != 0)
        return 1;
    int apart = run_in_child(run_apart, true);
    return run_in_child(run_beside, false) | apart;
}
