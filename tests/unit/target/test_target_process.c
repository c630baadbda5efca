/*
 * A process seen from outside, against what it says of itself: every code object of a large part
 * of the standard library with its names, sizes, lines and columns, the threads, functions, the
 * frames of a blocked call, and the refusals.  On each interpreter of PYRO_TEST_PYTHONS (commands,
 * joined with colons; without it: python3).
 */
#include "target_priv.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 256 << 10, DEPTH = 64 };
#define ELLIPSIS "\xe2\x80\xa6"

struct child {
    pid_t pid;
    FILE *out; /* what it says */
    int in;    /* it ends when this is closed */
};

static void start(const char *command, struct child *child)
{
    int in[2], out[2];

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    child->pid = fork();
    if (child->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    child->in = in[1];
    child->out = fdopen(out[0], "r");
    assert_non_null(child->out);
}

static void stop(struct child *child)
{
    close(child->in);
    fclose(child->out);
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
}

/* Asks until the process has become something; false: it has ended. */
static int open_when_ready(pid_t pid, struct pyro_target **t, struct pyro_error *err)
{
    int rc = PYRO_E_NOT_READY;

    for (int i = 0; i < 20000 && (rc == PYRO_E_NOT_READY || rc == PYRO_E_NOT_PYTHON); i++) {
        rc = pyro_target_open(pid, t, err);
        if (rc)
            usleep(500);
    }
    return rc;
}

static int nibble(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* The next token in hex as text; "-" is the empty one. */
static char *hex_token(char **save, size_t *size)
{
    char *token = strtok_r(NULL, " \n", save);
    char *out = token;

    assert_non_null(token);
    *size = 0;
    if (strcmp(token, "-") == 0)
        return token;
    for (char *at = token; at[0]; at += 2)
        out[(*size)++] = (char)(nibble(at[0]) << 4 | nibble(at[1]));
    return out;
}

static long number_token(char **save, int base)
{
    char *token = strtok_r(NULL, " \n", save);

    assert_non_null(token);
    return strtol(token, NULL, base);
}

static void check_text(const char *text, size_t size, char **save)
{
    size_t expected_size;
    const char *expected = hex_token(save, &expected_size);

    if (expected_size > TEXT_MAX) { /* cut within four bytes of the bound, with an ellipsis */
        assert_in_range(size, TEXT_MAX - 3, TEXT_MAX);
        size -= strlen(ELLIPSIS);
        assert_memory_equal(text + size, ELLIPSIS, strlen(ELLIPSIS));
        assert_memory_equal(text, expected, size);
        return;
    }
    assert_int_equal(size, expected_size);
    assert_memory_equal(text, expected, size);
}

/* Every code unit by the table's entries in turn, and one in some ten by looking it up; all of them
 * so where the entries are 3.10's pairs. */
static void check_positions(const struct pyro_code *code, char *runs)
{
    struct pyro_cursor cur = {.at = code->linetable, .end = code->linetable + code->linetable_size};
    struct target_entry entry = {.line = code->first_line};
    unsigned unit = 0, behind = 0;

    for (char *save = NULL, *run = strtok_r(runs, ",\n", &save); run;
         run = strtok_r(NULL, ",\n", &save)) {
        struct pyro_position is, at, expected;
        unsigned units;

        assert_int_equal(sscanf(run, "%u:%u:%u:%u:%u", &units, &expected.line, &expected.end_line,
                                &expected.column, &expected.end_column),
                         5);
        for (; units > 0; units--, unit++) {
            if (code->has_pairs) {
                pyro_target_position(code, (int)unit * 2, &is);
            } else {
                if (unit == behind) {
                    assert_true(target_positions_next(&cur, &entry));
                    behind += entry.units;
                }
                target_positions_of(&entry, &is);
            }
            if (memcmp(&is, &expected, sizeof(is)) != 0)
                fail_msg("%s unit %u: %u-%u:%u-%u, should be %u-%u:%u-%u", code->qualname, unit,
                         is.line, is.end_line, is.column, is.end_column, expected.line,
                         expected.end_line, expected.column, expected.end_column);
            if (unit % (unsigned)(code->size / 400 + 1) == 0) {
                pyro_target_position(code, (int)unit * 2, &at);
                assert_memory_equal(&at, &is, sizeof(at));
            }
        }
    }
    if (code->linetable_size) {
        assert_int_equal(unit * 2, code->size);
        assert_true(code->has_pairs || !target_positions_next(&cur, &entry));
    }
}

static uint64_t check_code(struct pyro_target *t, char **save)
{
    const struct pyro_layout *l = pyro_target_layout(t);
    struct pyro_arena *arena = pyro_base_arena_new();
    uint64_t address = (uint64_t)number_token(save, 16);
    struct pyro_position first, before;
    struct pyro_code code;
    uint8_t bytes[512];
    size_t size;
    const char *table;

    assert_int_equal(pyro_target_read_code(t, address, arena, &code), 0);
    assert_int_equal(code.first_line, number_token(save, 10));
    assert_int_equal(code.last_line, number_token(save, 10));
    assert_int_equal(code.size, number_token(save, 10));
    assert_int_equal(code.nlocalsplus, number_token(save, 10));
    assert_int_equal(code.frame_bytes,
                     (code.nlocalsplus + number_token(save, 10) + l->frame_specials) * 8 +
                         (pyro_layout_is_linked(l) ? l->frame_locals : 0));
    check_text(code.file, code.file_size, save);
    check_text(code.name, code.name_size, save);
    check_text(code.qualname, code.qualname_size, save);
    table = hex_token(save, &size);
    assert_int_equal(code.linetable_size, size);
    assert_memory_equal(code.linetable, table, size);
    assert_true(code.table_hash == pyro_base_hash(table, size));
    assert_false(code.hidden);
    check_positions(&code, *save);

    pyro_target_position(&code, -1, &first);
    pyro_target_position(&code, -2, &before);
    assert_int_equal(first.line, code.first_line);
    assert_int_equal(before.line, code.first_line);

    assert_true(pyro_target_code_check_size(t) <= sizeof(bytes));
    assert_int_equal(pyro_target_read(t, address, bytes, pyro_target_code_check_size(t)), 0);
    assert_true(pyro_target_code_check(t, &code, bytes));
    for (int i = 0; i < 4; i++) {
        struct pyro_code other = code;

        *(i == 0   ? &other.name_at
          : i == 1 ? &other.filename_at
          : i == 2 ? &other.linetable_at
                   : &other.qualname_at) += 8;
        assert_false(pyro_target_code_check(t, &other, bytes));
    }
    pyro_base_arena_free(arena);
    return address;
}

static void check_function(struct pyro_target *t, char **save)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    uint64_t address = (uint64_t)number_token(save, 16), code, module_at;
    const char *module;
    size_t size;

    assert_int_equal(pyro_target_read_function(t, address, &code, &module_at), 0);
    assert_true(code == (uint64_t)number_token(save, 16));
    assert_int_equal(pyro_target_read_str(t, module_at, 1000, arena, &module, &size), 0);
    check_text(module, size, save);
    pyro_base_arena_free(arena);
}

/* What is neither code nor a function (main.__code__ is among them: code, but no function). */
static void check_other(struct pyro_target *t, char **save, int *codes)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    uint64_t address = (uint64_t)number_token(save, 16), code_at, module_at;
    struct pyro_code code;
    int rc;

    assert_int_equal(pyro_target_read_function(t, address, &code_at, &module_at), 0);
    assert_true(code_at == 0 && module_at == 0);
    rc = pyro_target_read_code(t, address, arena, &code);
    if (rc == 0)
        (*codes)++;
    else
        assert_true(rc == PYRO_E_INVALID || rc == PYRO_E_IO);
    pyro_base_arena_free(arena);
}

