"""`yield from`, ten deep: the innermost runs below all others."""

from known import SECONDS, burn, perf_counter, tell


def innermost():
    burn("innermost")  # -> burn
    yield 1
    burn("innermost")  # -> burn
    yield 2


def level(depth):
    if depth:
        yield from level(depth - 1)  # -> level
    else:
        yield from innermost()  # -> innermost
    burn("level", 0.00004, 0.00008)  # -> burn


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        for _ in level(10):  # -> level
            burn("main")  # -> burn


main()  # -> main
tell(inclusive={"level": ["level", "innermost"]}, depths={"level": 11})
