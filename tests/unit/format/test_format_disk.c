/*
 * The writer and its file: mode, refusal to overwrite, a full disk, a limit on the file's size, a
 * disk that does not take anything for a while.
 */
#include "small.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
/* behind the above */
#include <cmocka.h>

static char folder[] = "/tmp/pyro-disk-XXXXXX", path[64];

static int setup(void **ctx)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.pyro", folder);
    return 0;
}

static int teardown(void **ctx)
{
    unlink(path);
    return rmdir(folder);
}

static int create(struct pyro_writer **w, const char *file, bool overwrite, struct pyro_error *err)
{
    struct pyro_recording_head head = small_head();
    return pyro_format_create(w, file, overwrite, &head, err);
}

static void mode_and_overwriting(void **ctx)
{
    struct pyro_writer *w;
    struct pyro_error err = {0};
    struct stat st;
    mode_t before = umask(0);
    unlink(path);
    assert_int_equal(create(&w, path, false, &err), 0);
    umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pyro_format_finish(w, NULL, NULL, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    off_t size = st.st_size;
    assert_int_equal(create(&w, path, false, &err), PYRO_E_EXISTS);
    assert_non_null(strstr(err.text, path));
    assert_null(w);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, size); /* untouched */
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(create(&w, path, true, &err), 0);
    assert_int_equal(pyro_format_finish(w, NULL, NULL, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(create(&w, "/nonexistent/a.pyro", false, &err), PYRO_E_NOT_FOUND);
}

static void nothing_fits(void **ctx)
{
    struct pyro_writer *w;
    struct pyro_error err = {0};
    assert_int_equal(create(&w, "/dev/full", true, &err), PYRO_E_FULL);
    assert_non_null(strstr(err.text, "/dev/full"));
    struct stat st;
    assert_int_equal(stat("/dev/full", &st), 0); /* and it is still there */
}

/* Samples that are not discarded, in what was read. */
static uint64_t count_samples(struct collected *c)
{
    uint64_t count = 0;
    for (uint32_t t = 0; t < c->streams[0].threads.len; t++)
        for (size_t i = 0; i < c->streams[0].times.len; i++)
            count += collect_cell(&c->streams[0], t, i)->present;
    return count;
}

/* Writes until the disk is full and five batches longer; `mend` makes room before the end. */
static void fill(const char *file, void (*mend)(void))
{
    struct pyro_writer *w;
    struct pyro_error err = {0};
    struct pyro_status_fact status = {0};
    unlink(file);
    assert_int_equal(create(&w, file, false, &err), 0);
    struct pyro_stream *s = small_begin(w);
    unsigned more = 5;
    int rc = 0;
    for (unsigned i = 0; more; i++) {
        small_batch(s, 1000000, i);
        status.taken += SMALL_TICKS * (i ? 2 : 1);
        int now = pyro_format_flush(w, &status);
        assert_true(!rc || now == rc); /* sticky */
        rc = now;
        more -= rc != 0;
        assert_true(i < 100000);
        usleep(rc ? 0 : 200);
    }
    assert_int_equal(rc, PYRO_E_FULL);
    if (mend)
        mend();
    struct pyro_end_fact end = {0};
    assert_int_equal(pyro_format_finish(w, &status, &end, &err), PYRO_E_FULL);
    assert_non_null(strstr(err.text, "samples were lost"));

    struct collected c = {0};
    struct pyro_visitor visitor = collect_visitor(&c);
    enum pyro_ending ending;
    assert_int_equal(pyro_format_read(file, &visitor, &ending, &err), 0);
    assert_int_equal(c.damages, 0); /* the file ends with a whole chunk */
    uint64_t kept = count_samples(&c);
    assert_true(kept > 0 && kept < status.taken);
    if (ending == PYRO_ENDED_COMPLETE) /* it says how much is missing, or it does not end */
        assert_int_equal(c.status.taken - c.status.lost, kept);
    else
        assert_int_equal(ending, PYRO_ENDED_KILLED);
    assert_true(!mend || ending == PYRO_ENDED_COMPLETE);
    char sentence[64];
    snprintf(sentence, sizeof sentence, " %llu samples were lost",
             (unsigned long long)(status.taken - kept));
    assert_non_null(strstr(err.text, sentence));
    collect_release(&c);
    unlink(file);
}

static struct rlimit limit;
static void lift_limit(void)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void file_size_limit(void **ctx)
{
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit low = {20000, limit.rlim_max};
    for (int round = 0; round < 2; round++) { /* SIGXFSZ is not ignored: it must not come */
        setrlimit(RLIMIT_FSIZE, &low);
        fill(path, round ? lift_limit : NULL);
        lift_limit();
    }
}

static char spare[80];
static void delete_spare(void)
{
    assert_int_equal(unlink(spare), 0);
}

static void put(const char *file, const char *fmt, unsigned id)
{
    int fd = open(file, O_WRONLY);
    assert_true(fd >= 0 && dprintf(fd, fmt, id, id) > 0);
    close(fd);
}

/* In a namespace of our own, so that nothing stays mounted whatever happens; an ordinary user may
 * have one with users of its own. */
static int unshare_mounts(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (!unshare(CLONE_NEWNS))
        return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return -1;
    put("/proc/self/uid_map", "%u %u 1", uid);
    put("/proc/self/setgroups", "deny", 0);
    put("/proc/self/gid_map", "%u %u 1", gid);
    return 0;
}

static void full_disk(void **ctx)
{
    char disk[64], file[80];
    snprintf(disk, sizeof disk, "%s/disk", folder);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (unshare_mounts() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", disk, "tmpfs", 0, "size=64k")) {
        print_message("skipped: no small disk can be mounted here: %s\n", strerror(errno));
        rmdir(disk);
        skip();
    }
    snprintf(file, sizeof file, "%s/a.pyro", disk);
    snprintf(spare, sizeof spare, "%s/spare", disk);
    for (int round = 0; round < 2; round++) {
        static const char zeros[16384];
        int fd = open(spare, O_CREAT | O_WRONLY, 0600);
        assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
        close(fd);
        fill(file, round ? delete_spare : NULL);
    }
    unlink(spare);
    assert_int_equal(umount(disk), 0);
    rmdir(disk);
}

static void *drain(void *arg)
{
    static struct pyro_buf got;
    int fd = *(int *)arg;
    for (;;) {
        uint8_t *to = pyro_base_buf_room(&got, 65536);
        ssize_t n = read(fd, to, 65536);
        if (n <= 0)
            return &got;
        got.len += (size_t)n;
    }
}

/* A pipe that nobody empties stands for a disk that hangs: flushing goes on, nothing is lost. */
static void slow_disk(void **ctx)
{
    struct pyro_writer *w;
    struct pyro_error err = {0};
    char fifo[80];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(create(&w, fifo, true, &err), 0);
    struct pyro_stream *s = small_begin(w);
    struct pyro_status_fact status = {0};
    uint64_t wait = 0;
    for (unsigned i = 0; i < 1000; i++) {
        small_batch(s, 1000000, i);
        status.taken += SMALL_TICKS * (i ? 2 : 1);
        uint64_t before = pyro_base_monotonic_ns();
        assert_int_equal(pyro_format_flush(w, &status), 0);
        wait += pyro_base_monotonic_ns() - before;
        if (i < 300)
            usleep(100); /* so that the pipe fills up with single batches */
    }
    print_message("1000 flushes took %llu us\n", (unsigned long long)wait / 1000);
    assert_int_equal(pyro_format_lost(w), 0);
    fcntl(fd, F_SETFL, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, drain, &fd);
    struct pyro_end_fact end = {0};
    assert_int_equal(pyro_format_finish(w, &status, &end, &err), 0);
    void *result;
    pthread_join(thread, &result);
    struct pyro_buf *got = result;
    struct collected c;
    enum pyro_ending ending;
    assert_int_equal(collect_memory(&c, got->data, got->len, &ending), 0);
    assert_int_equal(ending, PYRO_ENDED_COMPLETE);
    assert_int_equal(count_samples(&c), status.taken);
    assert_true(c.statuses < 900); /* it did hang: flushes were put together */
    collect_release(&c);
    pyro_base_buf_release(got);
    close(fd);
    unlink(fifo);
}

/* Two samples of one recording at a time: what a reader sees while the writer goes on. */
static void read_while_written(void **ctx)
{
    struct pyro_writer *w;
    struct pyro_error err = {0};
    unlink(path);
    assert_int_equal(create(&w, path, false, &err), 0);
    struct pyro_stream *s = small_begin(w);
    struct pyro_status_fact status = {0};
    size_t last = 0;
    for (unsigned i = 0; i < 50; i++) {
        small_batch(s, 1000000, i);
        assert_int_equal(pyro_format_flush(w, &status), 0);
        struct collected c = {0};
        struct pyro_visitor visitor = collect_visitor(&c);
        enum pyro_ending ending;
        assert_int_equal(pyro_format_read(path, &visitor, &ending, &err), 0);
        assert_int_not_equal(ending, PYRO_ENDED_COMPLETE);
        assert_true(c.streams[0].times.len >= last);
        last = c.streams[0].times.len;
        collect_release(&c);
    }
    assert_int_equal(pyro_format_finish(w, &status, NULL, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mode_and_overwriting),
        cmocka_unit_test(nothing_fits),
        cmocka_unit_test(file_size_limit),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(slow_disk),
        cmocka_unit_test(read_while_written),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
