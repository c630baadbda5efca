"""A generator that a for loop drives, one inside another, and one that is sent values."""

from known import SECONDS, burn, perf_counter, tell


def numbers():
    while True:
        burn("numbers")  # -> burn
        yield 1


def doubled(source):
    for number in source:  # -> numbers
        burn("doubled")  # -> burn
        yield 2 * number


def averager():
    total = 0
    while True:
        total += yield total
        burn("averager")  # -> burn


def main():
    end = perf_counter() + SECONDS
    average = averager()
    next(average)  # -> averager
    for number in doubled(numbers()):  # -> doubled numbers
        average.send(number)  # -> averager
        burn("main")  # -> burn
        if perf_counter() > end:
            return  # -> doubled numbers


main()  # -> main averager
tell(inclusive={"doubled": ["doubled", "numbers"]})
