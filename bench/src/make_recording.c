/*
 * make-recording OUT SAMPLES STACKS DEPTH: a recording of one thread, at 1 kHz, of so many samples
 * of so many distinct stacks up to DEPTH deep.  Which stack comes next is drawn anew at each tick,
 * some far more often than others, so that next to no two samples in a row are alike.  Made by the
 * writer that the sampler uses; what it took in memory and time is told on stderr.
 */
#include "base.h"
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define FUNCTIONS 1000
#define PERIOD 1000000
#define FLUSH_TICKS 1000

static uint64_t seed = 1;

static uint64_t draw(void)
{
    return seed = pyro_base_mix(seed);
}

static struct pyro_str text(const char *s)
{
    return (struct pyro_str){s, strlen(s)};
}

/* Stacks that share their bottoms: each goes up from a random place of one before. */
static uint32_t *make_stacks(struct pyro_stream *stream, uint32_t stacks, uint32_t depth)
{
    uint32_t *nodes = calloc((size_t)stacks * depth, sizeof *nodes), *tops = NULL;
    for (uint32_t f = 0; f < FUNCTIONS; f++) {
        char name[32], file[32];
        snprintf(name, sizeof name, "function_%u", f);
        snprintf(file, sizeof file, "/srv/app/module_%u.py", f / 20);
        struct pyro_function_fact function = {.file = text(file),
                                              .name = text(name),
                                              .qualname = text(name),
                                              .module = text("app"),
                                              .first_line = 1 + f,
                                              .last_line = 9 + f};
        uint32_t id = pyro_format_stream_function(stream, &function);
        struct pyro_frame_fact frame = {.function = id, .instruction = 2, .line = 2 + f};
        pyro_format_stream_frame(stream, &frame);
    }
    tops = calloc(stacks, sizeof *tops);
    if (nodes == NULL || tops == NULL)
        exit(1);
    for (uint32_t i = 0; i < stacks; i++) {
        uint32_t from = i == 0 ? 0 : (uint32_t)(draw() % i), kept = (uint32_t)(draw() % depth);
        if (i == 0)
            kept = 0;
        uint32_t *path = nodes + (size_t)i * depth;
        memcpy(path, nodes + (size_t)from * depth, kept * sizeof *path);
        for (uint32_t k = kept; k < depth; k++)
            path[k] = pyro_format_stream_node(stream, k == 0 ? PYRO_NO_NODE : path[k - 1],
                                              (uint32_t)(draw() % FUNCTIONS));
        tops[i] = path[depth - 1];
    }
    free(nodes);
    return tops;
}

int main(int argc, char **argv)
{
    struct pyro_writer *writer;
    struct pyro_stream *stream;
    struct pyro_error err;
    if (argc != 5) {
        fprintf(stderr, "make-recording OUT SAMPLES STACKS DEPTH\n");
        return 2;
    }
    uint64_t samples = strtoull(argv[2], NULL, 10);
    uint32_t stacks = (uint32_t)strtoul(argv[3], NULL, 10),
             depth = (uint32_t)strtoul(argv[4], NULL, 10);
    struct pyro_str word = text("made");
    struct pyro_recording_head head = {.boot_id = "",
                                       .tool = "make-recording",
                                       .host = "",
                                       .cwd = text("/"),
                                       .argv = &word,
                                       .argc = 1};
    struct pyro_process_fact process = {
        .pid = 1, .python = text("3.13.0"), .argv = &word, .argc = 1};
    struct pyro_stream_fact fact = {.kind = text("samples"), .period_ns = PERIOD, .seed = 1};
    struct pyro_thread_fact thread = {.tid = 1, .name = text("MainThread")};
    struct pyro_status_fact status = {0};
    struct pyro_end_fact end = {0};
    if (pyro_format_create(&writer, argv[1], true, &head, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    pyro_format_write_process(writer, &process);
    if (pyro_format_stream_open(writer, &fact, &stream) != 0)
        return 1;
    uint32_t *tops = make_stacks(stream, stacks, depth);
    uint32_t id = pyro_format_stream_thread(stream, &thread);
    for (uint64_t i = 0; i < samples; i++) {
        double u = (double)(draw() >> 11) / 9007199254740992.0;
        uint32_t stack = (uint32_t)(pow(u, 3.0) * stacks); /* the first ones most often */
        struct pyro_sample sample = {.thread = id, .node = tops[stack]};
        pyro_format_stream_tick(stream, i, pyro_format_tick_time(&fact, i) + draw() % 50000);
        pyro_format_stream_sample(stream, &sample);
        status.ticks = status.planned = status.taken = i + 1;
        if (i % FLUSH_TICKS == 0) {
            pyro_format_flush(writer, &status);
            while (!pyro_format_is_written(writer)) /* a second each, in truth */
                ;
        }
    }
    int rc = pyro_format_finish(writer, &status, &end, &err);
    if (rc != 0)
        fprintf(stderr, "%s\n", err.text);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    fprintf(stderr, "%ld KiB at most, %.2f s CPU\n", used.ru_maxrss,
            (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6);
    free(tops);
    return rc != 0;
}
