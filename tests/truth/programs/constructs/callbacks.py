"""Python functions that C code calls."""

import bisect
import functools
import itertools
import re

from known import SECONDS, burn, perf_counter, tell


def add(a, b):  # <- lib
    burn("add")  # -> burn
    return a


def through(item):
    burn("through", 0.0001, 0.0002)  # -> burn
    return item


def replace(match):  # <- lib
    burn("replace")  # -> burn
    return "x"


def key(item):
    burn("key", 0.0001, 0.0002)  # -> burn
    return item


def compare(a, b):
    burn("compare")  # -> burn
    return a - b


def keep(item):
    burn("keep")  # -> burn
    return True


def main():
    end = perf_counter() + SECONDS
    pattern = re.compile("b")  # -> lib
    while perf_counter() < end:
        functools.reduce(add, (1, 2, 3))  # -> add
        list(map(through, (1, 2)))  # -> through
        list(filter(keep, (1, 2)))  # -> keep
        re.sub("a", replace, "a a")  # -> lib
        pattern.sub(replace, "b b")  # -> replace lib
        sorted((3, 1, 2), key=key)  # -> key
        bisect.bisect((1, 2, 3), 2, key=key)  # -> key
        max((1, 2), key=functools.cmp_to_key(compare))  # -> compare
        list(itertools.accumulate((1, 2), add))  # -> add
        functools.partial(through, 1)()  # -> through


main()  # -> main
tell()
