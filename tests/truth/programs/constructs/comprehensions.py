"""Comprehensions, nested, and generator expressions: frames of their own on 3.11, part of their
function from 3.12 on; a generator expression always has one."""

from known import SECONDS, burn, perf_counter, tell


def item(name):
    burn(name)  # -> burn
    return name


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        [item("item") for _ in range(2)]  # -> item <listcomp>
        {item("item") for _ in range(2)}  # -> item <setcomp>
        {n: item("item") for n in range(2)}  # -> item <dictcomp>
        [[item("item") for _ in range(2)] for _ in "a"]  # -> item <listcomp>
        sum(len(item("item")) for _ in range(2))  # -> item <genexpr>
        any(None for _ in range(1) if item("item") == "")  # -> item <genexpr>
        burn("main")  # -> burn


main()  # -> main
tell()
