"""Frames of 5,000 locals, each larger than a chunk of the stack, between small ones; and 300
middling ones across many chunks."""

import sys

from known import SECONDS, burn, codes, perf_counter, tell

FILE = "<large>"
NAMES = [f"name{i}" for i in range(5000)]
LARGE = (
    "def large(depth):\n"
    "    " + " = ".join(NAMES) + " = depth\n"
    "    burn('large', 0.0001, 0.0002)  # -> burn\n"
    "    small(depth - 1)  # -> small\n"
    "    return name4999\n"
)
MIDDLING = (
    "def middling(depth):\n"
    "    " + " = ".join(NAMES[:200]) + " = depth\n"
    "    if depth:\n"
    "        return middling(depth - 1)  # -> middling\n"
    "    bottom()  # -> bottom\n"
)


def small(depth):
    if depth > 0:
        large(depth)  # -> large
    burn("small", 0.0001, 0.0002)  # -> burn


def bottom():
    burn("bottom")  # -> burn


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        small(5)  # -> small
        middling(300)  # -> middling


space = {"burn": burn, "small": small, "bottom": bottom}
for text in (LARGE, MIDDLING):
    exec(compile(text, FILE + text[4:7], "exec"), space)  # -> <module>
large, middling = space["large"], space["middling"]
sys.setrecursionlimit(2000)
main()  # -> main
tell(
    [c for text in (LARGE, MIDDLING) for c in codes(compile(text, FILE + text[4:7], "exec"), [])],
    sources=[[FILE + text[4:7], text] for text in (LARGE, MIDDLING)],
    inclusive={"middling": ["bottom"], "small": ["small", "large"], "large": None},
    depths={"middling": 301, "large": 5},
)
