"""Functions whose __code__ is exchanged, also while they run."""

from known import SECONDS, burn, perf_counter, tell


def one():
    burn("one")  # -> burn


def two():
    burn("two", 0.0004, 0.0008)  # -> burn


def three():
    three.__code__ = four.__code__
    burn("three")  # -> burn
    helper()  # -> helper
    three.__code__ = THREE


def four():
    burn("four")  # -> burn


def helper():
    burn("helper")  # -> burn


ONE, TWO, THREE = one.__code__, two.__code__, three.__code__


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        one()  # -> one two
        one.__code__, two.__code__ = two.__code__, one.__code__
        two()  # -> one two
        three()  # -> three


main()  # -> main
tell(inclusive={"three": ["three", "helper"]})
