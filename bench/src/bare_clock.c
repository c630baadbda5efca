/*
 * bare-clock: a sampler that samples nothing.  It sleeps by clock_nanosleep until each planned
 * moment of Pyrometer's own schedule (src/format/schedule.c), with the same timer slack and the
 * same rule for moments that were missed, and says at the end how many it kept and what that cost.
 * What a sampler uses beyond this is the cost of sampling; what it keeps less, its own delay.
 *
 * With a process it also reads, each time and in one call, as much of that process's heap as two
 * copies of a stack of 20 frames and of a thread's state take, and looks at none of it: what any
 * sampler from outside that reads twice costs at least.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "base.h"
#include "format.h"

enum { FRAMES = 2816, STATE = 256 }; /* bytes of a copy */

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    ended = number;
}

static uint64_t cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* Where the process's heap begins; 0: it has none yet. */
static uint64_t heap_of(long pid)
{
    char line[512];
    unsigned long start = 0;
    snprintf(line, sizeof line, "/proc/%ld/maps", pid);
    FILE *maps = fopen(line, "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "[heap]") != NULL)
            start = strtoul(line, NULL, 16);
    if (maps != NULL)
        fclose(maps);
    return start;
}

/* False: it executed another program and has another heap. */
static bool read_twice(long pid, uint64_t heap)
{
    static char copies[2 * (FRAMES + STATE)];
    const struct iovec frames = {(void *)heap, FRAMES}, state = {(void *)(heap + 8192), STATE};
    const struct iovec remote[] = {frames, state, frames, state};
    const struct iovec local = {copies, sizeof copies};
    return process_vm_readv((pid_t)pid, &local, 1, remote, 4, 0) == sizeof copies;
}

static int usage(void)
{
    fputs("bare-clock RATE [SECONDS [PID]]\n"
          "Wakes RATE times a second, for SECONDS or until SIGTERM, and prints one JSON object;\n"
          "with PID it reads a little of that process each time.\n",
          stderr);
    return 2;
}

static double number(const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    return errno || end == text || *end ? -1 : value;
}

int main(int argc, char **argv)
{
    double rate = argc > 1 ? number(argv[1]) : -1, seconds = argc > 2 ? number(argv[2]) : 1e6;
    long pid = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    if (argc > 4 || !(rate >= 1 && rate <= 1e6) || !(seconds > 0 && seconds <= 1e6))
        return usage();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    prctl(PR_SET_TIMERSLACK, 1UL);

    uint64_t began = pyro_base_monotonic_ns();
    uint64_t until = began + (uint64_t)(seconds * 1e9);
    const struct pyro_stream_fact plan = {
        .period_ns = (uint64_t)(1e9 / rate),
        .first_ns = began,
        .seed = pyro_base_mix(began),
    };
    uint64_t heap = 0;
    uint64_t kept = 0, missed = 0, now = began;
    for (uint64_t tick = 0; !ended; tick++) {
        uint64_t due = pyro_format_tick_time(&plan, tick);
        if (due >= until)
            break;
        struct timespec at = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        now = pyro_base_monotonic_ns();
        if (now < due)
            continue; /* a signal */
        if (pid > 0 && heap == 0)
            heap = heap_of(pid);
        if (heap != 0 && !read_twice(pid, heap))
            heap = 0;
        for (; pyro_format_tick_time(&plan, tick + 1) <= now; tick++)
            missed++;
        kept++;
    }
    printf("{\"kept\": %llu, \"missed\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu}\n",
           (unsigned long long)kept, (unsigned long long)missed, (unsigned long long)(now - began),
           (unsigned long long)cpu_ns());
    return 0;
}
