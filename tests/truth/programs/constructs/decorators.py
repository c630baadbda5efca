"""Decorators, one on another, with arguments, as classes, and those of functools."""

import functools

from known import SECONDS, burn, perf_counter, tell


def plain(function):
    @functools.wraps(function)  # = plain.<locals>.wrapper -> lib
    def wrapper(*args):
        burn("plain.<locals>.wrapper")  # -> burn
        return function(*args)  # -> timed.<locals>.decorate.<locals>.wrapper other

    return wrapper


def timed(name):
    def decorate(function):
        @functools.wraps(function)  # = timed.<locals>.decorate.<locals>.wrapper -> lib
        def wrapper(*args, **kwargs):
            try:
                return function(*args, **kwargs)  # -> Counted.__call__
            finally:
                burn("timed.<locals>.decorate.<locals>.wrapper")  # -> burn

        return wrapper

    return decorate


class Counted:  # -> Counted
    def __init__(self, function):  # = Counted.__init__
        self.function, self.count = function, 0

    def __call__(self, *args):  # = Counted.__call__
        self.count += 1
        return self.function(*args)  # -> work


@plain  # = work -> plain
@timed("work")  # -> timed timed.<locals>.decorate
@Counted  # -> Counted.__init__
def work():
    burn("work")  # -> burn


@plain  # = other -> plain
@functools.lru_cache(maxsize=1)  # -> lib
def other(number):
    burn("other")  # -> burn


def main():
    end, number = perf_counter() + SECONDS, 0
    while perf_counter() < end:
        number += 1
        work()  # -> plain.<locals>.wrapper
        other(number)  # -> plain.<locals>.wrapper


main()  # -> main
tell(
    inclusive={
        "Counted.__call__": ["work"],
        "timed.<locals>.decorate.<locals>.wrapper": [
            "timed.<locals>.decorate.<locals>.wrapper",
            "work",
        ],
        "plain.<locals>.wrapper": [
            "plain.<locals>.wrapper",
            "timed.<locals>.decorate.<locals>.wrapper",
            "work",
            "other",
        ],
    },
)