/* The oldest thread is the program's main one. */
static void check_main_thread(struct pyro_target *t, char **save)
{
    const struct pyro_layout *l = pyro_target_layout(t);
    uint64_t threads[64], value;
    int count = pyro_target_threads(t, threads, 64);

    assert_true(count > 0);
    assert_int_equal(pyro_target_thread_number(t, threads[count - 1], &value), 0);
    assert_int_equal(value, number_token(save, 10));
    assert_int_equal(pyro_target_read_u64(t, threads[count - 1] + (uint64_t)l->thread_id, &value),
                     0);
    assert_int_equal(value, number_token(save, 16));
}

/* Not asked of 3.10, whose frames say themselves whether they run. */
static void check_returning(struct pyro_target *t, char **save)
{
    const int *known = pyro_target_layout(t)->op_return;

    if (pyro_layout_is_linked(pyro_target_layout(t)))
        return;
    for (char *token; (token = strtok_r(NULL, " \n", save));) {
        bool found = false;

        for (int i = 0; known[i] >= 0; i++)
            found |= known[i] == atoi(token);
        assert_true(found);
    }
}

/* While it runs: its frame lies within it, with its code, and its state says so.  (3.10: it is an
 * object of its own.) */
static void check_generator(struct pyro_target *t, const uint64_t generator[2])
{
    const struct pyro_layout *l = pyro_target_layout(t);
    uint64_t frame = generator[0] + (uint64_t)l->generator_frame, code;
    int8_t state;
    uint8_t owner;

    if (pyro_layout_is_linked(l))
        return;
    assert_int_equal(pyro_target_read_u64(t, frame + (uint64_t)l->frame_executable, &code), 0);
    assert_true((code & ~(uint64_t)l->tag_mask) == generator[1]);
    assert_int_equal(pyro_target_read(t, frame + (uint64_t)l->frame_owner, &owner, 1), 0);
    assert_int_equal(owner, l->owner_generator);
    assert_int_equal(pyro_target_read(t, generator[0] + (uint64_t)l->generator_state, &state, 1),
                     0);
    assert_int_equal(state, l->state_executing);
}

