"""Asynchronous generators, comprehensions over them, and asynchronous context managers."""

import asyncio
import contextlib

from known import SECONDS, burn, perf_counter, tell


async def ticker(count):
    for number in range(count):
        burn("ticker")  # -> burn
        yield number
        await asyncio.sleep(0)  # -> lib


class Guard:  # -> Guard
    async def __aenter__(self):  # = Guard.__aenter__
        burn("Guard.__aenter__")  # -> burn

    async def __aexit__(self, *_):  # = Guard.__aexit__
        burn("Guard.__aexit__")  # -> burn


@contextlib.asynccontextmanager  # = held <- lib -> lib
async def held():
    burn("held")  # -> burn
    yield
    burn("held")  # -> burn


async def main():  # <- lib
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        async for _ in ticker(3):  # -> ticker lib
            burn("main")  # -> burn
        [n async for n in ticker(2)]  # -> ticker <listcomp> lib
        async with Guard():  # -> Guard.__aenter__ Guard.__aexit__
            burn("main")  # -> burn
        async with held():  # -> lib
            burn("main")  # -> burn


asyncio.run(main())  # -> lib
tell()
