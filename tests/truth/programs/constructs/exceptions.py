"""Raised twenty calls deep, caught, passed on and cleaned up after."""

from known import SECONDS, burn, perf_counter, tell


class Guard:  # -> Guard
    def __enter__(self):  # = Guard.__enter__
        return self

    def __exit__(self, *_):  # = Guard.__exit__
        burn("Guard.__exit__")  # -> burn


def fall(depth):
    if depth == 0:
        burn("bottom")  # -> burn
        raise ValueError(depth)
    try:
        fall(depth - 1)  # -> fall
    except ValueError as error:
        if depth % 5 == 0:
            burn("caught", 0.0001, 0.0002)  # -> burn
            raise KeyError(depth) from error
        raise
    except KeyError:
        if depth % 5 == 0:
            handle(depth)  # -> handle
            raise ValueError(depth) from None
        raise
    finally:
        if depth % 4 == 0:
            clean(depth)  # -> clean


def handle(depth):
    burn("handle")  # -> burn


def clean(depth):
    burn("clean", 0.0001, 0.0002)  # -> burn


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        try:
            with Guard():  # -> Guard.__enter__ Guard.__exit__
                fall(20)  # -> fall
        except (KeyError, ValueError):
            burn("main")  # -> burn


main()  # -> main
tell(inclusive={"fall": ["bottom", "caught", "handle", "clean"]})
