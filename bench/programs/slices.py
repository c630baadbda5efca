"""The work of busy.py in blocks of about 2 ms, to compare short stretches of one process.

    slices.py MARKS SECONDS RESULT

Writes "start" to MARKS, works for SECONDS, then writes to RESULT the moment each block ended, as
8-byte integers of CLOCK_MONOTONIC nanoseconds, and "end" to MARKS.
"""

import sys
import time
from array import array

from busy import step

BLOCK = 1000


def work(marks, seconds, result):
    ends = array("q", bytes(8 * int(seconds * 2000)))
    print("start", file=marks, flush=True)
    until = time.monotonic_ns() + int(seconds * 1e9)
    x, now, n = 1, 0, 0
    while now < until and n < len(ends):
        for _ in range(BLOCK):
            x = step(x)
        now = time.monotonic_ns()
        ends[n] = now
        n += 1
    with open(result, "wb") as file:
        ends[:n].tofile(file)
    print("end", file=marks, flush=True)


def descend(depth, *rest):
    if depth:
        descend(depth - 1, *rest)
    else:
        work(*rest)


def main():
    marks, seconds, result = sys.argv[1:]
    with open(marks, "w") as file:
        descend(14, file, float(seconds), result)


if __name__ == "__main__":
    main()
