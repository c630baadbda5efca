"""Callers that hold something up that calls on and on, in less than a microsecond each time: C
functions that call back, and coroutines.  Says when each phase was, by its own clock."""

import asyncio
import functools
import re
import threading

from known import SECONDS, get_native_id, perf_counter, tell

phases = []  # (name, thread, begin, end)
spent = {}  # of the coroutines' phases: what the bodies took


def tiny(n):
    return n if n < 2 else tiny(n - 1) + tiny(n - 2)


def held(*_):
    end = perf_counter() + SECONDS
    begin = perf_counter()
    while perf_counter() < end:
        for _ in range(20):
            tiny(7)
    phases.append((kind, get_native_id(), begin, perf_counter()))
    return 0


class Calls:
    def __init__(self):
        held()

    def __add__(self, other):
        return held()

    def __call__(self):
        held()

    @property
    def attribute(self):
        return held()


def by_plain():
    held()


def by_star():
    arguments = (1,)
    held(*arguments)


def by_sorted():
    sorted([1], key=held)


def by_map():
    list(map(held, [1]))


def by_partial():
    functools.partial(held, 1)()


def by_reduce():
    functools.reduce(held, [1, 2])


def by_class():
    Calls()


def by_operator(calls=Calls.__new__(Calls)):
    calls + 1


def by_call(calls=Calls.__new__(Calls)):
    calls()


def by_property(calls=Calls.__new__(Calls)):
    return calls.attribute


def by_regex():
    re.sub("x", held_text, "x")


def held_text(match):
    held()
    return ""


def by_thread():
    thread = threading.Thread(target=held)
    thread.start()
    thread.join()


def work(k):
    begin = perf_counter()
    for _ in range(k):
        pass
    spent[kind] += perf_counter() - begin


async def leaf(k):
    work(k)


async def middle(k):
    await leaf(k)


async def held_async(k):
    end = perf_counter() + 4 * SECONDS
    begin = perf_counter()
    while perf_counter() < end:
        for _ in range(20):
            await middle(k)
    phases.append((kind, get_native_id(), begin, perf_counter()))


def inner(k):
    work(k)
    yield 1


def outer(k):
    yield from inner(k)


def held_generator(k):
    end = perf_counter() + 4 * SECONDS
    begin = perf_counter()
    while perf_counter() < end:
        for _ in range(20):
            yield from outer(k)
    phases.append((kind, get_native_id(), begin, perf_counter()))


def by_await_often():
    asyncio.run(held_async(10))


def by_await():
    asyncio.run(held_async(600))


def by_yield_often():
    for _ in held_generator(10):
        pass


def by_yield():
    for _ in held_generator(600):
        pass


for name, by in list(globals().items()):
    if name.startswith("by_"):
        kind = name
        spent[kind] = 0.0
        by()
tell(phases=phases, bodies=spent)
