"""Work split 50/30/15/5 among four functions, in turns of 1 ms, checked with thread_time."""

import json
from time import perf_counter, thread_time

from known import OUT, SECONDS, waited

PARTS = {"f50": 50, "f30": 30, "f15": 15, "f05": 5}


def f50(count):
    for _ in range(count):
        pass


def f30(count):
    for _ in range(count):
        pass


def f15(count):
    for _ in range(count):
        pass


def f05(count):
    for _ in range(count):
        pass


FUNCTIONS = (f50, f30, f15, f05)


def a_millisecond():
    best = 1.0
    for _ in range(20):
        begin = thread_time()
        f50(20000)
        best = min(best, thread_time() - begin)
    return 20000 * 0.001 / best


def main(unit):
    spent, frozen = [0.0] * 4, waited()
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        for i, function in enumerate(FUNCTIONS):
            begin = thread_time()
            function(int(unit * PARTS[function.__name__] / 100))
            spent[i] += thread_time() - begin
    return spent, (waited() - frozen) / SECONDS


spent, frozen = main(a_millisecond())
with open(OUT, "w") as to:
    shares = {f.__name__: s / sum(spent) for f, s in zip(FUNCTIONS, spent)}
    json.dump({"shares": shares, "frozen": frozen}, to)
