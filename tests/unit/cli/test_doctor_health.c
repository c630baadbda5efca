/*
 * What doctor says of the machine's health: for each threshold what crosses it, a near twin that
 * does not, and files that say nothing.
 */
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define UNTOLD "not told by this kernel"
#define WHO_COMPUTES "top -o %CPU"
#define WHO_HAS_MEMORY "top -o %MEM"
#define QUEUE                                                                                      \
    ": threads queue for a CPU, which samples show as run-queue delay, and ticks are missed"
#define STOLEN                                                                                     \
    ": the hypervisor runs others meanwhile, so that the program is slower and ticks are missed"

static void expect(const struct pyro_check *check, const char *key, enum pyro_verdict verdict,
                   const char *text, const char *mend)
{
    assert_string_equal(check->key, key);
    assert_string_equal(check->text, text);
    assert_int_equal(check->verdict, verdict);
    assert_string_equal(check->mend, mend);
}

static void expect_untold(const struct pyro_check *check, const char *key)
{
    expect(check, key, PYRO_INFO, UNTOLD, "");
}

static void test_load(void **state)
{
    (void)state;
    static const struct {
        const char *loadavg;
        int cpus;
        enum pyro_verdict verdict;
        const char *text;
    } cases[] = {
        {"2.01 1.62 1.93 11/117 9274\n", 2, PYRO_WARN,
         "2.01 in the last minute, for 2 usable CPUs" QUEUE},
        {"2.00 9.00 9.00 11/117 9274\n", 2, PYRO_GOOD,
         "2.00 in the last minute, for 2 usable CPUs"},
        {"1.01", 1, PYRO_WARN, "1.01 in the last minute, for 1 usable CPU" QUEUE},
        {"0.00 0.00 0.00 1/2 3\n", 1, PYRO_GOOD, "0.00 in the last minute, for 1 usable CPU"},
        {"3.00 1.62 1.93 11/117 9274\n", 0, PYRO_INFO, UNTOLD},
        {NULL, 2, PYRO_INFO, UNTOLD},
        {"", 2, PYRO_INFO, UNTOLD},
        {"nan 1 1", 2, PYRO_INFO, UNTOLD},
        {"-3 1 1", 2, PYRO_INFO, UNTOLD},
        {"3,5 1 1", 2, PYRO_INFO, UNTOLD},
        {"1e999 1 1", 2, PYRO_INFO, UNTOLD},
        {"\x80\xff\n", 2, PYRO_INFO, UNTOLD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pyro_check check;
        pyro_cli_judge_load(cases[i].loadavg, cases[i].cpus, &check);
        expect(&check, "load", cases[i].verdict, cases[i].text,
               cases[i].verdict == PYRO_WARN ? WHO_COMPUTES : "");
    }
}

static void test_steal(void **state)
{
    (void)state;
    static const char before[] = "cpu  1000 100 500 8000 300 0 50 50 7 7\ncpu0 1 1 1 1 1 1 1 1\n";
    static const struct {
        const char *before, *after, *text; /* NULL: not told */
        enum pyro_verdict verdict;
    } cases[] = {
        {before, "cpu  1050 100 520 8020 300 0 58 52 7 7\n",
         "2.0 % of the CPUs now, 0.5 % since the start of the machine" STOLEN, PYRO_WARN},
        {before, "cpu  1050 100 520 8022 300 0 58 52 7 7\n",
         "2.0 % of the CPUs now, 0.5 % since the start of the machine", PYRO_GOOD},
        {before, "cpu  1050 100 520 8022 300 0 58 50 9999 9999\n",
         "0.0 % of the CPUs now, 0.5 % since the start of the machine", PYRO_GOOD},
        {before, "cpu  1000 100 500 8000 300 0 50 150\n",
         "100.0 % of the CPUs now, 1.5 % since the start of the machine" STOLEN, PYRO_WARN},
        {before, before, NULL, PYRO_INFO},
        {before, "cpu  2000 200 500 9000 300 0 50 49 7 7\n", NULL, PYRO_INFO},
        {before, "cpu  2000 200 500 9000 300 0 50\n", NULL, PYRO_INFO}, /* an old kernel */
        {before, "cpu  2000 200 x 9000 300 0 50 50 7 7\n", NULL, PYRO_INFO},
        {before, "cpu 18446744073709551615 0 0 0 0 0 0 18446744073709551615\n", NULL, PYRO_INFO},
        {before, "cpu0 2000 200 500 9000 300 0 50 50 7 7\n", NULL, PYRO_INFO},
        {before, "", NULL, PYRO_INFO},
        {before, "cpu", NULL, PYRO_INFO},
        {before, "cpu ", NULL, PYRO_INFO},
        {before, NULL, NULL, PYRO_INFO},
        {NULL, before, NULL, PYRO_INFO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pyro_check check;
        pyro_cli_judge_steal(cases[i].before, cases[i].after, &check);
        expect(&check, "steal", cases[i].verdict, cases[i].text ? cases[i].text : UNTOLD,
               cases[i].verdict == PYRO_WARN
                   ? "Profile where the CPUs are not shared, such as on a dedicated instance."
                   : "");
    }
}

#define VMSTAT(in, out) "nr_free_pages 5\npswpin " #in "\npswpout " #out "\npgfault 9\n"
#define MEMINFO(available)                                                                         \
    "MemTotal:     10000 kB\nMemFree:  1 kB\nMemAvailable: " #available " kB\n"
#define WAITS ": programs wait for their memory, at lines that only compute"
#define SCARCE ": the machine is about to swap, or to kill what takes most"

static void test_swap(void **state)
{
    (void)state;
    static const char before[] = VMSTAT(100, 200);
    static const struct {
        const char *before, *after, *meminfo, *text;
        enum pyro_verdict verdict;
    } cases[] = {
        {before, before, MEMINFO(500), "0 pages in and 0 out now, 5.0 % of the memory available",
         PYRO_GOOD},
        {before, before, MEMINFO(499),
         "0 pages in and 0 out now, 5.0 % of the memory available" SCARCE, PYRO_WARN},
        {before, VMSTAT(101, 200), MEMINFO(9000),
         "1 pages in and 0 out now, 90.0 % of the memory available" WAITS, PYRO_WARN},
        {before, VMSTAT(100, 201), MEMINFO(0),
         "0 pages in and 1 out now, 0.0 % of the memory available" WAITS, PYRO_WARN},
        {before, before, NULL, "0 pages in and 0 out now", PYRO_GOOD},
        {before, VMSTAT(300, 200), "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
         "200 pages in and 0 out now" WAITS, PYRO_WARN},
        {before, before, "MemTotal: 5 kB\nMemAvailable: 6 kB\n", "0 pages in and 0 out now",
         PYRO_GOOD},
        {before, before, "MemTotal: 5 kB\n", "0 pages in and 0 out now", PYRO_GOOD},
        {NULL, before, MEMINFO(9000), "90.0 % of the memory available", PYRO_GOOD},
        {before, "nr_free_pages 5\n", MEMINFO(100), "1.0 % of the memory available" SCARCE,
         PYRO_WARN},
        {before, VMSTAT(99, 200), MEMINFO(9000), "90.0 % of the memory available", PYRO_GOOD},
        {before, VMSTAT(x, 200), MEMINFO(y), UNTOLD, PYRO_INFO},
        {"", "", "", UNTOLD, PYRO_INFO},
        {NULL, NULL, NULL, UNTOLD, PYRO_INFO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pyro_check check;
        pyro_cli_judge_swap(cases[i].before, cases[i].after, cases[i].meminfo, &check);
        expect(&check, "swap", cases[i].verdict, cases[i].text,
               cases[i].verdict == PYRO_WARN ? WHO_HAS_MEMORY : "");
    }
}

#define FULL ": a recording, or what the program writes, may not fit"
#define ELSEWHERE "Free some of it, or record to another disk: pyrometer run -o FILE app.py"

/* Of several the one that is short of space, then the one with the least. */
static void test_disks(void **state)
{
    (void)state;
    static const struct {
        struct pyro_disk disks[3];
        enum pyro_verdict verdict;
        const char *text, *mend;
    } cases[] = {
        {{{"/w", false, 100e6, 10e9}}, PYRO_GOOD, "100.0 MB free (1.0 %) in /w", ""},
        {{{"/w", false, 99.9e6, 1e9}}, PYRO_WARN, "99.9 MB free (10.0 %) in /w" FULL, ELSEWHERE},
        {{{"/w", false, 90e9, 9e12}}, PYRO_GOOD, "90.0 GB free (1.0 %) in /w", ""},
        {{{"/w", false, 89e9, 9e12}}, PYRO_WARN, "89.0 GB free (1.0 %) in /w" FULL, ELSEWHERE},
        {{{"/w", false, 5e9, 9e9}, {".pyrometer", false, 0, 1e9}, {"/tmp", true, 4e9, 8e9}},
         PYRO_WARN,
         "0.0 MB free (0.0 %) in .pyrometer" FULL,
         ELSEWHERE},
        {{{"/w", false, 5e9, 9e9}, {".pyrometer", false, 0, 0}, {"/tmp", true, 1e6, 8e9}},
         PYRO_WARN,
         "1.0 MB free (0.0 %) in /tmp" FULL,
         "Free some of it, or set TMPDIR to a folder on another disk."},
        {{{"/w", false, 5e9, 9e9}, {".pyrometer", false, 0, 0}, {"/tmp", true, 4e9, 8e9}},
         PYRO_GOOD,
         "4.0 GB free (50.0 %) in /tmp",
         ""},
        {{{"/w", false, 70e9, 9e12}, {".pyrometer", false, 0, 0}, {"/tmp", true, 4e9, 8e9}},
         PYRO_WARN,
         "70.0 GB free (0.8 %) in /w" FULL,
         ELSEWHERE},
        {{{"/w", false, 5e9, 9e9}, {".pyrometer", false, 0, 0}, {"/tmp", true, 5e9, 9e9}},
         PYRO_GOOD,
         "5.0 GB free (55.6 %) in /w",
         ""},
        {{{"/w", false, 0, 0}}, PYRO_INFO, UNTOLD, ""},
    };
    struct pyro_check check;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pyro_cli_judge_disks(cases[i].disks, 3, &check);
        expect(&check, "disk", cases[i].verdict, cases[i].text, cases[i].mend);
    }
    char longest[PATH_MAX];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const struct pyro_disk disk = {longest, false, 0, 1e9};
    pyro_cli_judge_disks(&disk, 1, &check);
    assert_int_equal(check.verdict, PYRO_WARN);
    assert_non_null(strstr(check.text, FULL));
    pyro_cli_judge_disks(NULL, 0, &check);
    expect_untold(&check, "disk");
}

#define SOME(share) "some avg10=" #share " avg60=99.00 avg300=99.00 total=1\nfull avg10=88.00\n"

static void test_pressure(void **state)
{
    (void)state;
    static const struct {
        const char *texts[PYRO_PRESSURES];
        enum pyro_verdict verdict;
        const char *text, *mend;
    } cases[] = {
        {{SOME(10.00), SOME(0.00), SOME(1.25)},
         PYRO_WARN,
         "threads waited in the last 10 s: 10.0 % for CPUs, 0.0 % for memory, 1.2 % for disks; "
         "a profile shows that too",
         WHO_COMPUTES},
        {{SOME(9.99), SOME(9.90), SOME(9.89)},
         PYRO_GOOD,
         "threads waited in the last 10 s: 10.0 % for CPUs, 9.9 % for memory, 9.9 % for disks",
         ""},
        {{SOME(11.00), SOME(12.00), SOME(0.00)},
         PYRO_WARN,
         "threads waited in the last 10 s: 11.0 % for CPUs, 12.0 % for memory, 0.0 % for disks; "
         "a profile shows that too",
         WHO_HAS_MEMORY},
        {{NULL, "", SOME(100.00)},
         PYRO_WARN,
         "threads waited in the last 10 s: 100.0 % for disks; a profile shows that too",
         "ps -eo pid,stat,comm | awk '$2 ~ /^D/'"},
        {{SOME(0.50), NULL, NULL},
         PYRO_GOOD,
         "threads waited in the last 10 s: 0.5 % for CPUs",
         ""},
        {{SOME(100.01), SOME(x), "full avg10=50.00 avg60=0\n"}, PYRO_INFO, UNTOLD, ""},
        {{NULL, NULL, NULL}, PYRO_INFO, UNTOLD, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pyro_check check;
        pyro_cli_judge_pressure(cases[i].texts, &check);
        expect(&check, "pressure", cases[i].verdict, cases[i].text, cases[i].mend);
    }
}

/* On this machine, whatever its state: all are there, none is a failure. */
static void test_here(void **state)
{
    (void)state;
    static const char *const keys[] = {"load", "steal", "swap", "disk", "pressure"};
    struct pyro_health health;
    struct pyro_check checks[PYRO_HEALTH_CHECKS];

    pyro_cli_health_begin(&health);
    pyro_cli_health_end(&health, checks);
    for (int i = 0; i < PYRO_HEALTH_CHECKS; i++) {
        assert_string_equal(checks[i].key, keys[i]);
        assert_int_not_equal(checks[i].verdict, PYRO_BAD);
        assert_true(checks[i].text[0] && checks[i].label[0]);
        assert_true((checks[i].mend[0] != 0) == (checks[i].verdict == PYRO_WARN));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),  cmocka_unit_test(test_steal),    cmocka_unit_test(test_swap),
        cmocka_unit_test(test_disks), cmocka_unit_test(test_pressure), cmocka_unit_test(test_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
