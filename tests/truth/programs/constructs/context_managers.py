"""`with`, contextlib's managers and an ExitStack."""

import contextlib

from known import SECONDS, burn, perf_counter, tell


@contextlib.contextmanager  # = held <- lib -> lib
def held():
    burn("held")  # -> burn
    try:
        yield 1
    finally:
        burn("held")  # -> burn


class Guard:  # -> Guard
    def __enter__(self):  # = Guard.__enter__ <- lib
        burn("Guard.__enter__")  # -> burn

    def __exit__(self, *_):  # = Guard.__exit__ <- lib
        burn("Guard.__exit__")  # -> burn


def callback():  # <- lib
    burn("callback")  # -> burn


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        with held():  # -> lib
            burn("main")  # -> burn
        with Guard(), held():  # -> Guard.__enter__ Guard.__exit__ lib
            burn("main")  # -> burn
        with contextlib.ExitStack() as stack:  # -> lib
            stack.enter_context(Guard())  # -> lib
            stack.callback(callback)  # -> lib
            burn("main")  # -> burn


main()  # -> main
tell()
