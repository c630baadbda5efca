"""As chain_empty, with bodies of about a microsecond."""

from time import perf_counter

from chainwork import go


def C():
    for _ in range(25):
        pass


def E():
    for _ in range(25):
        pass


def B():
    C()  # B calls


def D():
    E()  # D calls


def A(end):
    while perf_counter() < end:
        for _ in range(200):
            B()  # A calls B
            if True:
                D()  # A calls D


go(__file__, A)  # module: go
