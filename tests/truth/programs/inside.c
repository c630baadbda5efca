/*
 * inside: a witness within a truth program.  A timer interrupts the program's thread again and
 * again, and the handler, which runs in that very thread, counts where it is by the interpreter's
 * own headers: nothing moves meanwhile, so it cannot see what never was.
 */
#define Py_BUILD_CORE 1
#include <Python.h>
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#elif PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#else
#include <frameobject.h>
typedef PyFrameObject _PyInterpreterFrame; /* an object on the heap */
#define previous f_back
#endif

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { UNITS = 1024, CODES_MOST = 16, FRAMES_MOST = 32 };

static PyThreadState *thread;
static char *stack_end;
static PyCodeObject *codes[CODES_MOST]; /* of the module's functions; the watched one first */
static int code_count;
static timer_t timer;
static long period_ns;
static uint64_t chance;

/* How often the watched function was seen at each of its code units: with none of the others above
 * it, and with one. */
long alone[UNITS], called[UNITS];

/* 3.11 and 3.12 make a C frame the newest a moment before they write into it which Python frame it
 * runs: only what lies where frames lie is looked at. */
static int is_frame(const void *at)
{
#if PY_VERSION_HEX < 0x030b0000
    return at != NULL;
#else
    const char *place = at, *here = (const char *)&place;
    if (((uintptr_t)at & 7) != 0)
        return 0;
    if (place > here && place < stack_end)
        return 1;
    for (const _PyStackChunk *chunk = thread->datastack_chunk; chunk; chunk = chunk->previous)
        if (place > (const char *)chunk && place < (const char *)chunk + chunk->size)
            return 1;
    return 0;
#endif
}

static _PyInterpreterFrame *newest_frame(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    return thread->current_frame;
#elif PY_VERSION_HEX >= 0x030b0000
    return thread->cframe->current_frame;
#else
    return thread->frame;
#endif
}

static void *code_of(const _PyInterpreterFrame *frame)
{
#if PY_VERSION_HEX >= 0x030e0000
    return (void *)(frame->f_executable.bits & ~(uintptr_t)3);
#elif PY_VERSION_HEX >= 0x030d0000
    return frame->f_executable;
#else
    return frame->f_code;
#endif
}

static long unit_of(const _PyInterpreterFrame *frame)
{
#if PY_VERSION_HEX >= 0x030d0000
    return frame->instr_ptr - _PyCode_CODE(codes[0]);
#elif PY_VERSION_HEX >= 0x030b0000
    return frame->prev_instr - _PyCode_CODE(codes[0]);
#else
    return frame->f_lasti;
#endif
}

#if PY_VERSION_HEX >= 0x030e0000
#define HAS_ITS_STACK(frame) ((frame)->stackpointer == NULL)
#elif PY_VERSION_HEX >= 0x030b0000
#define HAS_ITS_STACK(frame) ((frame)->stacktop < 0)
#endif

/* Has the function called another one that has not given its frame back?  The interpreter makes the
 * caller the newest frame before it clears what the callee leaves: that is still the callee's time.
 */
static int is_in_call(const _PyInterpreterFrame *frame)
{
#if PY_VERSION_HEX >= 0x030c0000
    return !HAS_ITS_STACK(frame) &&
           thread->datastack_top != (void *)((PyObject **)frame + codes[0]->co_framesize);
#elif PY_VERSION_HEX >= 0x030b0000
    return !HAS_ITS_STACK(frame) &&
           thread->datastack_top != (PyObject **)frame + codes[0]->co_nlocalsplus +
                                        codes[0]->co_stacksize + FRAME_SPECIALS_SIZE;
#else
    (void)frame;
    return 0;
#endif
}

/* The next look, after half a period to one and a half: looks at even intervals fall into step with
 * a short loop. */
static int set_timer(void)
{
    chance ^= chance << 13; /* xorshift64 (Marsaglia, 2003) */
    chance ^= chance >> 7;
    chance ^= chance << 17;
    const struct itimerspec next = {.it_value.tv_nsec =
                                        period_ns / 2 + (long)(chance % (uint64_t)period_ns)};
    return timer_settime(timer, 0, &next, NULL);
}

static void count(void)
{
    long *counts = alone;
    const _PyInterpreterFrame *frame = newest_frame();
    for (int i = 0; i < FRAMES_MOST && is_frame(frame); i++, frame = frame->previous) {
        void *code = code_of(frame);
        if (code == codes[0]) {
            long unit = unit_of(frame);
            if (i == 0 && is_in_call(frame))
                counts = called;
            if (unit >= 0 && unit < UNITS)
                counts[unit]++;
            return;
        }
        for (int k = 1; k < code_count; k++)
            if (code == codes[k])
                counts = called;
    }
}

static void look(int signal)
{
    const int error = errno;
    count();
    set_timer();
    errno = error;
}

/* Looks at the calling thread from now on, on average every `period` nanoseconds; -1: it cannot. */
int inside_begin(PyCodeObject **given, int given_count, long period)
{
    pthread_attr_t attributes;
    void *stack;
    size_t size;
    struct sigaction act = {.sa_handler = look, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 5};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    thread = PyThreadState_Get();
    period_ns = period;
    chance = (uint64_t)event._sigev_un._tid * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (given_count > CODES_MOST || pthread_getattr_np(pthread_self(), &attributes) != 0)
        return -1;
    pthread_attr_getstack(&attributes, &stack, &size);
    pthread_attr_destroy(&attributes);
    stack_end = (char *)stack + size;
    memcpy(codes, given, (size_t)given_count * sizeof *codes);
    code_count = given_count;
    if (sigaction(event.sigev_signo, &act, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
        return -1;
    return set_timer();
}

void inside_end(void)
{
    timer_delete(timer);
}
