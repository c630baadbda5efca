#include "small.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct pyro_str str(const char *text)
{
    return (struct pyro_str){text, strlen(text)};
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct pyro_recording_head small_head(void)
{
    static const struct pyro_str argv[] = {{"python3", 7}, {"app.py", 6}};
    return (struct pyro_recording_head){.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
                                        .wall_ns = 1700000000000000000,
                                        .mono_ns = 5000000000,
                                        .tsc = 1,
                                        .tool = "pyrometer test",
                                        .host = "host",
                                        .cwd = {"/src", 4},
                                        .argv = argv,
                                        .argc = 2};
}

struct pyro_stream *small_begin(struct pyro_writer *w)
{
    static const struct pyro_str argv[] = {{"python3", 7}, {"app.py", 6}};
    struct pyro_process_fact process = {
        .pid = 7, .ppid = 1, .python = str("3.13.0"), .argv = argv, .argc = 2};
    struct pyro_stream_fact fact = {.period_ns = 1000000, .first_ns = 6000000000, .seed = 1};
    struct pyro_stream *s;
    must(!pyro_format_write_process(w, &process));
    must(!pyro_format_stream_open(w, &fact, &s));
    return s;
}

void small_batch(struct pyro_stream *s, uint64_t period_ns, unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "function_%u", number);
    struct pyro_function_fact function = {
        str("/src/app.py"), str(name), str(name), str("app"), number * 10, number * 10 + 5, number};
    uint32_t f = pyro_format_stream_function(s, &function);
    struct pyro_frame_fact frame = {f, 4, function.first_line + 1, function.first_line + 1, 3, 9};
    uint32_t at = pyro_format_stream_frame(s, &frame);
    uint32_t node = pyro_format_stream_node(s, number ? number - 1 : PYRO_NO_NODE, at);
    if (number < 2) {
        struct pyro_thread_fact thread = {100 + number, 5, str(name)};
        must(pyro_format_stream_thread(s, &thread) == number);
    }
    for (unsigned i = 0; i < SMALL_TICKS; i++) {
        uint64_t tick = (uint64_t)number * SMALL_TICKS + i;
        pyro_format_stream_tick(s, tick, 6000000000 + tick * period_ns + period_ns / 2);
        for (uint32_t t = 0; t < (number ? 2 : 1); t++) {
            struct pyro_sample sample = {
                .thread = t,
                .node = i % 3 ? node : node / 2,
                .unverified = i % 7 == 0,
                .flags = i % 5 == 0 ? PYRO_SAMPLE_ASSUMED : 0,
                .second = i % 7 == 0 ? node + 1 : 0,
            };
            pyro_format_stream_sample(s, &sample);
        }
    }
}

char *small_recording(size_t *size)
{
    char path[] = "/tmp/pyro-small-XXXXXX", *bytes;
    int fd = mkstemp(path);
    must(fd >= 0);
    close(fd);
    struct pyro_recording_head head = small_head();
    struct pyro_writer *w;
    struct pyro_error err;
    must(!pyro_format_create(&w, path, true, &head, &err));
    struct pyro_stream *s = small_begin(w);
    struct pyro_source_fact source = {str("/src/app.py"), 10, str("def function_1():\n    pass\n")};
    must(!pyro_format_write_source(w, &source));
    must(!pyro_format_write_warning(w, "the target went away"));
    struct pyro_status_fact status = {0};
    for (unsigned i = 0; i < SMALL_BATCHES; i++) {
        small_batch(s, 1000000, i);
        status.mono_ns = 6000000000 + i;
        status.taken += SMALL_TICKS * (i ? 2 : 1);
        must(!pyro_format_flush(w, &status));
    }
    struct pyro_end_fact end = {3, 7000000000, 1000000000, 5};
    must(!pyro_format_finish(w, &status, &end, &err));
    must(!pyro_base_read_file(path, 1 << 20, &bytes, size, &err));
    unlink(path);
    return bytes;
}
