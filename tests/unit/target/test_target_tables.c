/*
 * What needs no process: line tables of any bytes, the checks on _Py_DebugOffsets, the names and
 * refusals of versions, and that the generated layouts hang together.
 */
#include "target_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint32_t final_315 = 0x030f00f0, beta_315 = 0x030f00b2;

static void lookup(const uint8_t *table, size_t size, int instruction, struct pyro_position *out)
{
    /* a copy of just that size, so that a read past the end is seen */
    uint8_t *copy = malloc(size ? size : 1);
    struct pyro_code code = {.linetable = copy, .linetable_size = size, .first_line = 10};

    assert_non_null(copy);
    memcpy(copy, table, size);
    pyro_target_position(&code, instruction, out);
    target_positions_last_line(copy, size, 10);
    free(copy);
}

static void test_entry_kinds(void **state)
{
    static const uint8_t table[] = {
        0x80 | 2 << 3 | 1,  0x35,    /* units 0-1: short: line 10, columns 20-25 */
        0x80 | 12 << 3 | 0, 4,    9, /* unit 2: line 12, columns 5-10 */
        0x80 | 15 << 3 | 7,          /* units 3-10: none */
        0x80 | 13 << 3 | 0, 0x07,    /* unit 11: 3 lines back: 9, no columns */
        0x80 | 14 << 3 | 0, 0x48, 0x03, 0x02, 0x00, 0x40 | 1, 1, /* unit 12: on by 100, two lines */
    };
    static const struct {
        int instruction;
        struct pyro_position at;
    } expected[] = {
        {-2, {10, 0, 0, 0}},     {-1, {10, 0, 0, 0}},   {0, {10, 10, 20, 25}},
        {2, {10, 10, 20, 25}},   {3, {10, 10, 20, 25}}, {4, {12, 12, 5, 10}},
        {6, {0, 0, 0, 0}},       {20, {0, 0, 0, 0}},    {22, {9, 9, 0, 0}},
        {24, {109, 111, 0, 65}}, {26, {0, 0, 0, 0}},    {INT32_MAX, {0, 0, 0, 0}},
    };

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct pyro_position at;

        lookup(table, sizeof(table), expected[i].instruction, &at);
        assert_memory_equal(&at, &expected[i].at, sizeof(at));
    }
    assert_int_equal(target_positions_last_line(table, sizeof(table), 10), 111);
}

/* 3.10: four bytes of line 11, two of none, eight of line 14 in two pieces, two of line 9. */
static void test_pairs(void **state)
{
    static const uint8_t table[] = {4, 1, 2, 0x80, 6, 3, 2, 0, 2, 0xfb, 1};
    static const uint32_t lines[] = {11, 11, 0, 14, 14, 14, 14, 9, 0};
    struct pyro_code code = {
        .linetable = table, .linetable_size = sizeof(table), .first_line = 10, .has_pairs = true};
    struct pyro_position at;

    for (int i = 0; i < 9; i++) {
        pyro_target_position(&code, 2 * i, &at);
        assert_int_equal(at.line, lines[i]);
        assert_int_equal(at.end_line, lines[i]);
        assert_int_equal(at.column, 0);
    }
    pyro_target_position(&code, -1, &at);
    assert_int_equal(at.line, 10);
    assert_int_equal(target_pairs_last_line(&code), 14);
}

static void test_any_bytes(void **state)
{
    uint64_t random = 42;
    uint8_t table[64];

    for (int round = 0; round < 20000; round++) {
        size_t size = (random = pyro_base_mix(random)) % (sizeof(table) + 1);
        struct pyro_position at;

        for (size_t i = 0; i < size; i++)
            table[i] = (uint8_t)(random = pyro_base_mix(random));
        if (round % 2 && size)
            table[0] |= 0x80;
        lookup(table, size, (int)(random % 100), &at);
        assert_true(at.line <= INT32_MAX && at.end_line <= INT32_MAX);
    }
}

static void put(uint8_t *debug, size_t at, uint64_t value)
{
    memcpy(debug + at, &value, sizeof(value));
}

