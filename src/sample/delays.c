/*
 * delays: about once a second, how long each thread has run since, and how long it was ready to run
 * and had no CPU, as the kernel's scheduler says (/proc/PID/task/TID/schedstat).
 */
#include "sample_priv.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FIRST_NS UINT64_C(50000000)   /* until the second look; then twice as long each time ... */
#define EVERY_NS UINT64_C(1000000000) /* ... up to this */
#define A_TICK 8                      /* threads that are asked about in one tick */

static bool read_schedstat(const struct pyro_sampler *s, const struct thread *t, uint64_t *ran,
                           uint64_t *delayed)
{
    char path[64], text[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)pyro_target_pid(s->target),
             (int)t->task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return false;
    text[size] = 0;
    return sscanf(text, "%" SCNu64 " %" SCNu64, ran, delayed) == 2;
}

static void look(struct pyro_sampler *s, struct thread *t)
{
    uint64_t ran, delayed;
    bool known = read_schedstat(s, t, &ran, &delayed);
    if (known && t->delay_at > 0 && ran >= t->ran && delayed >= t->delayed) {
        struct pyro_delay_fact fact = {t->id, s->now - t->delay_at, ran - t->ran,
                                       delayed - t->delayed};
        pyro_format_stream_delay(s->stream, &fact);
    }
    t->delay_at = s->now;
    t->delay_wait = t->delay_wait == 0 ? FIRST_NS : 2 * t->delay_wait;
    if (t->delay_wait > EVERY_NS)
        t->delay_wait = EVERY_NS;
    t->ran = known ? ran : UINT64_MAX;
    t->delayed = known ? delayed : UINT64_MAX;
}

void delays_tick(struct pyro_sampler *s)
{
    for (int i = 0, asked = 0; i < s->thread_count && asked < A_TICK; i++) {
        struct thread *t = s->threads[i];
        if (t->delay_at != 0 && s->now - t->delay_at < t->delay_wait)
            continue;
        look(s, t);
        asked++;
    }
}
