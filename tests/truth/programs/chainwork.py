"""The frame of the chain programs: A alternates between two chains for SECONDS, on top of LOWEST
to HIGHEST frames of recursion.  With a third argument, the library made of inside.c, the program
is its own witness meanwhile: `inside` says how often A was seen at each of its lines, alone and
with another function above it.
"""

import ctypes
import json
from time import perf_counter

from known import ARGUMENTS, OUT, SECONDS, code_table, codes, positions

PERIOD = 10_000  # ns between two looks


def under(depth, function, argument):
    if depth:
        return under(depth - 1, function, argument)  # under: recursion
    return function(argument)  # under: function


class Witness:
    """Sees how often `function` is at each of its lines, alone and with another one of its module
    above it."""

    def __init__(self, path, function):
        self.witness = ctypes.PyDLL(path)
        self.code = function.__code__
        others = [getattr(each, "__code__", None) for each in function.__globals__.values()]
        self.codes = [self.code] + [
            code for code in others
            if code not in (None, self.code) and code.co_filename == self.code.co_filename
        ]  # fmt: skip

    def begin(self):
        count = len(self.codes)
        codes = (ctypes.py_object * count)(*self.codes)
        if self.witness.inside_begin(codes, count, ctypes.c_long(PERIOD)):
            raise OSError("no timer for the witness")

    def end(self):
        self.witness.inside_end()
        seen = {}
        for above, name in enumerate(("alone", "called")):
            counts = (ctypes.c_long * 1024).in_dll(self.witness, name)
            for (line, *_), count in zip(positions(self.code), counts, strict=False):
                seen.setdefault(line, [0, 0])[above] += count
        return {line: counts for line, counts in seen.items() if any(counts)}


def go(file, alternate):
    lowest, highest = (int(depth) for depth in ARGUMENTS[:2])
    witness = Witness(ARGUMENTS[2], alternate) if len(ARGUMENTS) > 2 else None
    alternate(perf_counter() + 0.02)  # go: warm up
    if witness:
        witness.begin()
    for depth in range(lowest, highest + 1):
        end = perf_counter() + SECONDS / (highest + 1 - lowest)
        under(depth, alternate, end)  # go: alternate
    inside = witness.end() if witness else {}
    found = []
    for path in (file, __file__):
        with open(path, encoding="utf-8") as source:
            codes(compile(source.read(), path, "exec"), found)
    with open(OUT, "w", encoding="utf-8") as to:
        json.dump({"inside": inside, "codes": code_table(found)}, to)
