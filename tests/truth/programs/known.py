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
    # Asked again: one that was held up in this loop until its end has to let go of the GIL first.
    burned.append((name, get_native_id(), begin, perf_counter()))


NAMES = {}  # 3.10, whose code has no qualified name


def codes(code, found, outer=None):
    found.append(code)
    if outer is None or outer.co_name == "<module>":
        NAMES[code] = code.co_name
    else:  # in a function, or in a class
        NAMES[code] = NAMES[outer] + (".<locals>." if outer.co_flags & 1 else ".") + code.co_name
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            codes(constant, found, code)
    return found


def qualname(code):
    return code.co_qualname if hasattr(code, "co_qualname") else NAMES[code]


def positions(code):
    """(line, end_line, column, end_column) of each two bytes of instructions; 3.10 has lines."""
    if hasattr(code, "co_positions"):
        return [list(position) for position in code.co_positions()]
    lines = []
    for begin, end, line in code.co_lines():
        lines += [[line, line, None, None]] * ((end - begin) // 2)
    return lines


def code_table(found):
    """One entry a code object: the source position of each of its instructions (two bytes)."""
    return [
        {
            "name": qualname(code),
            "file": code.co_filename,
            "first": code.co_firstlineno,
            "positions": positions(code),
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
