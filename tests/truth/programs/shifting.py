"""Two chains that differ only at their bottom, below 2,000 frames, in turns of a given length; and
their length changes by 500 frames at every turn."""

import sys

from known import ARGUMENTS, SECONDS, burn, perf_counter, tell

TURN = float(ARGUMENTS[0])


def down(depth, function):
    if depth > 1:
        return down(depth - 1, function)  # -> down
    return function()  # -> work_left work_right


def work_left():
    end = perf_counter() + TURN
    while perf_counter() < end:
        burn("left")  # -> burn


def work_right():
    end = perf_counter() + TURN
    while perf_counter() < end:
        burn("right")  # -> burn


def left():
    down(2000, work_left)  # -> down


def right():
    down(2500, work_right)  # -> down


sys.setrecursionlimit(5000)
stop = perf_counter() + SECONDS
while perf_counter() < stop:
    left()  # -> left
    right()  # -> right
tell()
