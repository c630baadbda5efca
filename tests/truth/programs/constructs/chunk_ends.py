"""Frames that take most of a chunk of the stack each: three chunks come and go with every call of
`hops`, and then stay for a while."""

from known import SECONDS, burn, codes, perf_counter, tell

FILE = "<wide>"
WIDE = (
    "def wide(depth, stays):\n"
    "    if depth < 0:\n"
    "        " + " = ".join(f"name{i}" for i in range(1200)) + " = depth\n"
    "    if depth:\n"
    "        return wide(depth - 1, stays)  # -> wide\n"
    "    if stays:\n"
    "        burn('wide')  # -> burn\n"
)


def hops():
    for _ in range(15):
        wide(1, False)  # -> wide
    wide(1, True)  # -> wide


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        hops()  # -> hops


space = {"burn": burn}
exec(compile(WIDE, FILE, "exec"), space)  # -> <module>
wide = space["wide"]
main()  # -> main
tell(
    codes(compile(WIDE, FILE, "exec"), []),
    sources=[[FILE, WIDE]],
    inclusive={"hops": ["wide"]},
    depths={"wide": 2},
)