/* A _Py_DebugOffsets that says what the entry's own headers say. */
static void describe(const struct layout_entry *entry, uint8_t *debug)
{
    memset(debug, 0, TARGET_DEBUG_MAX);
    for (const struct layout_group *group = entry->groups; group->at; group++)
        put(debug, group->at, group->size);
    for (const struct layout_said *said = entry->said; said->at; said++)
        put(debug, said->at,
            (uint64_t) * (const int *)((const char *)&entry->layout + said->field));
}

static void test_offsets_agree(void **state)
{
    uint8_t debug[TARGET_DEBUG_MAX];

    for (size_t i = 0; i < target_layouts_count; i++) {
        const struct layout_entry *entry = &target_layouts[i];
        struct pyro_layout layout;
        struct pyro_error err = {0};
        uint32_t hex = (uint32_t)entry->layout.version << 16 | 0xb1;

        assert_ptr_equal(target_layout_of(hex), entry);
        assert_true(entry->debug_size <= TARGET_DEBUG_MAX);
        describe(entry, debug);
        assert_int_equal(
            target_layout_fill(entry, hex, entry->debug_size ? debug : NULL, &layout, &err), 0);
        assert_memory_equal(&layout, &entry->layout, sizeof(layout));
    }
    assert_null(target_layout_of(0x03100000));
}

static void test_offsets_wrong(void **state)
{
    static const uint64_t wrong[] = {UINT64_MAX, UINT64_C(1) << 63, 1u << 31, 1 << 24, 3, 0};
    const struct layout_entry *entry = target_layout_of(final_315);
    uint8_t debug[TARGET_DEBUG_MAX];
    struct pyro_layout layout;
    struct pyro_error err;

    for (const struct layout_said *said = entry->said; said->at; said++)
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            int is = *(const int *)((const char *)&entry->layout + said->field), rc;
            const struct layout_group *group = entry->groups;

            while (group->at != said->group)
                group++;
            describe(entry, debug);
            put(debug, said->at, wrong[i]);
            rc = target_layout_fill(entry, beta_315, debug, &layout, &err);
            assert_int_equal(rc, wrong[i] == (uint64_t)is ? 0 : PYRO_E_UNSUPPORTED);
            rc = target_layout_fill(entry, final_315, debug, &layout, &err);
            if (wrong[i] != 0 && !(said->width == 1 && wrong[i] == 3))
                assert_int_equal(rc, PYRO_E_UNSUPPORTED);
            else if (wrong[i] != (uint64_t)is)
                assert_int_equal(rc, group->may_move ? 0 : PYRO_E_UNSUPPORTED);
        }
    for (const struct layout_group *group = entry->groups; group->at; group++)
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            describe(entry, debug);
            put(debug, group->at, wrong[i]);
            assert_int_equal(target_layout_fill(entry, final_315, debug, &layout, &err),
                             PYRO_E_UNSUPPORTED);
        }
}

/* Another micro release whose thread struct grew in front of the fields. */
static void test_offsets_moved(void **state)
{
    const struct layout_entry *entry = target_layout_of(final_315);
    const struct pyro_layout *known = &entry->layout;
    uint8_t debug[TARGET_DEBUG_MAX];
    struct pyro_layout layout;
    struct pyro_error err;
    uint16_t thread = 0;

    describe(entry, debug);
    for (const struct layout_said *said = entry->said; said->at; said++)
        if (said->field == offsetof(struct pyro_layout, thread_chunk)) {
            put(debug, said->at, (uint64_t)known->thread_chunk + 16);
            thread = said->group;
        }
    put(debug, thread, target_u64(debug + thread) + 16);
    assert_int_equal(target_layout_fill(entry, final_315, debug, &layout, &err), 0);
    assert_int_equal(layout.thread_chunk, known->thread_chunk + 16);
    assert_int_equal(layout.thread_chunk_top, known->thread_chunk_top + 16);
    assert_int_equal(layout.thread_size, known->thread_size + 16);
    assert_int_equal(target_layout_fill(entry, beta_315, debug, &layout, &err), PYRO_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "3.15.0b2"));
}

