"""Many stacks: recursion that branches at random, so that most samples have a stack of their own.

many.py SECONDS
"""

import random
import sys
import time

draw = random.Random(20261121).random
DEEPEST = 20


def spin(x):
    for _ in range(40):
        x = x * 31 + 7 & 0xFFFF
    return x


def left(depth, x):
    return walk(depth, spin(x) + 1)


def right(depth, x):
    x = walk(depth, x)
    return spin(x)


def middle(depth, x):
    return walk(depth, x + 2)


def over(depth, x):
    x = spin(x)
    x = walk(depth, x)
    return x


CHOICES = (left, right, middle, over)


def walk(depth, x):
    if depth <= 0:
        return spin(x)
    for _ in range(1 + (draw() < 0.4)):
        x = CHOICES[int(draw() * 4)](depth - 1, x)
    return x


def main():
    until = time.perf_counter() + float(sys.argv[1])
    x = 1
    while time.perf_counter() < until:
        x = walk(DEEPEST // 2, x)


if __name__ == "__main__":
    main()
