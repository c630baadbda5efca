"""The chains begin in a key function that C code calls."""

from time import perf_counter

from chainwork import go


NUMBERS = (3, 1, 2)


def C(number):
    return number


def E(number):
    return number


def B(number):
    return C(number)  # B calls


def D(number):
    return E(number)  # D calls


def A(end):
    while perf_counter() < end:
        for _ in range(300):
            sorted(NUMBERS, key=B)  # A calls B
            if True:
                sorted(NUMBERS, key=D)  # A calls D


go(__file__, A)  # module: go
