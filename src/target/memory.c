/*
 * Remote memory: whole reads or an error.  Never writes and never stops the process.
 */
#include "target_priv.h"

#include <errno.h>
#include <sys/uio.h>

int target_read(pid_t pid, uint64_t address, void *to, size_t size)
{
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
