/*
 * launch: starts the command and stands aside.  The program keeps our place in the terminal's
 * foreground group, so the terminal's own signals (Ctrl-C) reach it without us; a signal that
 * somebody sends to us alone is passed on.  One sent to the whole group reaches the program
 * already: a canary, a process of ours in the same group, tells the two apart.
 * Where the program's orphans become our children they are waited for as it is.
 * Handlers run in whatever thread; they only write to a pipe.
 */
#include "record_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CANARY_NS 40000000 /* how long the canary may take to tell of a signal to the group */

/* Not passed on: what tells of our own faults and limits, and what stops us and lets us go on. */
static const int ours[] = {SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,  SIGSEGV,
                           SIGSYS,  SIGPIPE, SIGCHLD, SIGXCPU, SIGXFSZ, SIGKILL,
                           SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};

struct notice {
    int signal;
    pid_t sender;
};
static int notice_pipe[2] = {-1, -1};
static volatile sig_atomic_t child_changed, noticed;
static struct sigaction before[_NSIG], before_pipe, before_child;

struct pending {
    struct notice notice;
    uint64_t since;
};
enum { PENDING = 32 };
static struct pending waiting[PENDING], told[PENDING]; /* of us; of the canary */
static int waiting_count, told_count;
static uint64_t drained; /* when the canary was listened to last */

static bool is_passed(int signal)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (ours[i] == signal)
            return false;
    return true;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    int number = errno;
    /* From the kernel: the terminal sent it to the whole foreground group. */
    if (info->si_code <= 0) {
        struct notice notice = {signal, info->si_pid};
        ssize_t n = write(notice_pipe[1], &notice, sizeof notice);
        (void)n;
        noticed = 1;
    }
    errno = number;
}

static void on_child(int signal)
{
    child_changed = 1;
}

/* The C library keeps two signals to itself: it installs its own handlers when the first thread is
 * made, so that a program would find them at their defaults although they had been ignored. */
static const int private_signals[] = {32, 33};
static bool private_ignored[2];

struct kernel_sigaction { /* as the system call has it */
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

void launch_note_signals(void)
{
    for (int i = 0; i < 2; i++) {
        struct kernel_sigaction now = {0};
        private_ignored[i] =
            syscall(SYS_rt_sigaction, private_signals[i], NULL, &now, sizeof now.mask) == 0 &&
            now.handler == SIG_IGN;
    }
}

static void restore_private_signals(void)
{
    struct kernel_sigaction ignore = {.handler = SIG_IGN};
    for (int i = 0; i < 2; i++)
        if (private_ignored[i])
            syscall(SYS_rt_sigaction, private_signals[i], &ignore, NULL, sizeof ignore.mask);
}

static void install(void)
{
    struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&act.sa_mask);
    for (int i = 1; i < _NSIG; i++)
        if (is_passed(i) && sigaction(i, NULL, &before[i]) == 0 &&
            before[i].sa_handler != SIG_IGN) /* nohup and its like stay as they are */
            sigaction(i, &act, NULL);
    struct sigaction quiet = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &quiet, &before_pipe);
    struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &child, &before_child);
}

static void uninstall(void)
{
    for (int i = 1; i < _NSIG; i++)
        if (is_passed(i))
            sigaction(i, &before[i], NULL);
    sigaction(SIGPIPE, &before_pipe, NULL);
    sigaction(SIGCHLD, &before_child, NULL);
}

static void be_canary(int to, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    prctl(PR_SET_NAME, "pyrometer-sig");
    if (dup2(to, 3) != 3)
        _exit(0);
    /* Nothing of the program's may be held open here. */
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    if (syscall(SYS_close_range, 4, ~0U, 0) != 0)
        for (int fd = 4; fd < 1024; fd++)
            close(fd);
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(&all, &info);
        if (signal <= 0)
            continue;
        struct notice notice = {signal, info.si_pid};
        if (write(3, &notice, sizeof notice) < 0)
            _exit(0);
    }
}

static void start_canary(struct launch *launch)
{
    int ends[2];
    launch->canary = 0;
    launch->canary_pipe = -1;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    sigset_t all, kept;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &kept);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        be_canary(ends[1], parent);
    sigprocmask(SIG_SETMASK, &kept, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return;
    }
    launch->canary = pid;
    launch->canary_pipe = ends[0];
}

bool launch_adopts(int scope, bool may_trace)
{
    return scope == 1 && !may_trace;
}

static void become_reaper(struct launch *launch, bool adopts)
{
    int is_one = 0;
    launch->reaper = getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &is_one) == 0 && is_one != 0);
    launch->adopts = adopts && !launch->reaper && prctl(PR_SET_CHILD_SUBREAPER, 1UL) == 0;
    launch->reaper |= launch->adopts;
}

static int close_both(const int *ends, int failed)
{
    close(ends[0]);
    close(ends[1]);
    return failed;
}

