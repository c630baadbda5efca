"""Coroutines under a loop written by hand, with an awaitable of its own and one made by
types.coroutine."""

import types

from known import SECONDS, burn, perf_counter, tell


class Pause:  # -> Pause
    def __await__(self):
        burn("Pause.__await__")  # -> burn
        yield "pause"


@types.coroutine  # = rest -> lib
def rest():
    burn("rest")  # -> burn
    yield "rest"


async def inner():
    burn("inner")  # -> burn
    await Pause()  # -> Pause.__await__
    await rest()  # -> rest
    return 1


async def middle():
    return await inner()  # -> inner


async def outer(count):
    for _ in range(count):
        await middle()  # -> middle
    burn("outer")  # -> burn


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)  # -> outer
            burn("drive")  # -> burn
    except StopIteration:
        pass


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        drive(outer(3))  # -> drive


main()  # -> main
tell(
    inclusive={
        "drive": None,  # all
        "inner": ["inner", "Pause.__await__", "rest"],
        "outer": ["outer", "inner", "Pause.__await__", "rest"],
    },
)
