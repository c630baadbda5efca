"""Sixteen threads that wait, each in `first` and in `second` in turn, until they are woken one by one:
what the one that ran does is new, what the others do is as before.  Tells when each was where.
"""

import json
import threading
from time import perf_counter

from known import OUT, SECONDS

THREADS = 16
phases = []


def wait(event):
    event.wait()


def first(event):
    wait(event)  # resting: first


def second(event):
    wait(event)  # resting: second


def rest(events):
    me = threading.get_native_id()
    for i, event in enumerate(events):
        begin = perf_counter()
        (second if i % 2 else first)(event)
        phases.append(("second" if i % 2 else "first", me, begin, perf_counter()))


def main():
    rounds = int(SECONDS * 1000 / THREADS / 3)
    events = [[threading.Event() for _ in range(rounds)] for _ in range(THREADS)]
    threads = [threading.Thread(target=rest, args=(each,)) for each in events]
    for thread in threads:
        thread.start()
    for i in range(rounds):
        for each in events:
            until = perf_counter() + 0.003
            while perf_counter() < until:
                pass
            each[i].set()
    for thread in threads:
        thread.join()
    with open(OUT, "w", encoding="utf-8") as to:
        json.dump({"phases": phases}, to)


main()
