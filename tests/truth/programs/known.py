"""What the truth programs share: burning time by the program's own clock, and telling what is true.

A program is called with FILE SECONDS [ARGUMENTS]; `tell` writes what it knows into FILE as JSON.
"""

import json
import random
import sys
from threading import get_native_id
from time import perf_counter

OUT = sys.argv[1]
SECONDS = float(sys.argv[2])
ARGUMENTS = sys.argv[3:]
CHANCE = random.Random(20261121)
burned = []  # (name, thread, begin, end) by this program's clock; a list, for threads append to it


def waited():
    """Seconds that this thread was ready to run and the machine ran something else."""
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9


def burn(name, low=0.0002, high=0.0006):
    """Burns a random time and charges it to `name`."""
    begin = now = perf_counter()
    end = begin + CHANCE.uniform(low, high)
    while now < end:
        now = perf_counter()
    burned.append((name, get_native_id(), begin, now))


def codes(code, found):
    found.append(code)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            codes(constant, found)
    return found


def code_table(found):
    """One entry a code object: the source position of each of its instructions (two bytes)."""
    return [
        {
            "name": code.co_qualname,
            "file": code.co_filename,
            "first": code.co_firstlineno,
            "positions": [list(position) for position in code.co_positions()],
        }
        for code in found
    ]


def tell(more_codes=(), **facts):
    """The end of every program: writes the facts, and the code tables of the program and of this
    module (compiled again from the file, for the running ones may have been exchanged)."""
    found = list(more_codes)
    for file in (sys.argv[0], __file__):
        with open(file, encoding="utf-8") as source:
            codes(compile(source.read(), file, "exec"), found)
    spent = {}
    for name, _, begin, now in burned:
        spent[name] = spent.get(name, 0.0) + now - begin
    with open(OUT, "w", encoding="utf-8") as to:
        json.dump({"spent": spent, "burned": burned, "codes": code_table(found), **facts}, to)
