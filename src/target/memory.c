/*
 * Remote memory: whole reads or an error.  Never writes and never stops the process.
 */
#include "target_priv.h"

#include <errno.h>
#include <sys/uio.h>

int target_read(pid_t pid, uint64_t address, void *to, size_t size)
{
    if (pid == PYRO_CORE_PID)
        return target_core_read(address, to, size);
    struct iovec here = {.iov_base = to, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

    if (got == (ssize_t)size)
        return 0;
    if (got < 0 && errno == ESRCH)
        return PYRO_E_GONE;
    if (got < 0 && errno == EPERM)
        return PYRO_E_PERMISSION;
    return PYRO_E_IO;
}

int pyro_target_read(const struct pyro_target *t, uint64_t address, void *to, size_t size)
{
    return target_read(t->pid, address, to, size);
}

int pyro_target_read_u64(const struct pyro_target *t, uint64_t address, uint64_t *out)
{
    return target_read(t->pid, address, out, sizeof(*out));
}

ssize_t pyro_target_readv(const struct pyro_target *t, void *to, size_t size,
                          const struct iovec *pieces, size_t count)
{
    struct iovec here = {.iov_base = to, .iov_len = size};
    ssize_t done = 0;

    if (t->pid != PYRO_CORE_PID)
        return process_vm_readv(t->pid, &here, 1, pieces, count, 0);
    for (size_t i = 0; i < count; i++) {
        if (target_core_read((uint64_t)(uintptr_t)pieces[i].iov_base, (uint8_t *)to + done,
                             pieces[i].iov_len))
            break;
        done += (ssize_t)pieces[i].iov_len;
    }
    if (done == 0)
        errno = EFAULT;
    return done > 0 ? done : -1;
}
