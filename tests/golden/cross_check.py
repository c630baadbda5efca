#!/usr/bin/env python3
"""What the writer and the reader beside it must agree on beyond the golden recording.

    cross_check.py PAGE     the page is docs/internals/recording-format.md

The page's example is what the writer writes, byte by byte, and the reader reads it; stacks drawn at
random come back from their code; sections that break a rule are damage; what a lost batch defined
is lost, and no more.
"""

import random
import re
import sys

import make_golden
import read_recording


def page_example(path):
    """The bytes under "An example", each line's offset checked."""
    with open(path, encoding="utf-8") as f:
        section = f.read().split("\n## An example\n")[1].split("\n## ")[0]
    data = b""
    for offset, line in re.findall(r"^    ([0-9a-f]{4})  ([0-9a-f ]+)$", section, re.M):
        assert int(offset, 16) == len(data), offset
        data += bytes.fromhex(line)
    assert "recording of %d bytes" % len(data) in section
    return data


def check_page(path):
    data = page_example(path)
    assert data == b"".join(piece for _, piece in make_golden.example())
    facts = read_recording.Recording(data).facts()
    assert facts["ending"] == "complete"
    assert facts["nodes"] == {"0": [{"parent": None, "frame": 0}]}
    assert facts["samples"] == {"0": [[0, 0, 10, 0, 0, 0]]}


def drawn_stacks(rng):
    """From a program of a few or many frames, some of large ids: what is above the frames kept is
    mostly what it was elsewhere, and now and then recursion, or the stack before once more."""
    frames = [
        rng.randrange(1 << rng.choice((3, 8, 20, 32))) for _ in range(rng.choice((2, 9, 400)))
    ]
    stacks, stack = [], []
    for _ in range(rng.choice((0, 1, 40, 250))):
        del stack[rng.randrange(len(stack) + 1) :]
        if rng.random() < 0.05:
            stack += [rng.choice(frames)] * rng.choice((1, 30, 600))
        for _ in range(rng.randrange(5)):
            i = rng.randrange(len(frames))
            stack.append(frames[(i + len(stack)) % len(frames) if rng.random() < 0.3 else 0])
        stacks += [tuple(stack)] * (1 + (rng.random() < 0.05))
    return stacks


def read(columns, count):
    cur, stack, out = read_recording.Cursor(columns), [], []
    for keep, above in read_recording.stacks(cur, count):
        stack[keep:] = above
        out.append(tuple(stack))
    assert not cur.more()
    return out


def check_stacks():
    rng, carries, far = random.Random(1979), 0, 0
    for _ in range(30):
        stacks = drawn_stacks(rng)
        writer = make_golden.StackWriter(stacks)
        columns = writer.finish()
        assert read(columns, len(stacks)) == stacks
        carries += writer.coder.carries
        far += writer.coder.far_carries
    assert carries and far


def is_damage(columns, count):
    try:
        read(columns, count)
    except read_recording.Damaged:
        return True
    return False


def check_damage():
    two = make_golden.StackWriter([(1,), (2,)]).finish()
    code, literals = two[: 1 + two[0]], two[1 + two[0] :]
    assert literals == b"\0\2\0\3\0" and not is_damage(two, 2)
    assert is_damage(code + b"\0\2\0\2\0", 2), "a literal is in the list"
    assert is_damage(code + literals[:4], 2), "a literal is missing"
    assert is_damage(b"\xff" + two[1:], 2), "the code is cut"
    for keep in (2 * 3, 2 * 3 + 1):
        writer = make_golden.StackWriter([(1, 1)])
        writer.put(0, keep)
        writer.put(3, 0)
        assert is_damage(writer.finish(), 2), "more is kept or gone than there was"
    symbols = read_recording.Symbols(b"", read_recording.Cursor(b"\0\0"))
    symbols.left = 1
    symbols.next(0)
    try:
        symbols.next(1)
    except read_recording.Damaged:
        return
    raise AssertionError("a section has too many symbols")


def check_loss():
    """Two batches, of which the first is lost: the second one's frame 0 is not defined any more."""
    fact = dict.fromkeys(("id", "process", "period_ns", "first_ns", "seed"), 0)
    s = make_golden.Stream({**fact, "kind": "samples", "lateness_unit_ns": 1})
    names = dict.fromkeys(("file", "name", "qualname", "module"), "f")
    f = s.function(**names, first_line=1, last_line=1, table_hash=0)
    s.thread(42, 9, "")
    early = s.stack(s.frame(f, 0, 1, 1, 1, 1))
    lost = s.batch()
    late = s.stack(0, s.frame(f, 2, 1, 1, 1, 1))
    s.thread(43, 9, "")
    pairs = [(early, 0), (1, 0), (late, 0)]
    kept = s.batch(make_golden.ticks(0, [1] * 3), (7, make_golden.entries(1, 0, pairs, 3)))
    pieces = [make_golden.file_head(), make_golden.stream(s.fact), lost, kept]
    whole = read_recording.Recording(b"".join(pieces)).streams[0]
    assert [run[3] for run in whole.samples] == [0, None, 1]
    pieces[2] = lost[:-1]
    left = read_recording.Recording(b"".join(pieces)).streams[0]
    assert left.frames[0] is None and left.stacks[0] is None
    assert left.nodes == [{"parent": None, "frame": 0}, {"parent": 0, "frame": 1}]
    assert [run[3] for run in left.samples] == [read_recording.LOST, None, 1]


if __name__ == "__main__":
    check_page(sys.argv[1])
    check_stacks()
    check_damage()
    check_loss()
