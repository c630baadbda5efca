"""One busy thread, 20 frames deep, about a million Python calls a second, fixed work.

    busy.py MARKS ROUNDS SETTLE TAIL

It works for SETTLE seconds, writes "start" to the file (or FIFO) MARKS, does ROUNDS rounds of two
calls each, writes "end WALL_NS CPU_NS" of those, and works for TAIL more seconds, so that whoever
measures it from outside finds it working all the time.
"""

import sys
import time


def leaf(x):
    for _ in range(20):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return x


def step(x):
    x = leaf(x)
    for _ in range(4):
        x ^= x >> 3
    return x


def work_for(seconds):
    until = time.perf_counter() + seconds
    x = 1
    while time.perf_counter() < until:
        for _ in range(1000):
            x = step(x)


def work(marks, rounds, settle, tail):
    work_for(settle)
    print("start", file=marks, flush=True)
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    x = 1
    for _ in range(rounds):
        x = step(x)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    print("end", wall, cpu, file=marks, flush=True)
    work_for(tail)


def descend(depth, *rest):
    if depth:
        descend(depth - 1, *rest)
    else:
        work(*rest)


def main():
    marks, rounds, settle, tail = sys.argv[1:]
    with open(marks, "w") as file:
        # <module>, main, 15 of descend, work, step, leaf
        descend(14, file, int(rounds), float(settle), float(tail))


if __name__ == "__main__":
    main()
