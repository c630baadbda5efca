"""Tasks of asyncio that burn between their awaits."""

import asyncio

from known import SECONDS, burn, perf_counter, tell

END = perf_counter() + SECONDS


async def fetch():
    burn("fetch")  # -> burn
    await asyncio.sleep(0)  # -> lib
    burn("fetch")  # -> burn


async def left():  # <- lib
    while perf_counter() < END:
        await fetch()  # -> fetch
        burn("left")  # -> burn


async def right():  # <- lib
    while perf_counter() < END:
        burn("right")  # -> burn
        await asyncio.sleep(0)  # -> lib


async def main():  # <- lib
    await asyncio.gather(left(), right(), left())  # -> lib


asyncio.run(main())  # -> lib
tell(inclusive={"left": ["left", "fetch"]})