/* The frames of the oldest thread, from the newest on, without those of the interpreter. */
static int stack_names(struct pyro_target *t, uint64_t thread, struct pyro_arena *arena,
                       const char **names, int *hidden)
{
    const struct pyro_layout *l = pyro_target_layout(t);
    bool linked = pyro_layout_is_linked(l);
    uint64_t frame, at = thread + (uint64_t)(linked ? l->thread_frame : l->thread_current_frame);
    int count = 0;

    if (l->thread_cframe >= 0) {
        assert_int_equal(pyro_target_read_u64(t, thread + (uint64_t)l->thread_cframe, &at), 0);
        at += (uint64_t)l->cframe_current_frame;
    }
    assert_int_equal(pyro_target_read_u64(t, at, &frame), 0);
    for (int i = 0; i < DEPTH && frame; i++) {
        uint64_t code_at;
        struct pyro_code code;
        uint8_t owner = 0;

        if (!linked)
            assert_int_equal(pyro_target_read(t, frame + (uint64_t)l->frame_owner, &owner, 1), 0);
        assert_int_equal(pyro_target_read_u64(t, frame + (uint64_t)l->frame_executable, &code_at),
                         0);
        code_at &= ~(uint64_t)l->tag_mask;
        if (pyro_target_read_code(t, code_at, arena, &code) == 0) {
            if (!code.hidden)
                names[count++] = code.qualname;
            else
                *hidden += owner == l->owner_thread;
        } else {
            assert_int_equal(owner, l->owner_cstack);
        }
        assert_int_equal(pyro_target_read_u64(t, frame + (uint64_t)l->frame_previous, &frame), 0);
    }
    return count;
}

static void check_stack(struct pyro_target *t)
{
    static const char *const expected[] = {"Init.__init__", "outer", "whole", "main", "<module>"};
    struct pyro_arena *arena = pyro_base_arena_new();
    const char *names[DEPTH] = {0};
    uint64_t threads[64];
    int count = pyro_target_threads(t, threads, 64), hidden = 0;

    assert_true(count > 0);
    assert_int_equal(stack_names(t, threads[count - 1], arena, names, &hidden), 5);
    for (int i = 0; i < 5; i++) {
        const char *last = strrchr(expected[i], '.'); /* all that 3.10's code objects have */
        bool whole = last == NULL || !pyro_layout_is_linked(pyro_target_layout(t));
        assert_string_equal(names[i], whole ? expected[i] : last + 1);
    }
    /* 3.13 on: between a class and its __init__ the interpreter has a frame on the data stack */
    assert_int_equal(hidden, pyro_target_layout(t)->version >= 0x030d);
    pyro_base_arena_free(arena);
}