int launch_start(struct launch *launch, char *const *argv, bool adopts, launch_born *born, void *of)
{
    int report[2], go[2];
    memset(launch, 0, sizeof *launch);
    launch->canary_pipe = -1;
    if (pipe2(report, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(go, O_CLOEXEC) != 0)
        return close_both(report, errno);
    if (pipe2(notice_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        int failed = close_both(go, errno);
        return close_both(report, failed);
    }
    waiting_count = told_count = 0;
    child_changed = noticed = 0;
    sigset_t all, kept;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &kept);
    install();
    start_canary(launch); /* first: it hears all that the program does */
    become_reaper(launch, adopts);
    pid_t pid = fork();
    if (pid == 0) {
        uninstall();
        restore_private_signals();
        sigprocmask(SIG_SETMASK, &kept, NULL);
        char nothing;
        close(go[1]);
        ssize_t n = read(go[0], &nothing, 1); /* until the other end is closed */
        (void)n;
        execvp(argv[0], argv);
        int failed = errno;
        n = write(report[1], &failed, sizeof failed);
        (void)n;
        _exit(127);
    }
    int failed = pid < 0 ? errno : 0;
    sigdelset(&kept, SIGCHLD); /* whoever started us may have blocked it: the end must be told */
    sigprocmask(SIG_SETMASK, &kept, NULL);
    close(report[1]);
    if (pid > 0 && born != NULL)
        born(of, pid);
    close_both(go, 0);
    if (pid > 0) {
        launch->child = pid;
        int reported;
        ssize_t n;
        do
            n = read(report[0], &reported, sizeof reported);
        while (n < 0 && errno == EINTR);
        if (n == (ssize_t)sizeof reported) {
            failed = reported;
            waitpid(pid, NULL, 0);
            launch->child = 0;
        }
    }
    close(report[0]);
    return failed;
}

static void take_notices(int from, struct pending *to, int *count, uint64_t now)
{
    struct notice notice;
    while (from >= 0 && *count < PENDING &&
           read(from, &notice, sizeof notice) == (ssize_t)sizeof notice)
        to[(*count)++] = (struct pending){notice, now};
}

/* Did the canary get the same signal from the same sender?  Then it went to the whole group. */
static bool was_told(const struct notice *notice)
{
    for (int i = 0; i < told_count; i++)
        if (told[i].notice.signal == notice->signal && told[i].notice.sender == notice->sender) {
            told[i] = told[--told_count];
            return true;
        }
    return false;
}

static void forget_told(uint64_t now)
{
    int kept = 0;
    for (int i = 0; i < told_count; i++)
        if (now - told[i].since < 2 * CANARY_NS)
            told[kept++] = told[i];
    told_count = kept;
}

void launch_pass_signals(struct launch *launch, uint64_t now)
{
    if (!noticed && waiting_count == 0 && now - drained < CANARY_NS)
        return;
    noticed = 0; /* first: what comes from here on is looked at next time */
    take_notices(notice_pipe[0], waiting, &waiting_count, now);
    drained = now;
    forget_told(now);
    take_notices(launch->canary_pipe, told, &told_count, now);
    int kept = 0;
    for (int i = 0; i < waiting_count; i++) {
        struct pending *p = &waiting[i];
        if (was_told(&p->notice))
            continue;
        if (launch->canary > 0 && now - p->since < CANARY_NS) {
            waiting[kept++] = *p;
            continue;
        }
        if (launch->child > 0)
            kill(launch->child, p->notice.signal);
    }
    waiting_count = kept;
}

bool launch_reap(struct launch *launch, int *status, struct rusage *usage)
{
    if (!child_changed) /* cleared only if set: a signal in between must not be lost */
        return false;
    child_changed = 0;
    struct rusage used;
    bool ended = false;
    int how;
    for (pid_t pid; (pid = wait4(-1, &how, WNOHANG, &used)) > 0;) {
        if (pid == launch->child) {
            *status = how;
            *usage = used;
            launch->child = 0;
            ended = true;
        } else if (pid == launch->canary) {
            launch->canary = 0;
        } else {
            launch->adopted = true;
        }
    }
    return ended;
}

void launch_wait(uint64_t ns)
{
    if (waiting_count > 0 && ns > CANARY_NS / 4)
        ns = CANARY_NS / 4;
    sigset_t all, kept;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &kept);
    if (!child_changed) {
        struct timespec ts = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
        struct pollfd fd = {notice_pipe[0], POLLIN, 0};
        ppoll(&fd, 1, &ts, &kept);
    }
    sigprocmask(SIG_SETMASK, &kept, NULL);
}

void launch_stop(struct launch *launch)
{
    if (launch->canary > 0) {
        kill(launch->canary, SIGKILL);
        waitpid(launch->canary, NULL, 0);
    }
    if (launch->canary_pipe >= 0)
        close(launch->canary_pipe);
    if (launch->adopts)
        prctl(PR_SET_CHILD_SUBREAPER, 0UL);
    uninstall();
    for (int i = 0; i < 2; i++)
        if (notice_pipe[i] >= 0)
            close(notice_pipe[i]);
    notice_pipe[0] = notice_pipe[1] = -1;
}
