"""Half of the time in tiny calls, half in a loop without a call, in slices of about 2 ms, each
timed by the program's own clock."""

import json
from threading import get_native_id
from time import perf_counter, thread_time

from known import OUT, SECONDS

SLICE = 0.002


def tiny():
    pass


def calls(count):
    for _ in range(count):
        tiny()


def loop(count):
    x = 0
    for _ in range(count):
        x = 1
    return x


def count_for(function):
    """How often for a slice; the CPU's clock, for a pause of the machine is no work."""
    function(1000)
    best = 1.0
    for _ in range(20):
        begin = thread_time()
        function(20000)
        best = min(best, thread_time() - begin)
    return int(20000 * SLICE / best)


def main(for_calls, for_loop):
    slices = []  # (name, thread, begin, end)
    thread = get_native_id()
    end = perf_counter() + SECONDS
    c = perf_counter()
    while c < end:
        a = perf_counter()
        calls(for_calls)
        b = perf_counter()
        loop(for_loop)
        c = perf_counter()
        slices.append(("calls", thread, a, b))
        slices.append(("loop", thread, b, c))
    return slices


slices = main(count_for(calls), count_for(loop))
with open(OUT, "w") as to:
    json.dump({"slices": slices}, to)