static void test_versions(void **state)
{
    static const struct {
        uint32_t hex;
        const char *name;
        int rc;
    } cases[] = {
        {0x030b02f0, "3.11.2", 0},
        {0x030f00f0, "3.15.0", 0},
        {0x030f00b2, "3.15.0b2", 0},
        {0x030f00c1, "3.15.0rc1", 0},
        {0x030f00a7, "3.15.0a7", PYRO_E_VERSION},
        {0x031000a1, "3.16.0a1", PYRO_E_VERSION},
        {0x031000f0, "3.16.0", PYRO_E_VERSION},
        {0x030a0df0, "3.10.13", PYRO_E_VERSION},
        {0x030912f0, "3.9.18", PYRO_E_VERSION},
        {0x040000f0, "4.0.0", PYRO_E_VERSION},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pyro_error err = {0};
        char name[32];

        target_version_text(cases[i].hex, name);
        assert_string_equal(name, cases[i].name);
        assert_int_equal(target_version_check(cases[i].hex, &err), cases[i].rc);
        if (cases[i].rc)
            assert_non_null(strstr(err.text, name));
    }
}

static void test_layouts(void **state)
{
    const int first = 0x030a; /* the oldest whose layout is known */

    assert_int_equal(target_layouts_count, 0x0300 + TARGET_LAST_MINOR - first + 1);
    for (size_t i = 0; i < target_layouts_count; i++) {
        const struct pyro_layout *l = &target_layouts[i].layout;
        int returns = 0;

        assert_int_equal(l->version, first + (int)i);
        assert_int_equal(pyro_layout_is_linked(l), i == 0);
        if (pyro_layout_is_linked(l)) {
            assert_true(l->thread_frame > 0 && l->thread_frame < l->thread_id);
            assert_true(l->thread_id + 8 <= l->thread_size);
            assert_true(l->frame_previous < l->frame_executable);
            assert_true(l->frame_executable < l->frame_lasti && l->frame_lasti < l->frame_state);
            assert_true(l->frame_state < l->frame_locals);
            continue;
        }
        assert_int_equal(l->frame_locals, l->frame_specials * 8);
        assert_true((l->frame_stacktop >= 0) != (l->frame_stackpointer >= 0));
        assert_true((l->thread_cframe >= 0) != (l->thread_current_frame >= 0));
        assert_true(l->thread_chunk_top + 8 <= l->thread_size);
        assert_int_equal(l->object_type, 8);
        assert_int_equal(l->var_size, 16);
        while (l->op_return[returns] >= 0)
            returns++;
        assert_in_range(returns, 2, 5);
    }
}

#define CONTAINER_LINES                                                                            \
    "Docker, and podman alike: docker run --cap-add=SYS_PTRACE ...\n"                              \
    "Compose, under the service: cap_add: [SYS_PTRACE]\n"                                          \
    "Kubernetes, under the container: securityContext: {capabilities: {add: [SYS_PTRACE]}}"
#define AS_ROOT "\nThen, as root in it: pyrometer attach PID"
#define SUDO "sudo pyrometer attach 4711"
#define SYSCTL "sudo sysctl kernel.yama.ptrace_scope=0"
#define YAMA_3                                                                                     \
    "echo kernel.yama.ptrace_scope=1 | sudo tee /etc/sysctl.d/10-ptrace.conf\n"                    \
    "Then restart the machine (of a container: both on its host)."

