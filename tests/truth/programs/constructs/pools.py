"""Threads of a pool that wait for each other's interpreter lock; shares by the wall clock."""

import concurrent.futures

from known import SECONDS, burn, perf_counter, tell

END = perf_counter() + SECONDS


def first():
    burn("first", 0.003, 0.006)  # -> burn


def second():
    burn("second", 0.003, 0.006)  # -> burn


def job(number):  # <- lib
    while perf_counter() < END:
        first()  # -> first
        second()  # -> second
        if number:
            first()  # -> first


def main():
    with concurrent.futures.ThreadPoolExecutor(3) as pool:  # -> lib
        list(pool.map(job, (0, 0, 1)))  # -> lib


main()  # -> main lib
tell()
