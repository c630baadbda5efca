/*
 * core: a short recording of a core file: its process does not go on, so a few ticks are enough:
 * the first ones may learn what to read, and one that comes late is discarded.
 */
#include "record.h"

#include "format.h"
#include "sample.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define RATE 1000.0

static uint32_t write_process(struct pyro_writer *writer, const struct pyro_target *target)
{
    const char *version = pyro_target_version(target), *words;
    struct pyro_process_fact fact = {.python = {version, strlen(version)}};
    pid_t pid, ppid;
    pyro_target_core_process(&pid, &ppid, &words);
    struct pyro_str word = {words, strlen(words)};
    fact.pid = pid;
    fact.ppid = ppid;
    fact.argv = &word;
    fact.argc = word.size > 0;
    pyro_format_write_process(writer, &fact);
    return fact.id;
}

static int sample(struct pyro_target *target, struct pyro_writer *writer,
                  const struct pyro_record_options *options, struct pyro_error *err)
{
    struct pyro_sample_clock *clock;
    struct pyro_sampler *sampler;
    struct pyro_sampler_options sampling = {.variable = options->variable,
                                            .variable_ctx = options->variable_ctx};
    if (pyro_sample_clock_new(&clock, RATE, 1) != 0)
        return pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    uint32_t process = write_process(writer, target);
    int rc = pyro_sample_new(&sampler, target, writer, process, clock, &sampling, err);
    for (uint64_t i = 0; i < options->ticks && rc == 0;) {
        uint64_t woke;
        if (pyro_sample_clock_wait(clock, &woke) != 0)
            continue;
        if (pyro_sample_take(sampler) != 0)
            break;
        i++;
    }
    if (rc == 0)
        pyro_sample_free(sampler);
    pyro_sample_clock_free(clock);
    return rc;
}

int pyro_record_core(const char *path, const char *root, const struct pyro_record_options *options,
                     struct pyro_error *err)
{
    struct pyro_target *target;
    struct pyro_writer *writer;
    int rc = pyro_target_open_core(path, root, &target, err);
    if (rc != 0)
        return rc;
    struct pyro_str word = {path, strlen(path)};
    struct pyro_recording_head head = {
        .boot_id = "", .tool = options->tool, .host = "", .cwd = {"", 0}, .argv = &word, .argc = 1};
    rc = pyro_format_create(&writer, options->output, options->overwrite, &head, err);
    if (rc == 0) {
        struct pyro_status_fact status = {0};
        struct pyro_end_fact end = {.exit_status = INT32_MIN};
        int sampled = sample(target, writer, options, err);
        rc = pyro_format_finish(writer, &status, &end, sampled == 0 ? err : NULL);
        if (sampled != 0)
            rc = sampled;
    }
    pyro_target_close(target);
    return rc;
}
