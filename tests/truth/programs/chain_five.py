"""Two chains of five calls."""

from time import perf_counter

from chainwork import go


def C():
    pass


def E():
    pass


def B3():
    C()  # B3 calls


def B2():
    B3()  # B2 calls


def B1():
    B2()  # B1 calls


def B():
    B1()  # B calls


def D3():
    E()  # D3 calls


def D2():
    D3()  # D2 calls


def D1():
    D2()  # D1 calls


def D():
    D1()  # D calls


def A(end):
    while perf_counter() < end:
        for _ in range(500):
            B()  # A calls B
            if True:
                D()  # A calls D


go(__file__, A)  # module: go
