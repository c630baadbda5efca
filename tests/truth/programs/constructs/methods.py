"""Methods that the interpreter calls without a call being written."""

from known import SECONDS, burn, perf_counter, tell


class Vector:  # -> Vector
    def __init__(self, value):
        self.value = value
        burn("Vector.__init__", 0.0001, 0.0002)  # -> burn

    @property  # = Vector.length
    def length(self):
        burn("Vector.length")  # -> burn
        return self.value

    @length.setter  # = Vector.set_length
    def length(self, value):
        burn("setter")  # -> burn

    def __add__(self, other):
        burn("Vector.__add__")  # -> burn
        return Vector(self.value + other.value)  # -> Vector.__init__

    def __getitem__(self, index):
        burn("Vector.__getitem__")  # -> burn
        return index

    def __contains__(self, item):
        burn("Vector.__contains__")  # -> burn
        return True

    def __eq__(self, other):
        burn("Vector.__eq__")  # -> burn
        return True

    __hash__ = None

    def __len__(self):
        burn("Vector.__len__")  # -> burn
        return 1

    def __getattr__(self, name):
        burn("Vector.__getattr__")  # -> burn
        return name

    def __call__(self):
        burn("Vector.__call__")  # -> burn

    def __del__(self):
        burn("Vector.__del__", 0.0001, 0.0002)  # -> burn


class Count:  # -> Count
    def __iter__(self):
        self.left = 3
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        burn("Count.__next__", 0.0001, 0.0002)  # -> burn
        return self.left


def operate(one, two):
    one + two  # -> Vector.__add__ Vector.__del__
    one[3]  # -> Vector.__getitem__
    3 in one  # -> Vector.__contains__
    one == two  # -> Vector.__eq__
    len(one)  # -> Vector.__len__
    one.missing  # -> Vector.__getattr__
    one()  # -> Vector.__call__
    one.length  # -> Vector.length
    one.length = 4  # -> Vector.set_length
    for _ in Count():  # -> Count.__iter__ Count.__next__
        pass


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        one = Vector(1)  # -> Vector.__init__ Vector.__del__
        two = Vector(2)  # -> Vector.__init__ Vector.__del__
        operate(one, two)  # -> operate
        del one, two  # -> Vector.__del__


main()  # -> main
tell(
    inclusive={
        "Vector.length": ["Vector.length", "setter"],
        "Vector.__add__": None,
        "Vector.__init__": ["Vector.__init__"],
    },
    rows={"Vector.length": ["Vector.length", "setter"]},
)
