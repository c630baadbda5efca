/*
 * exits: how the processes that were sampled ended.  They are not our children, so the kernel tells
 * only through a descriptor that was opened while they lived, once their parents have waited for
 * them; Linux 6.15 and newer.  Else it stays unknown.
 */
#include "record_priv.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PENDING_MOST 256 /* of those whose parents do not wait for them */

struct pidfd_info { /* as in linux/pidfd.h of 6.15 */
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO _IOWR(0xff, 11, struct pidfd_info)

struct pending {
    pid_t pid;
    uint32_t process;
    int pidfd;
};

int exits_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void drop(struct pyro_vec *exits, size_t i)
{
    struct pending *at = pyro_base_vec_at(exits, i);
    close(at->pidfd);
    *at = *(struct pending *)pyro_base_vec_at(exits, exits->len - 1);
    exits->len--;
}

void exits_wait(struct pyro_vec *exits, pid_t pid, uint32_t process, int pidfd)
{
    if (pidfd < 0)
        return;
    if (exits->elem == 0)
        *exits = PYRO_VEC(struct pending);
    struct pending *slot = exits->len < PENDING_MOST ? pyro_base_vec_push(exits) : NULL;
    if (slot == NULL)
        close(pidfd);
    else
        *slot = (struct pending){pid, process, pidfd};
}

void exits_executed(struct pyro_vec *exits, pid_t pid)
{
    for (size_t i = exits->len; i-- > 0;)
        if (((struct pending *)pyro_base_vec_at(exits, i))->pid == pid)
            drop(exits, i);
}

void exits_write(struct pyro_vec *exits, struct pyro_writer *writer)
{
    for (size_t i = exits->len; i-- > 0;) {
        const struct pending *at = pyro_base_vec_at(exits, i);
        struct pidfd_info info = {.mask = INFO_EXIT};
        if (ioctl(at->pidfd, GET_INFO, &info) != 0 || !(info.mask & INFO_EXIT))
            continue;
        int how = info.exit_code;
        struct pyro_exit_fact fact = {at->process,
                                      WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how)};
        pyro_format_write_exit(writer, &fact);
        drop(exits, i);
    }
}

void exits_release(struct pyro_vec *exits)
{
    while (exits->len > 0)
        drop(exits, exits->len - 1);
    pyro_base_vec_release(exits);
}
