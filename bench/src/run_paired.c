/*
 * paired: compares two commands, or two series of figures, in turns A B B A, and prints how many
 * times A's figure B's is, or how much it is above it, with the 95 % interval (src/stats/paired.c).
 * A run's figure is its wall time, from before it is spawned until it has been waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base.h"
#include "stats.h"

extern char **environ;

enum { TURNS_MOST = 100000 };

static const char help[] =
    "paired [--difference] [--any-status] [--turns N] -- COMMAND A ... --vs COMMAND B ...\n"
    "paired [--difference] --read    a turn a line on stdin: four figures, of A, B, B, A\n"
    "Prints B / A, or B - A in seconds, as one JSON object: middle, low, high (null: unbounded),\n"
    "turns; of commands also the median seconds of each.\n"
    "A command that does not end with status 0 is an error; --any-status counts those of B.\n";

static int fail(const char *what, const char *of)
{
    fprintf(stderr, "paired: %s: %s\n", of, what);
    return 1;
}

/* Seconds, or -1 when the command could not be run or did not end with status 0 and failed, which
 * counts such ends, is NULL. */
static double run_once(char **command, size_t *failed)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    uint64_t began = pyro_base_monotonic_ns();
    int rc = posix_spawnp(&pid, command[0], &files, NULL, command, environ);
    if (rc == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    uint64_t ended = pyro_base_monotonic_ns();
    posix_spawn_file_actions_destroy(&files);
    if (rc != 0) {
        fail(strerror(rc), command[0]);
        return -1;
    }
    if (status != 0 && failed)
        (*failed)++;
    else if (status != 0) {
        fail("did not end with exit status 0", command[0]);
        return -1;
    }
    return (double)(ended - began) / 1e9;
}

/* One run of each first, to warm the caches. */
static int run_turns(char **a, char **b, struct pyro_turn *turns, size_t n, size_t *failed)
{
    size_t at_first = 0;
    if (run_once(a, NULL) < 0 || run_once(b, failed ? &at_first : NULL) < 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        turns[i].a[0] = run_once(a, NULL);
        turns[i].b[0] = run_once(b, failed);
        turns[i].b[1] = run_once(b, failed);
        turns[i].a[1] = run_once(a, NULL);
        if (turns[i].a[0] < 0 || turns[i].b[0] < 0 || turns[i].b[1] < 0 || turns[i].a[1] < 0)
            return 1;
    }
    return 0;
}

static int read_turns(struct pyro_turn *turns, size_t *n)
{
    struct pyro_turn turn;
    for (*n = 0; *n < TURNS_MOST; turns[(*n)++] = turn) {
        int got = scanf("%lf %lf %lf %lf", &turn.a[0], &turn.b[0], &turn.b[1], &turn.a[1]);
        if (got == EOF)
            return 0;
        if (got != 4)
            return fail("a turn is four figures", "stdin");
    }
    return fail("too many turns", "stdin");
}

static double median_run(const struct pyro_turn *turns, size_t n, bool of_b, double *work)
{
    for (size_t i = 0; i < n; i++) {
        work[2 * i] = of_b ? turns[i].b[0] : turns[i].a[0];
        work[2 * i + 1] = of_b ? turns[i].b[1] : turns[i].a[1];
    }
    pyro_stats_sort(work, 2 * n);
    return pyro_stats_quantile(work, 2 * n, 0.5);
}

static void put(const char *name, double value)
{
    if (isfinite(value))
        printf("\"%s\": %.9g, ", name, value);
    else
        printf("\"%s\": null, ", name);
}

static int show(const struct pyro_turn *turns, size_t n, bool difference, bool commands,
                size_t failed)
{
    struct pyro_estimate out;
    int rc =
        (difference ? pyro_stats_paired_difference : pyro_stats_paired_ratio)(turns, n, 0.95, &out);
    double *work = calloc(2 * n + 1, sizeof *work);
    if (rc != 0 || work == NULL) {
        free(work);
        return fail("no turns, or a figure that has no ratio", "stdin");
    }
    putchar('{');
    put("middle", out.middle);
    put("low", difference || out.low > 0 ? out.low : INFINITY); /* a ratio's open side is 0 */
    put("high", out.high);
    if (commands) {
        put("a_seconds", median_run(turns, n, false, work));
        put("b_seconds", median_run(turns, n, true, work));
        printf("\"b_failed\": %zu, ", failed);
    }
    printf("\"turns\": %zu}\n", out.count);
    free(work);
    return 0;
}

int main(int argc, char **argv)
{
    bool difference = false, from_stdin = false, any_status = false;
    size_t turns_wanted = 12, failed = 0;
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (strcmp(argv[at], "--difference") == 0)
            difference = true;
        else if (strcmp(argv[at], "--read") == 0)
            from_stdin = true;
        else if (strcmp(argv[at], "--any-status") == 0)
            any_status = true;
        else if (strcmp(argv[at], "--turns") == 0 && at + 1 < argc)
            turns_wanted = strtoul(argv[++at], NULL, 10);
        else
            break;
    }
    char **a = NULL, **b = NULL;
    if (at < argc && strcmp(argv[at], "--") == 0) {
        a = argv + at + 1;
        for (at++; at < argc && strcmp(argv[at], "--vs") != 0; at++)
            ;
        if (at < argc) {
            argv[at] = NULL;
            b = argv + at + 1;
        }
    }
    bool right = from_stdin ? at == argc && a == NULL : a != NULL && a[0] && b != NULL && b[0];
    if (!right || turns_wanted == 0 || turns_wanted > TURNS_MOST) {
        fputs(help, stderr);
        return 2;
    }
    struct pyro_turn *turns = calloc(TURNS_MOST, sizeof *turns);
    if (turns == NULL)
        return fail("out of memory", "turns");
    size_t n = turns_wanted;
    int rc =
        from_stdin ? read_turns(turns, &n) : run_turns(a, b, turns, n, any_status ? &failed : NULL);
    if (rc == 0)
        rc = show(turns, n, difference, !from_stdin, failed);
    free(turns);
    return rc;
}
