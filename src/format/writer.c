/*
 * The writer: owns the file and the thread that compresses and writes.  The sampling thread only
 * appends jobs to a queue; it never waits for the disk.
 *
 * Threads: everything public is called by one thread at a time; `write_jobs` runs on the writer's
 * own thread, with all signals blocked (so that a limit on the file's size is an error and not a
 * SIGXFSZ).  Shared: the queue under `lock`; the counters are atomic.
 *
 * Invariants: the file always ends with a whole chunk, or with the piece of one that the kernel
 * had taken when we were killed.  A write that fails is cut back to the last whole chunk and the
 * error is kept for good: what comes later may need what was dropped.  Only the last status and
 * the end are tried once more, so that a recording that ends says how much it lacks.
 */
#include "format_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSHES_QUEUED_MAX 8
#define BATCH_BYTES_MAX ((size_t)64 << 20)
#define REPEAT_EVERY 60 /* flushes after which what all else hangs on is said again */

struct job {
    struct job *next;
    unsigned type;                  /* enum pyro_chunk_type */
    bool flush;                     /* the last job of a flush */
    bool final;                     /* tried even after an error */
    struct pyro_batch *batch;       /* type BATCH */
    struct pyro_status_fact status; /* type STATUS */
    struct pyro_buf payload;        /* the other types */
};

struct essential { /* a payload that is written again now and then */
    unsigned type;
    struct pyro_buf payload;
};

struct pyro_writer {
    int fd;
    char *path;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    struct job *head, **tail;
    size_t jobs, flushes; /* queued or being written */
    bool closing;
    _Atomic int error; /* the first one: PYRO_E_FULL, PYRO_E_IO, PYRO_E_NOMEM */
    _Atomic int error_errno;
    _Atomic uint64_t lost, bytes;
    /* the public side's own */
    struct pyro_vec streams;    /* struct pyro_stream *, by id; NULL: closed */
    struct pyro_vec essentials; /* struct essential */
    uint64_t flush_count;
    /* the writing thread's own */
    ZSTD_CCtx *zstd;
    struct pyro_buf payload, chunk;
    bool unfinished; /* the last status could not be written: then there is no end either */
};

/* ---- the writing thread */

static int code_of(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG ? PYRO_E_FULL : PYRO_E_IO;
}

static int note_error(struct pyro_writer *w, int code, int errnum)
{
    int none = 0;
    if (atomic_compare_exchange_strong(&w->error, &none, code))
        atomic_store(&w->error_errno, errnum);
    return code;
}

/* All of it or, where that can be had, none of it. */
static int write_whole(struct pyro_writer *w, const struct pyro_buf *buf)
{
    uint64_t whole = atomic_load(&w->bytes);
    for (size_t at = 0; at < buf->len;) {
        ssize_t n = write(w->fd, buf->data + at, buf->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int errnum = n < 0 ? errno : ENOSPC;
            if (!ftruncate(w->fd, (off_t)whole))
                lseek(w->fd, (off_t)whole, SEEK_SET);
            return note_error(w, code_of(errnum), errnum);
        }
        at += (size_t)n;
    }
    atomic_store(&w->bytes, whole + buf->len);
    return 0;
}

static int write_payload(struct pyro_writer *w, unsigned type, const struct pyro_buf *payload)
{
    pyro_base_buf_clear(&w->chunk);
    if (!atomic_load(&w->bytes))
        pyro_format_put_file_head(&w->chunk);
    int rc = payload->failed
                 ? PYRO_E_NOMEM
                 : pyro_format_put_chunk(&w->chunk, w->zstd, type, payload->data, payload->len);
    return rc ? note_error(w, rc, 0) : write_whole(w, &w->chunk);
}

static int write_job(struct pyro_writer *w, struct job *job)
{
    pyro_base_buf_clear(&w->payload);
    if (job->type == PYRO_CHUNK_BATCH) {
        int rc = pyro_format_put_batch(&w->payload, job->batch);
        return rc ? note_error(w, rc, 0) : write_payload(w, job->type, &w->payload);
    }
    if (job->type == PYRO_CHUNK_STATUS) {
        uint64_t lost = atomic_load(&w->lost); /* may have grown since the job was queued */
        if (job->status.lost < lost)
            job->status.lost = lost;
        pyro_format_put_status(&w->payload, &job->status);
        return write_payload(w, job->type, &w->payload);
    }
    return write_payload(w, job->type, &job->payload);
}

