"""Two call sites in A, one in B that both chains share."""

from time import perf_counter

from chainwork import go


def C():
    pass


def E():
    pass


def B(function):
    function()  # B calls


def A(end):
    while perf_counter() < end:
        for _ in range(1000):
            B(C)  # A calls B
            if True:
                B(E)  # A calls D


go(__file__, A)  # module: go
