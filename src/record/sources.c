/*
 * sources: copies the source lines of the functions seen into the recording, as they are while the
 * program runs.  Files are opened in the program's own root and working directory, which are held
 * open so that they can be reached after its end.
 */
#include "record_priv.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MOST (8 * 1024 * 1024)
#define LINE_MOST 4000 /* longer lines are cut: they are data, not code */

struct wanted {
    uint32_t file; /* in names */
    uint32_t first, last;
};

struct sources {
    int root, cwd;
    int mounts; /* its mount namespace: what is mounted there stays until this is closed */
    struct pyro_strings *names;
    struct pyro_map known;  /* (file, lines) wanted before */
    struct pyro_vec wanted; /* struct wanted, of which `written` are in the recording */
    size_t written;
};

struct sources *sources_new(pid_t pid)
{
    struct sources *sources = calloc(1, sizeof *sources);
    if (sources == NULL)
        return NULL;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    sources->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
    sources->cwd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    sources->mounts = open(path, O_RDONLY | O_CLOEXEC);
    sources->names = pyro_base_strings_new();
    sources->wanted = PYRO_VEC(struct wanted);
    if (sources->names == NULL) {
        sources_free(sources);
        return NULL;
    }
    return sources;
}

static bool is_same_place(int fd, pid_t pid, const char *name)
{
    char path[64];
    struct stat mine, its;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fd >= 0 && fstat(fd, &mine) == 0 && stat(path, &its) == 0 && mine.st_ino == its.st_ino &&
           mine.st_dev == its.st_dev;
}

bool sources_serve(const struct sources *sources, pid_t pid)
{
    return is_same_place(sources->root, pid, "root") && is_same_place(sources->cwd, pid, "cwd");
}

void sources_free(struct sources *sources)
{
    if (sources == NULL)
        return;
    if (sources->root >= 0)
        close(sources->root);
    if (sources->cwd >= 0)
        close(sources->cwd);
    if (sources->mounts >= 0)
        close(sources->mounts);
    pyro_base_strings_free(sources->names);
    pyro_base_map_release(&sources->known);
    pyro_base_vec_release(&sources->wanted);
    free(sources);
}

void sources_seen(void *ctx, const struct pyro_function_fact *fact)
{
    struct sources *sources = ctx;
    if (fact->file.size == 0 || fact->file.bytes[0] == '<')
        return;
    uint32_t file = pyro_base_strings_add(sources->names, fact->file.bytes, fact->file.size, NULL);
    uint32_t first = fact->first_line > 0 ? fact->first_line : 1;
    uint32_t last = fact->last_line > first ? fact->last_line : first;
    uint64_t lines = (uint64_t)first << 32 | last;
    if (file == PYRO_MAP_NONE || pyro_base_map_get(&sources->known, file, lines) == 0 ||
        pyro_base_map_put(&sources->known, file, lines, 0) != 0)
        return; /* functions are told of again when a new stream begins */
    struct wanted *wanted = pyro_base_vec_push(&sources->wanted);
    if (wanted != NULL)
        *wanted = (struct wanted){file, first, last};
}

/* Only a regular file is opened for reading: opening a FIFO would let a writer of the program's go
 * on, and opening a device can do anything. */
static int open_source(const struct sources *sources, const char *path, struct stat *st)
{
    bool absolute = path[0] == '/';
    int dir = absolute ? sources->root : sources->cwd, fd = -1;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = absolute ? RESOLVE_IN_ROOT : RESOLVE_NO_MAGICLINKS};
    long place = dir < 0 ? -1 : syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (place < 0)
        return -1;
    if (fstat((int)place, st) == 0 && S_ISREG(st->st_mode)) {
        char again[64];
        snprintf(again, sizeof again, "/proc/self/fd/%ld", place);
        fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    close((int)place);
    return fd;
}

static char *read_source(const struct sources *sources, const char *path, size_t *size)
{
    struct stat st;
    int fd = open_source(sources, path, &st);
    char *text = NULL;
    if (fd >= 0 && st.st_size <= FILE_MOST) {
        text = malloc((size_t)st.st_size + 1);
        ssize_t got = text == NULL ? -1 : read(fd, text, (size_t)st.st_size);
        if (got < 0) {
            free(text);
            text = NULL;
        } else {
            *size = (size_t)got;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static void put_lines(struct pyro_buf *out, const char *text, size_t size, uint32_t first,
                      uint32_t last)
{
    uint32_t line = 1;
    for (size_t at = 0; at < size && line <= last; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - (text + at));
        if (line >= first) {
            pyro_base_put(out, text + at, length < LINE_MOST ? length : LINE_MOST);
            pyro_base_put_u8(out, '\n');
        }
        at += length + 1;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return 0;
}

void sources_write(struct sources *sources, struct pyro_writer *writer)
{
    size_t count = sources->wanted.len - sources->written;
    if (count == 0)
        return;
    struct wanted *wanted = pyro_base_vec_at(&sources->wanted, sources->written);
    qsort(wanted, count, sizeof *wanted, by_place);
    struct pyro_buf lines = {0};
    char *text = NULL;
    size_t size = 0;
    for (size_t i = 0; i < count;) {
        uint32_t file = wanted[i].file, first = wanted[i].first, last = wanted[i].last;
        size_t next = i + 1;
        while (next < count && wanted[next].file == file && wanted[next].first <= last + 1) {
            if (wanted[next].last > last)
                last = wanted[next].last;
            next++;
        }
        if (i == 0 || wanted[i - 1].file != file) {
            free(text);
            text = read_source(sources, pyro_base_strings_get(sources->names, file, NULL), &size);
        }
        if (text != NULL) {
            size_t name_size;
            const char *name = pyro_base_strings_get(sources->names, file, &name_size);
            pyro_base_buf_clear(&lines);
            put_lines(&lines, text, size, first, last);
            struct pyro_source_fact fact = {
                {name, name_size}, first, {(const char *)lines.data, lines.len}};
            if (lines.len > 0 && !lines.failed)
                pyro_format_write_source(writer, &fact);
        }
        i = next;
    }
    free(text);
    pyro_base_buf_release(&lines);
    sources->written = sources->wanted.len;
}
