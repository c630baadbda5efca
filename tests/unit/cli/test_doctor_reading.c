/*
 * What doctor says of the right to read other processes, for all that may stand in the way: of
 * each combination the first row that fits says what is expected, and each row is the first for
 * one.
 */
#include "cli.h"
#include "target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CONTAINER_LINES                                                                            \
    "Docker, and podman alike: docker run --cap-add=SYS_PTRACE ...\n"                              \
    "Compose, under the service: cap_add: [SYS_PTRACE]\n"                                          \
    "Kubernetes, under the container: securityContext: {capabilities: {add: [SYS_PTRACE]}}"
#define YAMA_3                                                                                     \
    "echo kernel.yama.ptrace_scope=1 | sudo tee /etc/sysctl.d/10-ptrace.conf\n"                    \
    "Then restart the machine (of a container: both on its host)."

enum fits { ANY = -1, NO, YES };
enum { SCOPE_ANY = -2 };

struct row {
    int why, scope; /* why: -1 is any */
    enum fits may_trace, contained, filtered;
    enum pyro_verdict verdict;
    const char *text, *mend;
};

static bool agrees(enum fits fits, bool is)
{
    return fits == ANY || (fits == YES) == is;
}

static size_t first_fit(const struct row *rows, size_t count, const struct pyro_obstacles *o,
                        int why)
{
    for (size_t i = 0; i < count; i++)
        if ((rows[i].why == -1 || rows[i].why == why) &&
            (rows[i].scope == SCOPE_ANY || rows[i].scope == o->scope) &&
            agrees(rows[i].may_trace, o->may_trace) && agrees(rows[i].contained, o->contained) &&
            agrees(rows[i].filtered, o->filtered))
            return i;
    fail_msg("no row for %d, scope %d", why, o->scope);
    return 0;
}

static void judge_yama(const struct pyro_obstacles *o, int why, struct pyro_check *out)
{
    (void)why;
    pyro_cli_judge_yama(o, out);
}

static void try_all(const struct row *rows, size_t count, const char *key,
                    void (*judge)(const struct pyro_obstacles *, int, struct pyro_check *))
{
    static const int whys[] = {0, EPERM, ENOSYS};
    bool seen[32] = {false};

    assert_true(count <= sizeof seen);
    for (int bits = 0; bits < 5 * 8 * 3; bits++) {
        const struct pyro_obstacles o = {
            .may_trace = bits & 1,
            .contained = bits & 2,
            .filtered = bits & 4,
            .user = 8,
            .owner = 8,
            .scope = bits / 8 % 5 - 1,
        };
        int why = whys[bits / 40];
        size_t i = first_fit(rows, count, &o, why);
        struct pyro_check check;

        seen[i] = true;
        judge(&o, why, &check);
        assert_string_equal(check.key, key);
        assert_string_equal(check.text, rows[i].text);
        assert_string_equal(check.mend, rows[i].mend);
        assert_int_equal(check.verdict, rows[i].verdict);
    }
    for (size_t i = 0; i < count; i++)
        if (!seen[i])
            fail_msg("row %zu is never the first that fits", i);
}

static void test_reading(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {0, SCOPE_ANY, ANY, ANY, ANY, PYRO_GOOD, "works (tried)", ""},
        {ENOSYS, SCOPE_ANY, ANY, ANY, ANY, PYRO_BAD, "fails: Function not implemented",
         "This kernel or sandbox has no process_vm_readv: run on a Linux kernel built with "
         "CONFIG_CROSS_MEMORY_ATTACH."},
        {EPERM, 3, ANY, ANY, ANY, PYRO_BAD, "fails: Operation not permitted", YAMA_3},
        {EPERM, 2, NO, NO, ANY, PYRO_BAD, "fails: Operation not permitted",
         "sudo sysctl kernel.yama.ptrace_scope=1"},
        {EPERM, 2, NO, YES, ANY, PYRO_BAD, "fails: Operation not permitted",
         "On the host: sudo sysctl kernel.yama.ptrace_scope=1\n"
         "Or only for root in this container:\n" CONTAINER_LINES},
        {EPERM, SCOPE_ANY, ANY, YES, ANY, PYRO_BAD, "fails: Operation not permitted",
         CONTAINER_LINES},
        {EPERM, SCOPE_ANY, ANY, ANY, YES, PYRO_BAD, "fails: Operation not permitted",
         CONTAINER_LINES},
        {EPERM, SCOPE_ANY, ANY, NO, NO, PYRO_BAD, "fails: Operation not permitted",
         "A security module (SELinux, AppArmor) may forbid it: `sudo dmesg | tail` after this "
         "command names it."},
    };
    try_all(rows, sizeof rows / sizeof *rows, "read_child", pyro_cli_judge_reading);
}

static void test_yama(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {-1, -1, ANY, ANY, ANY, PYRO_GOOD,
         "no Yama in this kernel: any process of the same user may be read", ""},
        {-1, 0, ANY, ANY, ANY, PYRO_GOOD, "0: any process of the same user may be read", ""},
        {-1, 1, YES, ANY, ANY, PYRO_GOOD,
         "1: children may be read (`run`); other processes not; this process has CAP_SYS_PTRACE "
         "and may",
         ""},
        {-1, 1, NO, NO, ANY, PYRO_INFO, "1: children may be read (`run`); other processes not",
         "Only to attach to running programs: sudo sysctl kernel.yama.ptrace_scope=0"},
        {-1, 1, NO, YES, ANY, PYRO_INFO, "1: children may be read (`run`); other processes not",
         "Only to attach to running programs, on the host: sudo sysctl "
         "kernel.yama.ptrace_scope=0"},
        {-1, 2, YES, ANY, ANY, PYRO_GOOD,
         "2: only with CAP_SYS_PTRACE, children too; this process has CAP_SYS_PTRACE and may", ""},
        {-1, 2, NO, NO, ANY, PYRO_WARN, "2: only with CAP_SYS_PTRACE, children too",
         "sudo sysctl kernel.yama.ptrace_scope=1"},
        {-1, 2, NO, YES, ANY, PYRO_WARN, "2: only with CAP_SYS_PTRACE, children too",
         "On the host: sudo sysctl kernel.yama.ptrace_scope=1"},
        {-1, 3, ANY, ANY, ANY, PYRO_WARN,
         "3: nobody may read another process, until the next restart", YAMA_3},
    };
    try_all(rows, sizeof rows / sizeof *rows, "ptrace_scope", judge_yama);
}

/* Of a kernel of tomorrow. */
static void test_unknown_scope(void **state)
{
    (void)state;
    const struct pyro_obstacles o = {.scope = 4, .may_trace = true};
    struct pyro_check check;

    pyro_cli_judge_yama(&o, &check);
    assert_int_equal(check.verdict, PYRO_WARN);
    assert_string_equal(check.text, "4: unknown");
    assert_string_equal(check.mend, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_yama),
        cmocka_unit_test(test_unknown_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
