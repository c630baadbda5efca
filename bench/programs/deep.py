"""deep.py DEPTH SECONDS: works on top of so many frames that stay."""

import sys
import time


def leaf(x):
    for _ in range(20):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return x


def work(seconds):
    end = time.perf_counter() + seconds
    x = 1
    while time.perf_counter() < end:
        x = leaf(x)


def descend(depth, seconds):
    if depth:
        descend(depth - 1, seconds)
    else:
        work(seconds)


sys.setrecursionlimit(100_000)
descend(int(sys.argv[1]), float(sys.argv[2]))
