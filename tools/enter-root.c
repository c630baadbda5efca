// Runs a program inside another Debian's root folder, as the same process: same pid, working
// directory, environment and arguments.
//
//     enter-root ROOT [BIND...] -- PROGRAM [ARG...]
//
// The mounts are made in a mount namespace of this process's own. Nothing of them is left on the
// machine when the program ends, so there is nothing to unmount, and removing the root folder can
// never reach through a forgotten bind mount into the repository or the temporary folder.
//
// Bound at their own path: /proc, /dev (with pts and shm), /sys, the temporary folders, $HOME, the
// working directory, each BIND, and the few files of /etc that name resolution, TLS and pip use.
// An ordinary user gets the same through a user namespace, where the kernel allows one.
//
// With PYROMETER_ROOT=pivot in the environment the root is entered with pivot_root, as containers
// are: /proc/PID/maps then shows paths as the program sees them, not as this machine does.

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_BINDS = 64 };

struct bind {
    const char *path;
    int source; // O_PATH descriptor, opened while the outer root was still ours
    bool is_dir;
    bool deep; // with the mounts below it
};

static struct bind binds[MAX_BINDS];
static int n_binds;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    int error = errno;
    va_list args;

    fputs("enter-root: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(error));
    exit(125);
}

// Paths that are not there are passed over: a machine without pip's configuration needs none.
static void add_bind(const char *path, bool deep)
{
    struct stat st;
    int fd;

    if (!path || path[0] != '/' || path[1] == '\0')
        return;
    for (int i = 0; i < n_binds; i++) {
        if (strcmp(binds[i].path, path) == 0)
            return;
    }
    fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    if (n_binds == MAX_BINDS || fstat(fd, &st) < 0)
        die("%s", path);
    binds[n_binds++] = (struct bind){path, fd, S_ISDIR(st.st_mode), deep};
}

// Places that pip and TLS are told of by name; bound only where the root has nothing there.
static void add_named_places(void)
{
    static const char *const names[] = {
        "PIP_FIND_LINKS", "PIP_CERT",           "PIP_CONFIG_FILE",
        "SSL_CERT_FILE",  "REQUESTS_CA_BUNDLE", "PIP_CACHE_DIR",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add_bind(getenv(names[i]), false);
}

// False where an ordinary user may not make it: the place stays unseen, and only a program that
// asks for it is worse off.
static bool make_place(const struct bind *b)
{
    char path[PATH_MAX];
    struct stat st;
    int fd;

    if (snprintf(path, sizeof path, "%s", b->path) >= (int)sizeof path)
        return false;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    if (b->is_dir) {
        mkdir(path, 0755);
    } else {
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
            close(fd);
    }
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) == b->is_dir;
}

static void write_map(const char *path, unsigned id)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%u %u 1\n", id, id);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, line, n) != n)
        die("%s", path);
    close(fd);
}

static void own_mounts(void)
{
    unsigned uid = getuid(), gid = getgid();
    int fd;

    if (unshare(CLONE_NEWNS) < 0) {
        if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            die("no mount namespace to be had (run as root)");
        fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "deny", 4) != 4)
            die("/proc/self/setgroups");
        close(fd);
        write_map("/proc/self/uid_map", uid);
        write_map("/proc/self/gid_map", gid);
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die("private mounts");
}

// Back out to the outer root, for its descriptor was kept, and from there a real change of root.
static void pivot(const char *root, int outer)
{
    if (fchdir(outer) < 0 || chroot(".") < 0 || chdir(root) < 0)
        die("%s", root);
    // "." twice stacks the old root above the new one, whence it is unmounted.
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        die("pivot_root %s", root);
    if (umount2(".", MNT_DETACH) < 0)
        die("leaving the outer root");
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                        "/etc/passwd",      "/etc/group", "/etc/pip.conf",
                                        "/etc/localtime",   "/etc/ssl"};
    const char *way = getenv("PYROMETER_ROOT");
    bool pivoting = way && strcmp(way, "pivot") == 0;
    char *cwd = getcwd(NULL, 0);
    int program = 2, proc, outer, n_certain;

    while (program < argc && strcmp(argv[program], "--") != 0)
        program++;
    if (++program >= argc) {
        fputs("usage: enter-root ROOT [BIND...] -- PROGRAM [ARG...]\n", stderr);
        return 125;
    }
    own_mounts();

    // Outer places first: a bind hides what was bound below its own path before.
    add_bind("/proc", true);
    add_bind("/dev", true);
    add_bind("/sys", true);
    add_bind(getenv("HOME"), false);
    add_bind("/tmp", false);
    add_bind("/var/tmp", false);
    add_bind(getenv("TMPDIR"), false);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        add_bind(files[i], false);
    for (int i = 2; i < program - 1; i++)
        add_bind(argv[i], false);
    n_certain = n_binds;
    add_named_places();
    add_bind(cwd, false);

    // The new root is entered before the binds are made, so that a symlink in it (/var/run) is
    // followed within it. Sources are reached through their descriptors, by /proc.
    proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        die("/proc/self/fd");
    outer = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (pivoting && mount(argv[1], argv[1], NULL, MS_BIND, NULL) < 0)
        die("%s", argv[1]);
    if (chdir(argv[1]) < 0 || chroot(".") < 0 || fchdir(proc) < 0)
        die("%s", argv[1]);
    for (int i = 0; i < n_binds; i++) {
        const struct bind *b = &binds[i];
        char source[16];
        struct stat st;

        if (i >= n_certain && stat(b->path, &st) == 0)
            continue;
        if (!make_place(b))
            continue;
        snprintf(source, sizeof source, "%d", b->source);
        if (mount(source, b->path, NULL, MS_BIND | (b->deep ? MS_REC : 0), NULL) < 0)
            die("bind %s", b->path);
    }
    if (pivoting)
        pivot(argv[1], outer);
    if (chdir(cwd ? cwd : "/") < 0)
        die("working directory %s", cwd);

    execv(argv[program], argv + program);
    die("%s", argv[program]);
}
