"""Phases in which what the main thread does is known, and threads that compete for the GIL, two at a
time.

Each phase is a function of its own.  The intervals in which the collector ran are told by this
program's own clock, and for how long the threads that compete could run by the kernel.
"""

import gc
import hashlib
import json
import os
import threading
from threading import get_native_id
from time import perf_counter, sleep

from known import OUT, SECONDS

LARGE = b"x" * 20_000_000  # hashing it takes some 10 ms, without the GIL
collected = []
shares = {"computes": [], "generates": []}  # of a thread's time in which it ran, or was ready to
gc.disable()  # it collects when it is told to


def runs():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        pass


def sleeps():
    sleep(SECONDS)


def waits_for_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=SECONDS)


def hashes():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        hashlib.sha256(LARGE).digest()


def collects():
    heap = [[i] for i in range(200_000)]
    end = perf_counter() + SECONDS
    now = perf_counter()
    while now < end:
        begin = now
        gc.collect()
        now = perf_counter()
        collected.append(("collects", get_native_id(), begin, now))
    return heap


def ready():
    """Seconds for which this thread has run, or could have."""
    with open("/proc/thread-self/schedstat") as file:
        return sum(map(int, file.read().split()[:2])) / 1e9


def computes(end):
    begin, before = perf_counter(), ready()
    while perf_counter() < end:
        pass
    shares["computes"].append((ready() - before) / (perf_counter() - begin))


def generates(end):
    """Each generator has the memory of one that ended before, also of the other thread's."""
    begin, before = perf_counter(), ready()
    while perf_counter() < end:
        sum(number for number in range(200))
    shares["generates"].append((ready() - before) / (perf_counter() - begin))


def compete(function):
    end = perf_counter() + SECONDS
    threads = [threading.Thread(target=function, args=(end,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


for phase in (runs, sleeps, waits_for_lock, hashes, collects):
    phase()
for function in (computes, generates):
    compete(function)
told = {"collected": collected, "ready": {}, "told": perf_counter()}
for name, each in shares.items():
    told["ready"][name] = sum(each) / 2
with open("/proc/thread-self/schedstat") as file:
    os.sched_yield()  # what it ran since the kernel's last tick is counted then
    told["ran"], told["delayed"], _ = map(int, file.read().split())
with open(OUT, "w", encoding="utf-8") as to:
    json.dump(told, to)