/* Any address: an answer, no crash; and hardly anything passes for a code object. */
static void check_anywhere(struct pyro_target *t, uint64_t near)
{
    struct pyro_arena *arena = pyro_base_arena_new();
    int believed = 0;

    for (uint64_t at = near - 4096; at < near + 64 * 1024; at += 4) {
        uint64_t code_at, module_at;
        struct pyro_code code;
        const char *text;
        size_t size;
        int rc = pyro_target_read_code(t, at, arena, &code);

        assert_true(rc <= 0 && (rc == 0 || code.address == at));
        believed += rc == 0;
        rc = pyro_target_read_str(t, at, 64, arena, &text, &size);
        assert_true(rc < 0 || size <= 64);
        assert_true(pyro_target_read_function(t, at, &code_at, &module_at) <= 0);
    }
    assert_true(believed < 1000);
    pyro_base_arena_free(arena);
}

static void check_facts(const char *python, const char *options)
{
    char command[4096], *line = NULL, *save = NULL;
    struct pyro_target *t = NULL;
    struct pyro_error err = {0};
    int codes = 0, others = 0, functions = 0, rc;
    uint64_t threads[64] = {0}, generator[2] = {0}, last_code = 0;
    struct child child;
    size_t room = 0;
    bool ready = false;

    snprintf(command, sizeof(command), "exec %s %s %s", python, TEST_DIR "/facts.py", options);
    start(command, &child);
    rc = open_when_ready(child.pid, &t, &err);
    if (rc)
        fail_msg("%s: %s", python, err.text);
    assert_int_equal(pyro_target_pid(t), child.pid);
    while (!ready && getline(&line, &room, child.out) > 0) {
        char *kind = strtok_r(line, " \n", &save);

        if (strcmp(kind, "version") == 0) {
            assert_string_equal(pyro_target_version(t), strtok_r(NULL, " \n", &save));
        } else if (strcmp(kind, "threads") == 0) {
            assert_int_equal(pyro_target_threads(t, threads, 64), number_token(&save, 10));
            assert_int_equal(pyro_target_threads(t, threads, 3), 3);
        } else if (strcmp(kind, "code") == 0) {
            last_code = check_code(t, &save);
            codes++;
        } else if (strcmp(kind, "function") == 0) {
            check_function(t, &save);
            functions++;
        } else if (strcmp(kind, "native") == 0) {
            check_main_thread(t, &save);
        } else if (strcmp(kind, "returning") == 0) {
            check_returning(t, &save);
        } else if (strcmp(kind, "generator") == 0) {
            generator[0] = (uint64_t)number_token(&save, 16);
            generator[1] = (uint64_t)number_token(&save, 16);
        } else if (strcmp(kind, "other") == 0) {
            check_other(t, &save, &others);
        } else {
            ready = strcmp(kind, "ready") == 0;
        }
    }
    assert_true(ready);
    assert_true(codes > 100);
    assert_int_equal(functions, 5);
    assert_int_equal(others, 1);
    check_stack(t);
    check_generator(t, generator);
    check_anywhere(t, last_code);
    check_anywhere(t, pyro_target_interpreter(t));
    check_anywhere(t, threads[0]);
    assert_true(pyro_target_is_static(t, pyro_target_runtime(t)));
    assert_false(pyro_target_is_static(t, threads[0]));
    print_message("%s: %s, %d code objects\n", python, pyro_target_version(t), codes);
    stop(&child);
    free(line);
    assert_int_equal(pyro_target_threads(t, threads, 64), PYRO_E_GONE);
    pyro_target_close(t);
}

static void each_python(const char *options)
{
    const char *given = getenv("PYRO_TEST_PYTHONS");
    char *list = strdup(given && *given ? given : "python3"), *save = NULL;

    for (char *python = strtok_r(list, ":", &save); python; python = strtok_r(NULL, ":", &save))
        check_facts(python, options);
    free(list);
}

static void test_all(void **state)
{
    each_python("");
}

static void test_without_columns(void **state)
{
    setenv("PYTHONNODEBUGRANGES", "1", 1);
    each_python("small");
    unsetenv("PYTHONNODEBUGRANGES");
}

