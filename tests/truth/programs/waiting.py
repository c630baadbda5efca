"""A thread that waits at two lines for what another sends it, each wait timed by its own clock."""

import json
import socket
import threading
from threading import get_native_id
from time import perf_counter, sleep

from known import OUT, SECONDS

ROUNDS = int(SECONDS / 0.02)
here, there = socket.socketpair()
told = {}


def ready():
    """Seconds for which this thread has run, or could have."""
    with open("/proc/thread-self/schedstat") as file:
        return sum(map(int, file.read().split()[:2])) / 1e9


def reads():
    waits, thread = [], get_native_id()
    begin, before = perf_counter(), ready()
    for _ in range(ROUNDS):
        a = perf_counter()
        long = there.recv(1)
        b = perf_counter()
        short = there.recv(1)
        c = perf_counter()
        assert long + short == b"12"
        waits += [("long", thread, a, b), ("short", thread, b, c)]
    share = (ready() - before) / (perf_counter() - begin)
    told.update(waits=waits, ready=share)


reader = threading.Thread(target=reads, name="reader")
reader.start()
for _ in range(ROUNDS):
    sleep(0.012)
    here.send(b"1")
    sleep(0.008)
    here.send(b"2")
reader.join()
with open(OUT, "w") as to:
    json.dump(told, to)