/* The setting that stands in the way, and what grants it: in the sentence, and as lines. */
static void test_refusals(void **state)
{
    enum { CAP = 1, WITHHELD = 2, FILTER = 4, BOX = 8 };
    static const struct {
        int flags;
        uid_t user, owner;
        int scope;
        const char *names, *mends, *lines;
    } cases[] = {
        {CAP | FILTER, 0, 0, -1, "seccomp", "`--cap-add=SYS_PTRACE`, which lifts it.",
         CONTAINER_LINES},
        {CAP | FILTER | BOX, 0, 7, 2, "seccomp", "`--cap-add=SYS_PTRACE`", CONTAINER_LINES},
        {CAP, 0, 7, -1, "SELinux, AppArmor", "`sudo dmesg | tail`", "sudo dmesg | tail"},
        {CAP, 0, 7, 2, "SELinux, AppArmor", "`sudo dmesg | tail`", "sudo dmesg | tail"},
        {CAP, 0, 7, 3, "ptrace_scope is 3", "next start of the machine", YAMA_3},
        {FILTER, 0, 0, 1, "CAP_SYS_PTRACE", "`--cap-add=SYS_PTRACE`", CONTAINER_LINES},
        {WITHHELD | BOX, 0, 7, -1, "CAP_SYS_PTRACE", "`--cap-add=SYS_PTRACE`", CONTAINER_LINES},
        {0, 8, 7, 1, "user 7's (or was made undumpable) and this is user 8", "with `sudo`.", SUDO},
        {BOX, 8, 0, -1, "user 0's (or was made undumpable) and this is user 8", "`sudo`", SUDO},
        {FILTER, 8, 7, 0, "user 7's", "with `sudo`.", SUDO},
        {WITHHELD | BOX, 8, 7, 1, "user 7's",
         "`--cap-add=SYS_PTRACE` and run the same command as root", CONTAINER_LINES AS_ROOT},
        {0, 8, 8, 3, "ptrace_scope is 3", "next start of the machine", YAMA_3},
        {0, 8, 7, 3, "ptrace_scope is 3", "next start of the machine", YAMA_3},
        {0, 8, 8, 2, "ptrace_scope is 2",
         "`sudo`, or allow it until the next start of the machine with `" SYSCTL "`.",
         SUDO "\nFor all programs: " SYSCTL},
        {0, 8, 8, 1, "ptrace_scope is 1", "or start the program with `pyrometer run`",
         SUDO "\nFor all programs: " SYSCTL},
        {BOX, 8, 8, 1, "ptrace_scope is 1", "`" SYSCTL "` on the host, or start",
         SUDO "\nFor all programs, on the host: " SYSCTL},
        {WITHHELD | BOX, 8, 8, 2, "ptrace_scope is 2", "`" SYSCTL "` on the host.",
         CONTAINER_LINES AS_ROOT "\nFor all programs, on the host: " SYSCTL},
        {FILTER, 8, 8, 0, "seccomp", "`--cap-add=SYS_PTRACE`", CONTAINER_LINES},
        {FILTER | BOX, 8, 8, -1, "seccomp", "`--cap-add=SYS_PTRACE`", CONTAINER_LINES},
        {0, 8, 8, 0, "namespace", "with `sudo`.", SUDO},
        {0, 8, 8, -1, "namespace", "with `sudo`.", SUDO},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct pyro_obstacles obstacles = {
            .may_trace = cases[i].flags & CAP,
            .withheld = cases[i].flags & WITHHELD,
            .filtered = cases[i].flags & FILTER,
            .contained = cases[i].flags & BOX,
            .user = cases[i].user,
            .owner = cases[i].owner,
            .scope = cases[i].scope,
        };
        struct pyro_refusal refusal;
        struct pyro_error err = {0};
        int rc = target_fail_obstacle(&obstacles, 4711, &err);

        assert_int_equal(rc, PYRO_E_PERMISSION);
        assert_non_null(strstr(err.text, "Not permitted to read process 4711"));
        if (strstr(err.text, cases[i].names) == NULL || strstr(err.text, cases[i].mends) == NULL)
            fail_msg("%zu: %s", i, err.text);
        pyro_target_refusal(&obstacles, 4711, &refusal);
        assert_non_null(strstr(err.text, refusal.obstacle));
        assert_non_null(strstr(err.text, refusal.advice));
        assert_string_equal(refusal.mend, cases[i].lines);
    }
}

/* Of this process itself, and of one that is not there. */
static void test_obstacles(void **state)
{
    struct pyro_obstacles obstacles;

    assert_true(pyro_target_obstacles(getpid(), &obstacles));
    assert_int_equal(obstacles.user, geteuid());
    assert_in_range(obstacles.scope + 1, 0, 4);
    assert_false(pyro_target_obstacles(1 << 22, &obstacles));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_kinds),   cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_any_bytes),     cmocka_unit_test(test_offsets_agree),
        cmocka_unit_test(test_offsets_wrong), cmocka_unit_test(test_offsets_moved),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_obstacles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
