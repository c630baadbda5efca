"""A calls B, which calls C, then D, which calls E: empty bodies."""

from time import perf_counter

from chainwork import go


def C():
    pass


def E():
    pass


def B():
    C()  # B calls


def D():
    E()  # D calls


def A(end):
    while perf_counter() < end:
        for _ in range(1000):
            B()  # A calls B
            if True:
                D()  # A calls D


go(__file__, A)  # module: go
