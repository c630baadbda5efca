/* sources.c: which lines of which files come into the recording. */
#include "record_priv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct got {
    struct pyro_source_fact fact[16];
    int count;
};
static char folder[] = "/tmp/pyro-sources-XXXXXX";
static char kept_text[16][4096];

static const char *in_folder(const char *name)
{
    static char path[16][128];
    static int next;
    char *to = path[next++ % 16];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static void make(const char *name, const char *text, off_t size)
{
    int fd = open(in_folder(name), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    if (size > 0)
        assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static int on_source(void *ctx, const struct pyro_source_fact *fact)
{
    struct got *got = ctx;
    assert_true(got->count < 16 && fact->text.size < sizeof kept_text[0]);
    memcpy(kept_text[got->count], fact->text.bytes, fact->text.size);
    kept_text[got->count][fact->text.size] = '\0';
    got->fact[got->count] = *fact;
    got->fact[got->count++].file = (struct pyro_str){0};
    return 0;
}

struct ask {
    const char *file;
    uint32_t first, last;
};

/* What is written when these functions were seen; the second half of them after a first write. */
static void ask(const struct ask *asks, int count, int rounds, struct got *got)
{
    struct pyro_writer *writer;
    struct pyro_error err;
    struct pyro_recording_head head = {.boot_id = "", .tool = "", .host = ""};
    struct sources *sources = sources_new(getpid());
    assert_non_null(sources);
    assert_int_equal(pyro_format_create(&writer, in_folder("rec"), true, &head, &err), 0);
    for (int r = 0; r < rounds; r++) {
        for (int i = r * count / rounds; i < (r + 1) * count / rounds; i++) {
            struct pyro_function_fact fact = {
                .file = {asks[i].file, strlen(asks[i].file)},
                .first_line = asks[i].first,
                .last_line = asks[i].last,
            };
            sources_seen(sources, &fact);
        }
        sources_write(sources, writer);
    }
    sources_free(sources);
    assert_int_equal(pyro_format_finish(writer, NULL, NULL, &err), 0);
    enum pyro_ending ending;
    memset(got, 0, sizeof *got);
    struct pyro_visitor visitor = {.ctx = got, .source = on_source};
    assert_int_equal(pyro_format_read(in_folder("rec"), &visitor, &ending, &err), 0);
}

static void test_ranges(void **state)
{
    struct got got;
    make("a.py", "1\n2\n3\n4\n5\n6\n7\n8\n9", 0);
    const char *a = in_folder("a.py");
    ask((struct ask[]){{a, 2, 3}, {a, 7, 8}, {a, 4, 4}}, 3, 1, &got);
    assert_int_equal(got.count, 2); /* neighbours are one */
    assert_int_equal(got.fact[0].first_line, 2);
    assert_string_equal(kept_text[0], "2\n3\n4\n");
    assert_int_equal(got.fact[1].first_line, 7);
    assert_string_equal(kept_text[1], "7\n8\n");
    ask((struct ask[]){{a, 1, 9}, {a, 2, 3}}, 2, 1, &got);
    assert_int_equal(got.count, 1);
    assert_string_equal(kept_text[0], "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    ask((struct ask[]){{a, 8, UINT32_MAX}}, 1, 1, &got);
    assert_string_equal(kept_text[0], "8\n9\n");
    ask((struct ask[]){{a, 100, 200}, {a, UINT32_MAX, UINT32_MAX}}, 2, 1, &got);
    assert_int_equal(got.count, 0);
    ask((struct ask[]){{a, 0, 0}}, 1, 1, &got); /* a first line that is not known */
    assert_string_equal(kept_text[0], "1\n");
    ask((struct ask[]){{a, 1, 1}, {a, 3, 3}}, 2, 2, &got);
    assert_int_equal(got.count, 2);
    assert_string_equal(kept_text[1], "3\n");
}

static void test_refused(void **state)
{
    struct got got;
    make("big.py", "1\n", (8 << 20) + 1);
    make("empty.py", "", 0);
    mkfifo(in_folder("fifo"), 0600);
    ask((struct ask[]){{in_folder("missing.py"), 1, 2},
                       {in_folder("big.py"), 1, 1},
                       {in_folder("empty.py"), 1, 1},
                       {in_folder("fifo"), 1, 1},
                       {folder, 1, 1},
                       {"<string>", 1, 1},
                       {"", 1, 1},
                       {"/dev/zero", 1, 1},
                       {"/proc/self/fd/0", 1, 1}},
        9, 1, &got);
    assert_int_equal(got.count, 0);
}

/* A FIFO is not opened, not even for a moment: its writer would go on. */
static void test_fifo_is_left_alone(void **state)
{
    struct got got;
    mkfifo(in_folder("fifo"), 0600);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        int fd = open(in_folder("fifo"), O_WRONLY);
        _exit(fd >= 0);
    }
    usleep(50000);
    ask((struct ask[]){{in_folder("fifo"), 1, 1}}, 1, 1, &got);
    usleep(50000);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it still waits for a reader */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_long_lines(void **state)
{
    struct got got;
    static char line[6000];
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    make("long.py", line, 0);
    ask((struct ask[]){{in_folder("long.py"), 1, 1}}, 1, 1, &got);
    assert_int_equal(strlen(kept_text[0]), 4001);
}

static int make_folder(void **state)
{
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a.py", "big.py", "empty.py", "fifo", "long.py", "rec"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in_folder(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fifo_is_left_alone),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
