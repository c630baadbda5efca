"""Recursion: one function, two that call each other, and one through a C function."""

from known import SECONDS, burn, perf_counter, tell


def tree(depth):
    if depth == 0:
        burn("tree", 0.00005, 0.0001)  # -> burn
        return 1
    return tree(depth - 1) + tree(depth - 1)  # -> tree


def even(number):
    if number == 0:
        burn("even")  # -> burn
        return True
    return odd(number - 1)  # -> odd


def odd(number):
    if number == 0:
        burn("odd")  # -> burn
        return False
    return even(number - 1)  # -> even


def through(depth):
    if depth:
        return max([depth - 1], key=through)  # -> through
    burn("through")  # -> burn
    return 0


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        tree(4)  # -> tree
        even(7)  # -> even
        even(8)  # -> even
        through(6)  # -> through
        burn("main")  # -> burn


main()  # -> main
tell(inclusive={"even": ["even", "odd"], "odd": ["even", "odd"]}, depths={"through": 7})
