"""The frame of the chain programs: A alternates between two chains for SECONDS, on top of LOWEST
to HIGHEST frames of recursion; then the program measures by its own clock how long each takes.

What each chain takes is the difference between a loop that only calls it and an empty loop, in
turns that go there and back, so that a drift of the machine's speed cancels; `shares` has one
figure a turn, of which the judge takes the median and its error.  `both_ns` is what a call of each
takes together.
"""

import json
from time import perf_counter, thread_time

from known import ARGUMENTS, OUT, SECONDS, code_table, codes, waited

TURNS = 121


def under(depth, function, argument):
    if depth:
        return under(depth - 1, function, argument)  # under: recursion
    return function(argument)  # under: function


def taken(function, count):
    begin = thread_time()
    function(count)  # taken: function
    return thread_time() - begin


def neither(count):
    for _ in range(count):  # neither loops
        pass


def shares_by_clock(first, second):
    count = 256
    while taken(first, count) < 0.0005:  # by clock: sizing
        count *= 2
    shares, both = [], []
    for _ in range(TURNS):
        a = taken(first, count)  # by clock: first
        b = taken(second, count)  # by clock: second
        c = taken(neither, count)  # by clock: neither
        c += taken(neither, count)  # by clock: neither again
        b += taken(second, count)  # by clock: second again
        a += taken(first, count)  # by clock: first again
        shares.append((a - c) / (a + b - 2 * c))
        both.append((a + b - 2 * c) / (2 * count) * 1e9)
    return shares, sorted(both)[TURNS // 2]


def go(file, alternate, first, second):
    lowest, highest = (int(depth) for depth in ARGUMENTS)
    alternate(perf_counter() + 0.02)  # go: warm up
    frozen = waited()
    for depth in range(lowest, highest + 1):
        end = perf_counter() + SECONDS / (highest + 1 - lowest)
        under(depth, alternate, end)  # go: alternate
    frozen = (waited() - frozen) / SECONDS
    shares, both = shares_by_clock(first, second)  # go: by clock
    found = []
    for path in (file, __file__):
        with open(path, encoding="utf-8") as source:
            codes(compile(source.read(), path, "exec"), found)
    with open(OUT, "w", encoding="utf-8") as to:
        json.dump(
            {"shares": shares, "both_ns": both, "frozen": frozen, "codes": code_table(found)}, to
        )