static void free_job(struct job *job)
{
    pyro_format_batch_free(job->batch);
    pyro_base_buf_release(&job->payload);
    free(job);
}

static void *write_jobs(void *arg)
{
    struct pyro_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->head && !w->closing)
            pthread_cond_wait(&w->work, &w->lock);
        struct job *job = w->head;
        if (!job)
            break;
        w->head = job->next;
        if (!w->head)
            w->tail = &w->head;
        pthread_mutex_unlock(&w->lock);

        bool dropped = job->final ? w->unfinished : atomic_load(&w->error) != 0;
        dropped = dropped || write_job(w, job);
        if (dropped && job->batch)
            atomic_fetch_add(&w->lost, job->batch->taken);
        w->unfinished |= dropped && job->final;
        bool flush = job->flush;
        free_job(job);

        pthread_mutex_lock(&w->lock);
        w->flushes -= flush;
        if (!--w->jobs)
            pthread_cond_signal(&w->idle);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- the public side: jobs */

static void enqueue(struct pyro_writer *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    *w->tail = job;
    w->tail = &job->next;
    w->jobs++;
    w->flushes += job->flush;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

static struct job *new_job(unsigned type)
{
    struct job *job = calloc(1, sizeof *job);
    if (job)
        job->type = type;
    return job;
}

static int enqueue_payload(struct pyro_writer *w, unsigned type, const struct pyro_buf *payload,
                           bool final)
{
    struct job *job = new_job(type);
    if (!job)
        return PYRO_E_NOMEM;
    pyro_base_put(&job->payload, payload->data, payload->len);
    job->payload.failed |= payload->failed;
    job->final = final;
    enqueue(w, job);
    return atomic_load(&w->error);
}

/* Queues a payload that is said again later; takes the buffer. */
static int enqueue_essential(struct pyro_writer *w, unsigned type, struct pyro_buf *payload)
{
    struct essential *e = pyro_base_vec_push(&w->essentials);
    if (!e) {
        pyro_base_buf_release(payload);
        return PYRO_E_NOMEM;
    }
    *e = (struct essential){type, *payload};
    *payload = (struct pyro_buf){0};
    return enqueue_payload(w, type, &e->payload, false);
}

static void wait_idle(struct pyro_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->jobs)
        pthread_cond_wait(&w->idle, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* ---- opening and closing */

static int open_file(struct pyro_writer *w, const char *path, bool overwrite, bool *made,
                     struct pyro_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
    w->fd = open(path, flags | O_EXCL, 0600);
    *made = w->fd >= 0;
    if (w->fd >= 0)
        return 0;
    if (errno == EEXIST) {
        if (!overwrite)
            return pyro_base_fail(err, PYRO_E_EXISTS, "%s exists", path);
        w->fd = open(path, flags | O_TRUNC, 0600);
        struct stat st;
        if (w->fd >= 0) {
            if (!fstat(w->fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0777) != 0600)
                (void)!fchmod(w->fd, 0600);
            return 0;
        }
    }
    int code = errno == EACCES || errno == EPERM || errno == EROFS ? PYRO_E_PERMISSION
               : errno == ENOENT || errno == ENOTDIR               ? PYRO_E_NOT_FOUND
                                                                   : code_of(errno);
    return pyro_base_fail(err, code, "cannot create %s: %s", path, strerror(errno));
}

static int start_thread(struct pyro_writer *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, write_jobs, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void free_writer(struct pyro_writer *w)
{
    for (size_t i = 0; i < w->streams.len; i++)
        pyro_format_stream_free(*(struct pyro_stream **)pyro_base_vec_at(&w->streams, i));
    for (size_t i = 0; i < w->essentials.len; i++) {
        struct essential *e = pyro_base_vec_at(&w->essentials, i);
        pyro_base_buf_release(&e->payload);
    }
    pyro_base_vec_release(&w->streams);
    pyro_base_vec_release(&w->essentials);
    pyro_base_buf_release(&w->payload);
    pyro_base_buf_release(&w->chunk);
    ZSTD_freeCCtx(w->zstd);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->idle);
    pthread_mutex_destroy(&w->lock);
    free(w->path);
    free(w);
}

static void stop_thread(struct pyro_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
}

int pyro_format_create(struct pyro_writer **out, const char *path, bool overwrite,
                       const struct pyro_recording_head *head, struct pyro_error *err)
{
    *out = NULL;
    struct pyro_writer *w = calloc(1, sizeof *w);
    if (!w)
        return pyro_base_fail(err, PYRO_E_NOMEM, "out of memory");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->idle, NULL);
    w->tail = &w->head;
    w->streams = PYRO_VEC(struct pyro_stream *);
    w->essentials = PYRO_VEC(struct essential);
    w->zstd = ZSTD_createCCtx();
    w->path = strdup(path);
    bool made = false;
    int rc;
    if (!w->zstd || !w->path) {
        rc = pyro_base_fail(err, PYRO_E_NOMEM, "out of memory");
        goto fail;
    }
    rc = open_file(w, path, overwrite, &made, err);
    if (rc)
        goto fail;
    flock(w->fd, LOCK_EX | LOCK_NB); /* so that a reader can tell that it goes on */
    if (start_thread(w)) {
        rc = pyro_base_fail(err, PYRO_E_NOMEM, "cannot start the thread that writes %s", path);
        goto fail_close;
    }
    struct pyro_buf payload = {0};
    pyro_format_put_head(&payload, head);
    rc = enqueue_essential(w, PYRO_CHUNK_FILE, &payload);
    wait_idle(w); /* here alone: a file that takes not even its head is the caller's to know */
    if (!rc)
        rc = atomic_load(&w->error);
    if (!rc) {
        *out = w;
        return 0;
    }
    int errnum = atomic_load(&w->error_errno);
    pyro_base_fail(err, rc, "cannot write to %s: %s", path,
                   errnum ? strerror(errnum) : pyro_base_code_text(rc));
    stop_thread(w);
fail_close:
    close(w->fd);
    if (made)
        unlink(path);
fail:
    free_writer(w);
    return rc;
}

int pyro_format_finish(struct pyro_writer *w, const struct pyro_status_fact *status,
                       const struct pyro_end_fact *end, struct pyro_error *err)
{
    wait_idle(w); /* so that the last flush is not refused for a full queue */
    pyro_format_flush(w, NULL);
    wait_idle(w); /* so that what is lost is known */
    struct pyro_stream **stream = w->streams.data;
    for (size_t i = 0; i < w->streams.len; i++) /* left only where memory has run out */
        atomic_fetch_add(&w->lost, pyro_format_stream_shed(stream[i], 0));
    int last = 0;
    struct job *job = status ? new_job(PYRO_CHUNK_STATUS) : NULL;
    if (job) {
        job->status = *status;
        job->final = true;
        enqueue(w, job);
    }
    if (end) {
        struct pyro_buf payload = {0};
        pyro_format_put_end(&payload, end);
        last = enqueue_payload(w, PYRO_CHUNK_END, &payload, true);
        pyro_base_buf_release(&payload);
    }
    stop_thread(w);
    int rc = atomic_load(&w->error), errnum = atomic_load(&w->error_errno);
    if (!rc)
        rc = last;
    if (close(w->fd) && !rc) { /* some file systems report a full disk only here */
        errnum = errno;
        rc = code_of(errnum);
    }
    if (rc)
        pyro_base_fail(err, rc, "%s could not be written whole: %s; %llu samples were lost",
                       w->path, errnum ? strerror(errnum) : pyro_base_code_text(rc),
                       (unsigned long long)atomic_load(&w->lost));
    free_writer(w);
    return rc;
}

/* ---- facts */

int pyro_format_write_process(struct pyro_writer *w, const struct pyro_process_fact *fact)
{
    struct pyro_buf payload = {0};
    pyro_format_put_process(&payload, fact);
    return enqueue_essential(w, PYRO_CHUNK_PROCESS, &payload);
}

int pyro_format_write_exit(struct pyro_writer *w, const struct pyro_exit_fact *fact)
{
    struct pyro_buf payload = {0};
    pyro_format_put_exit(&payload, fact);
    int rc = enqueue_payload(w, PYRO_CHUNK_EXIT, &payload, false);
    pyro_base_buf_release(&payload);
    return rc;
}

int pyro_format_write_source(struct pyro_writer *w, const struct pyro_source_fact *fact)
{
    struct pyro_buf payload = {0};
    if (fact->text.size > PYRO_CHUNK_RAW_MAX / 2 || fact->file.size > PYRO_CHUNK_RAW_MAX / 4)
        return PYRO_E_INVALID;
    pyro_format_put_source(&payload, fact);
    int rc = enqueue_payload(w, PYRO_CHUNK_SOURCE, &payload, false);
    pyro_base_buf_release(&payload);
    return rc;
}

int pyro_format_write_warning(struct pyro_writer *w, const char *sentence)
{
    struct pyro_buf payload = {0};
    pyro_base_put_string(&payload, sentence, strlen(sentence));
    int rc = enqueue_payload(w, PYRO_CHUNK_WARNING, &payload, false);
    pyro_base_buf_release(&payload);
    return rc;
}

/* The power of two at or below a 64th of the period, at least 256 ns. */
static uint32_t lateness_unit(uint64_t period_ns)
{
    uint32_t unit = 256;
    while (unit < 1u << 30 && (uint64_t)unit * 2 <= period_ns / 64)
        unit *= 2;
    return unit;
}

int pyro_format_stream_open(struct pyro_writer *w, struct pyro_stream_fact *fact,
                            struct pyro_stream **out)
{
    *out = NULL;
    fact->id = (uint32_t)w->streams.len;
    fact->kind = (struct pyro_str){"samples", 7};
    if (!fact->lateness_unit_ns)
        fact->lateness_unit_ns = lateness_unit(fact->period_ns);
    struct pyro_stream **slot = pyro_base_vec_push(&w->streams);
    if (!slot)
        return PYRO_E_NOMEM;
    int rc = pyro_format_stream_new(fact, slot);
    if (rc) {
        w->streams.len--;
        return rc;
    }
    *out = *slot;
    struct pyro_buf payload = {0};
    pyro_format_put_stream(&payload, fact);
    return enqueue_essential(w, PYRO_CHUNK_STREAM, &payload);
}

void pyro_format_stream_close(struct pyro_writer *w, struct pyro_stream *s)
{
    struct pyro_stream **stream = w->streams.data;
    for (size_t i = 0; i < w->streams.len; i++)
        if (stream[i] == s)
            pyro_format_stream_end(s);
}

/* ---- flushing */

static bool queue_is_full(struct pyro_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool full = w->flushes >= FLUSHES_QUEUED_MAX;
    pthread_mutex_unlock(&w->lock);
    return full;
}

int pyro_format_flush(struct pyro_writer *w, const struct pyro_status_fact *status)
{
    struct pyro_stream **stream = w->streams.data;
    if (queue_is_full(w)) { /* the disk is slow: what comes is kept, within bounds */
        for (size_t i = 0; i < w->streams.len; i++)
            atomic_fetch_add(&w->lost, pyro_format_stream_shed(stream[i], BATCH_BYTES_MAX));
        return atomic_load(&w->error);
    }
    if (w->flush_count++ % REPEAT_EVERY == 0) {
        for (size_t i = 0; i < w->essentials.len; i++) {
            const struct essential *e = pyro_base_vec_at(&w->essentials, i);
            enqueue_payload(w, e->type, &e->payload, false);
        }
    }
    for (size_t i = 0; i < w->streams.len; i++) {
        struct job *job = stream[i] ? new_job(PYRO_CHUNK_BATCH) : NULL;
        if (job && (job->batch = pyro_format_stream_seal(stream[i])))
            enqueue(w, job);
        else
            free(job);
        if (stream[i] && pyro_format_stream_is_over(stream[i])) {
            pyro_format_stream_free(stream[i]);
            stream[i] = NULL;
        }
    }
    struct job *job = status ? new_job(PYRO_CHUNK_STATUS) : NULL;
    if (job) {
        job->status = *status;
        job->flush = true;
        enqueue(w, job);
    }
    return atomic_load(&w->error);
}

bool pyro_format_is_written(struct pyro_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool written = w->jobs == 0;
    pthread_mutex_unlock(&w->lock);
    return written;
}

uint64_t pyro_format_lost(const struct pyro_writer *w)
{
    return atomic_load(&w->lost);
}

uint64_t pyro_format_bytes(const struct pyro_writer *w)
{
    return atomic_load(&w->bytes);
}
