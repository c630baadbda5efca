"""A program for each kind of finding, and its near twin in which it must not be found.

FILE SECONDS NAME: NAME is one of those below, and with "-twin" behind it the other one.  FILE is
told for how long the main thread ran, and was ready to run without a CPU, as the kernel says.
"""

import gc
import hashlib
import importlib
import json
import os
import subprocess
import sys
import threading
from time import perf_counter, sleep

from known import ARGUMENTS, OUT, SECONDS

LARGE = b"x" * 5_000_000
END = perf_counter() + SECONDS


def burns(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def largest():
    sleep(SECONDS)


def in_functions(count):
    """So many of 16 threads are in one function, the others each in one of its own."""
    others = []
    for i in range(16 - count):
        scope = {"sleep": sleep}
        exec(f"def other{i}():\n    sleep({SECONDS})\n", scope)
        others.append(scope[f"other{i}"])
    until_done(*[largest] * count, *others)


def one_line():
    while perf_counter() < END:
        a = sum(range(300))
        b = sum(range(3000))
        c = sum(range(300))
        a + b + c


def many_lines():
    while perf_counter() < END:
        a = sum(range(1000))
        b = sum(range(1000))
        c = sum(range(1000))
        d = sum(range(1000))
        e = sum(range(1000))
        f = sum(range(1000))
        a + b + c + d + e + f


def waits(share):
    while perf_counter() < END:
        sleep(0.01 * share)
        burns(0.01 * (1 - share))


def in_threads(*functions):
    threads = [threading.Thread(target=f, daemon=True) for f in functions]
    for thread in threads:
        thread.start()
    return threads


def computes():
    while perf_counter() < END:
        pass


def hashes():
    while perf_counter() < END:
        hashlib.sha256(LARGE).digest()


def until_done(*functions):
    for thread in in_threads(*functions):
        thread.join()


def makes_cycles():
    kept = [[i] for i in range(200_000)]
    while perf_counter() < END:
        kept.append([[i] for i in range(2_000)])
        gc.collect(2 if len(kept) % 10 == 0 else 0)


def without_collector():
    gc.disable()
    kept = [[i] for i in range(200_000)]
    while perf_counter() < END:
        [[i] for i in range(2_000)]
        computes()
    return kept


SLOW = """
from time import perf_counter
end = perf_counter() + {seconds}
while perf_counter() < end:
    pass
"""


def imports():
    folder = OUT + ".modules"
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/slow_to_import.py", "w", encoding="utf-8") as file:
        file.write(SLOW.format(seconds=SECONDS * 0.7))
    sys.path.insert(0, folder)
    importlib.import_module("slow_to_import")
    burns(SECONDS * 0.3)


def executes():
    exec(SLOW.format(seconds=SECONDS * 0.7), {})
    burns(SECONDS * 0.3)


def beside_waiting(*more):
    done = threading.Event()
    in_threads(done.wait, done.wait, done.wait, *more)
    computes()


def beside_competitors(function):
    """On one CPU with two others that want it all the time."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    words = [sys.executable, "-c", SLOW.format(seconds=SECONDS)]
    competitors = [subprocess.Popen(words) for _ in range(2)]
    function()
    for competitor in competitors:
        competitor.wait()


PROGRAMS = {
    "hot-function": (lambda: in_functions(6), lambda: in_functions(2)),
    "spread-out": (lambda: in_functions(2), lambda: in_functions(6)),
    "hot-line": (one_line, many_lines),
    "waiting-line": (lambda: waits(0.4), lambda: waits(0.1)),
    "gil": (
        lambda: until_done(computes, computes, computes, computes),
        lambda: until_done(computes, hashes),
    ),
    "gc": (makes_cycles, without_collector),
    "imports": (imports, executes),
    "busy-machine": (
        lambda: beside_competitors(computes),
        lambda: beside_competitors(lambda: waits(0.98)),
    ),
    "saturated-thread": (beside_waiting, lambda: beside_waiting(hashes)),
    "alone": (computes,),
}

name = ARGUMENTS[0].removesuffix("-twin")
PROGRAMS[name][name != ARGUMENTS[0]]()
with open(OUT, "w", encoding="utf-8") as to:
    with open("/proc/thread-self/schedstat") as file:
        ran, delayed, _ = map(int, file.read().split())
    json.dump({"ran": ran, "delayed": delayed}, to)
