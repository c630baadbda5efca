"""Generators and coroutines that work without calling anything, just after they or their caller have
called a function: its frame is left over there while they run."""

import asyncio

from known import SECONDS, perf_counter, tell

WORK = 0.002


def little(number):
    return number


def numbers():
    while True:
        end = perf_counter() + WORK
        while perf_counter() < end:
            pass
        yield 1


def calling():
    while True:
        little(1)  # -> little
        end = perf_counter() + WORK
        while perf_counter() < end:
            pass
        yield 1


def passing():
    yield from numbers()  # -> numbers


async def awaited():
    end = perf_counter() + WORK
    while perf_counter() < end:
        pass


async def counted():
    while True:
        end = perf_counter() + WORK
        while perf_counter() < end:
            pass
        yield 1


def by_for(end):
    for number in numbers():  # -> numbers
        little(number)  # -> little
        if perf_counter() > end:
            return  # -> numbers


def by_for_calling(end):
    for number in calling():  # -> calling
        if perf_counter() > end:
            return  # -> calling


def by_yield_from(end):
    for number in passing():  # -> passing
        little(number)  # -> little
        if perf_counter() > end:
            return  # -> passing


async def by_await(end):  # <- lib
    while perf_counter() < end:
        await awaited()  # -> awaited
        little(1)  # -> little


async def by_async_for(end):  # <- lib
    async for number in counted():  # -> counted lib
        little(number)  # -> little
        if perf_counter() > end:
            return


def main():
    for way in (by_for, by_for_calling, by_yield_from):
        way(perf_counter() + SECONDS / 5)  # -> by_for by_for_calling by_yield_from
    for way in (by_await, by_async_for):
        asyncio.run(way(perf_counter() + SECONDS / 5))  # -> lib


main()  # -> main
tell(
    works={
        "by_for": "numbers",
        "by_for_calling": "calling",
        "by_yield_from": "numbers",
        "by_await": "awaited",
        "by_async_for": "counted",
    }
)