static void test_no_process(void **state)
{
    struct pyro_target *t;
    struct pyro_error err = {0};
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    assert_int_equal(pyro_target_open(pid, &t, &err), PYRO_E_GONE);
    assert_non_null(strstr(err.text, "no process"));
    assert_null(t);
    assert_int_equal(pyro_target_open(0, &t, &err), PYRO_E_INVALID);
    assert_int_equal(pyro_target_open(-1, &t, NULL), PYRO_E_INVALID);
}

static void test_zombie(void **state)
{
    struct pyro_target *t;
    struct pyro_error err = {0};
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(pyro_target_open(pid, &t, &err), PYRO_E_GONE);
    waitpid(pid, NULL, 0);
}

static void test_not_python(void **state)
{
    struct pyro_target *t;
    struct pyro_error err = {0};
    struct child child;

    start("exec sleep 1000", &child);
    usleep(50000);
    assert_int_equal(pyro_target_open(child.pid, &t, &err), PYRO_E_NOT_PYTHON);
    assert_non_null(strstr(err.text, "(sleep) is not a Python program"));
    stop(&child);
}

/* An interpreter of another version, such as pyenv's 3.10: a command in PYRO_TEST_OLD_PYTHON. */
static void test_old_version(void **state)
{
    const char *python = getenv("PYRO_TEST_OLD_PYTHON");
    struct pyro_target *t = NULL;
    struct pyro_error err = {0};
    char command[4096], version[64] = "", sentence[200];
    struct child child;

    if (!python || !*python) {
        print_message("skipped: PYRO_TEST_OLD_PYTHON names no Python 3.10 to be refused\n");
        skip();
    }
    snprintf(command, sizeof(command),
             "exec %s -uc 'import sys; print(sys.version.split()[0]); sys.stdin.read()'", python);
    start(command, &child);
    assert_non_null(fgets(version, sizeof(version), child.out));
    version[strcspn(version, "\n")] = 0;
    assert_int_equal(pyro_target_open(child.pid, &t, &err), PYRO_E_VERSION);
    snprintf(sentence, sizeof(sentence),
             "Python %s is not supported: Pyrometer reads CPython 3.11 to 3.15.", version);
    assert_string_equal(err.text, sentence);
    stop(&child);
}

static void test_proc(void **state)
{
    struct pyro_proc_stat own, main_thread, child_stat;
    pid_t children[16];
    struct child child;
    char *argv;
    size_t size;
    bool found = false;
    int count;

    start("exec sleep 1000", &child);
    usleep(50000);
    assert_int_equal(pyro_target_proc_stat(getpid(), 0, &own), 0);
    assert_int_equal(pyro_target_proc_stat(getpid(), getpid(), &main_thread), 0);
    assert_int_equal(pyro_target_proc_stat(child.pid, 0, &child_stat), 0);
    assert_int_equal(own.ppid, getppid());
    assert_int_equal(own.state, 'R');
    assert_true(own.cpu_ns > 0 && main_thread.cpu_ns > 0);
    assert_true(own.start_ticks > 0 && own.start_ticks == main_thread.start_ticks);
    assert_int_equal(child_stat.ppid, getpid());
    assert_string_equal(child_stat.comm, "sleep");
    assert_int_equal(child_stat.state, 'S');
    count = pyro_target_children(getpid(), children, 16);
    for (int i = 0; i < count; i++)
        found |= children[i] == child.pid;
    assert_true(found);
    assert_int_equal(pyro_target_argv(child.pid, &argv, &size), 0);
    assert_int_equal(size, sizeof("sleep\0001000"));
    assert_memory_equal(argv, "sleep\0001000", size);
    free(argv);
    stop(&child);
    assert_int_equal(pyro_target_proc_stat(child.pid, 0, &child_stat), PYRO_E_GONE);
    assert_int_equal(pyro_target_argv(child.pid, &argv, &size), PYRO_E_GONE);
    assert_int_equal(pyro_target_children(child.pid, children, 16), PYRO_E_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),        cmocka_unit_test(test_without_columns),
        cmocka_unit_test(test_no_process), cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_not_python), cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_proc),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
