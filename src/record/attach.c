/*
 * attach: a process that was there before us.  Nothing is done to it; we end with it, when the time
 * given is over, or when we are asked to by a signal.
 */
#include "record_priv.h"
#include "target.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_NS 400000
#define LOOKS_MOST 2500 /* a second, for an interpreter that is starting */

static volatile sig_atomic_t asked;
static const int asking[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[sizeof asking / sizeof *asking], before_pipe;

static void on_signal(int signal)
{
    asked = 1;
}

static int refuse_thread(pid_t pid, struct pyro_error *err)
{
    pid_t process = pyro_target_process_of(pid);
    if (process <= 0)
        return pyro_base_fail(err, PYRO_E_GONE, "There is no process %d.", (int)pid);
    if (process != pid)
        return pyro_base_fail(err, PYRO_E_INVALID,
                              "%d is a thread of process %d: give that number.", (int)pid,
                              (int)process);
    return 0;
}

int attach_find(struct tree *tree, pid_t pid, bool follow, struct pyro_target **out,
                struct pyro_error *err)
{
    struct pyro_error refused = {0};
    int rc = refuse_thread(pid, err), refusal = 0;
    if (rc != 0)
        return rc;
    if (tree_begin(tree, pid, follow) != 0)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    if (follow)
        tree_adopt(tree);
    for (int i = 0; i < LOOKS_MOST; i++) {
        rc = tree_find(tree, pyro_base_monotonic_ns(), out, err);
        if (rc == 0)
            return 0;
        if (rc == PYRO_E_NOT_PYTHON && (follow || !tree_adopt(tree)))
            break;
        if (rc == PYRO_E_NOT_READY) {
            launch_wait(LOOK_NS);
        } else if (rc != PYRO_E_NOT_PYTHON && refusal == 0) {
            refusal = rc;
            refused = *err;
        }
    }
    tree_end(tree);
    if (refusal == 0 && (rc = pyro_target_open(pid, out, err)) != 0)
        return rc;
    if (refusal == 0)
        pyro_target_close(*out);
    if (refusal == 0)
        return pyro_base_fail(err, PYRO_E_NOT_READY, "The Python in process %d is just starting.",
                              (int)pid);
    *err = refused;
    return refusal;
}

int attach_begin(pid_t pid)
{
    asked = 0;
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
        sigemptyset(&act.sa_mask);
        if (sigaction(asking[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(asking[i], &act, NULL);
    }
    struct sigaction quiet = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &quiet, &before_pipe);
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

bool attach_is_asked(void)
{
    return asked != 0;
}

bool attach_has_ended(int pidfd)
{
    struct pollfd fd = {pidfd, POLLIN, 0};
    return pidfd >= 0 && poll(&fd, 1, 0) == 1;
}

void attach_end(int pidfd)
{
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
        sigaction(asking[i], &before[i], NULL);
    sigaction(SIGPIPE, &before_pipe, NULL);
    if (pidfd >= 0)
        close(pidfd);
}
