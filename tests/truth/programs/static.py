"""Threads that each stand still at a place of its own for SECONDS; at the end the program writes
down where they stand, by sys._current_frames()."""

import functools
import gc
import inspect
import os
import queue
import select
import sys
import threading
import time
import types

from known import SECONDS, positions, tell

release = threading.Event()  # -> lib
reader, writer = os.pipe()
lock, waiting = threading.Lock(), queue.Queue()  # -> lib
lock.acquire()


def in_sleep():  # <- lib
    one_below(1, 2)  # -> one_below


def one_below(a, b):
    return (a,
            time.sleep(SECONDS), b)  # fmt: skip


def in_lock():  # <- lib
    with lock:
        pass


def in_event():  # <- lib
    release.wait()  # -> lib


def in_queue():  # <- lib
    x = [1, waiting.get(), 2]  # -> lib
    return x


def in_select():  # <- lib
    select.select([reader], [], [])


def in_read():  # <- lib
    if os.read(reader,
               1) == b"":  # fmt: skip
        pass


def generator():
    yield 1
    yield from inner_generator()  # -> inner_generator


def inner_generator():
    time.sleep(SECONDS)
    yield 2


def in_generator():  # <- lib
    for _ in generator():  # -> generator
        pass


async def coroutine():
    await inner_coroutine()  # -> inner_coroutine


async def inner_coroutine():
    with lock:
        pass


def in_coroutine():  # <- lib
    try:
        coroutine().send(None)  # -> coroutine
    except StopIteration:
        pass


class Chain:  # -> Chain
    def one(self):
        return self

    def two(self, _=None):
        time.sleep(SECONDS)
        return self

    @property  # = Chain.three
    def three(self):
        time.sleep(SECONDS)
        return self


def in_chain():  # <- lib
    (
        Chain()
        .one()  # -> Chain.one
        .two(  # -> Chain.two
            1,
        )
        .one()  # -> Chain.one
    )


def in_property():  # <- lib
    Chain().one().three.one()  # -> Chain.one Chain.three


def in_lambda():  # <- lib
    f = lambda: [(lambda s: time.sleep(s))(SECONDS)]  # -> <lambda>
    f()  # -> <lambda>


def in_comprehension():  # <- lib
    return [time.sleep(s) for s in (SECONDS,)]  # -> <listcomp>


def in_key():  # <- lib
    sorted((SECONDS,), key=time.sleep)
    return max((SECONDS, 0), key=functools.partial(held, 1))  # -> held


def held(_, seconds):
    with lock:
        return seconds


def in_class():  # <- lib
    class Body:  # -> in_class.<locals>.Body
        x = 1
        time.sleep(SECONDS)

    return Body


def in_handler():  # <- lib
    try:
        raise ValueError
    except ValueError:
        try:
            pass
        finally:
            lock.acquire()
            lock.release()


def in_recursion(depth=150):  # <- lib
    if depth:
        return in_recursion(depth - 1)  # -> in_recursion
    with lock:
        return 0


class InDelete:  # -> InDelete
    def __del__(self):
        time.sleep(SECONDS)


def in_delete():  # <- lib
    thing = InDelete()
    thing = None  # -> InDelete.__del__


def in_line(seconds):  # <- lib
    a = 1; time.sleep(seconds); a = 2; return a  # fmt: skip # noqa: E702


def name_of(frame):  # <- lib
    """3.10: of the function that has its code, or after the one that it was written in."""
    code = frame.f_code
    if hasattr(code, "co_qualname"):
        return code.co_qualname
    if code in functions:
        return functions[code]
    if frame.f_back is None or code not in frame.f_back.f_code.co_consts:
        return code.co_name
    outer = frame.f_back.f_code
    if outer.co_name == "<module>":
        return code.co_name
    return name_of(frame.f_back) + (".<locals>." if outer.co_flags & 1 else ".") + code.co_name


PLACES = [
    in_sleep, in_lock, in_event, in_queue, in_select, in_read, in_generator, in_coroutine,
    in_chain, in_property, in_lambda, in_comprehension, in_key, in_class, in_handler,
    in_recursion, in_delete,
]  # fmt: skip
threads = [threading.Thread(target=f, name=f.__name__) for f in PLACES]  # -> lib
threads.append(threading.Thread(target=in_line, args=(SECONDS,), name="in_line"))  # -> lib
for thread in threads:
    thread.daemon = True  # -> lib
    thread.start()  # -> lib
time.sleep(SECONDS * 0.5)
# But for bodies of classes, which are named without what they are in.
functions = {  # -> <dictcomp>
    f.__code__: f.__qualname__
    for f in gc.get_objects()
    if type(f) is types.FunctionType and f.__code__.co_flags & inspect.CO_OPTIMIZED
}
time.sleep(SECONDS * 0.25)  # stand here
stacks = {}
for thread in threads:
    frame, stack = sys._current_frames()[thread.ident], []  # -> lib
    while frame is not None:
        code, unit = frame.f_code, frame.f_lasti // 2
        stack.append([
            name_of(frame),  # -> name_of
            code.co_filename, frame.f_lineno, positions(code)[unit],
        ])  # fmt: skip
        frame = frame.f_back
    stacks[thread.name] = stack[::-1]  # -> lib
release.set()  # -> lib
lock.release()
waiting.put(1)  # -> lib
os.write(writer, b"xx")
for thread in threads:
    thread.join()  # -> lib
tell(stacks=stacks)
