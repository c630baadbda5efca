"""Few stacks: a handful of functions, 20 frames deep.      few.py SECONDS"""

import sys
import time


def add(x):
    for _ in range(200):
        x = x + 1 & 0xFFFF
    return x


def mix(x):
    for _ in range(200):
        x = x * 31 & 0xFFFF
    return x


def both(x):
    return mix(add(x))


def work(seconds):
    until = time.perf_counter() + seconds
    x = 1
    while time.perf_counter() < until:
        for _ in range(100):
            x = add(x)
            x = mix(x)
            x = both(x)


def descend(depth, seconds):
    if depth:
        descend(depth - 1, seconds)
    else:
        work(seconds)


def main():
    descend(14, float(sys.argv[1]))


if __name__ == "__main__":
    main()
