"""DEPTH frames of recursion with two turns of work on top."""

import sys

from known import ARGUMENTS, SECONDS, burn, perf_counter, tell

DEPTH = int(ARGUMENTS[0])


def down(depth):
    if depth > 1:
        return down(depth - 1)  # -> down
    return work()  # -> work


def work():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        burn("work")  # -> burn


sys.setrecursionlimit(DEPTH + 1000)
down(DEPTH)  # -> down
tell()
