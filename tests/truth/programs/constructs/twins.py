"""Two functions of one name, and code of several contents compiled under one file name."""

from known import SECONDS, burn, codes, perf_counter, tell

SOURCES = (
    'def work():\n    burn("exec one")  # -> burn\n',
    'def work():\n    for _ in "ab":\n        burn("exec two")  # -> burn\n',
    'def work():\n    if burn("exec three", 0.0001, 0.0002):  # -> burn\n        work()\n'
    '    return [burn("exec three") for _ in "a"]  # -> burn work.<locals>.<listcomp>\n',
)
FILE = "<one name>"


def load(text):
    space = {"burn": burn}
    exec(compile(text, FILE, "exec"), space)  # -> <module>
    return space["work"]


def twin():  # = first_twin
    burn("first twin")  # -> burn


first = twin


def twin():  # = second_twin # noqa: F811
    burn("second twin", 0.0004, 0.0008)  # -> burn


def main():
    end = perf_counter() + SECONDS
    functions = [load(text) for text in SOURCES]  # -> load <listcomp>
    again = load(SOURCES[0])  # -> load
    while perf_counter() < end:
        first()  # -> first_twin
        twin()  # -> second_twin
        again()  # -> work
        for function in functions:
            function()  # -> work


main()  # -> main
tell(
    [code for text in SOURCES for code in codes(compile(text, FILE, "exec"), [])],
    sources=[[FILE, text] for text in SOURCES],
    rows={"twin": ["first twin", "second twin"], "work": ["exec one", "exec two", "exec three"]},
)
