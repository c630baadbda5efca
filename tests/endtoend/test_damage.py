"""A recording cut at any byte, or with any byte flipped: what is whole is read, what is missing is
said, nothing crashes.  With $PYROMETER_SANITIZED the command built with the sanitizers reads it.

The offsets are drawn with a fixed seed, and all of them near the ends of the file.
"""

import json
import os
import random
import subprocess

import pytest
from harness import HANG, LONG, PYROMETER
from running import BUSY, run_code

READER = os.environ.get("PYROMETER_SANITIZED") or PYROMETER
COUNT = 3000 if LONG else 150
THREADS = """
import threading
threads = [threading.Thread(target=lambda: time.sleep(2.2)) for _ in range(5)]
for thread in threads: thread.start()
def deep(n):
    return deep(n - 1) if n else busy()
def busy():
    while time.monotonic() < end: work()
deep(40)
"""


@pytest.fixture(scope="module")
def recording(one, tmp_path_factory):
    """The bytes of a recording of some seconds, so that it holds several flushes."""
    path = tmp_path_factory.mktemp("damage") / "whole.pyro"
    code = BUSY.replace("while time.monotonic() < end:\n    work()\n", THREADS)
    assert run_code(one, code, path, "2.2", options=["--rate", "500"]).returncode == 0
    return path.read_bytes()


def read(path, *words):
    done = subprocess.run([READER, *words, path], capture_output=True, timeout=HANG, check=False)
    assert done.returncode in (0, 2, 125), (done.returncode, done.stderr[-3000:])
    assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr
    assert done.stdout or done.stderr
    return done


def report(path):
    done = read(path, "report", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else None


def samples(told):
    return told["sampling"]["taken"] if told and told["sampling"] else 0


def consistent(told):
    sampling = told["sampling"]
    if sampling:
        rows = sum(row["samples"] for row in told["functions"])
        assert sampling["planned_samples"] == sampling["discarded"] + sampling["taken"]
        assert rows <= sampling["taken"] - sampling["lost"]


def offsets(size, seed):
    draw = random.Random(seed)
    near = {*range(min(60, size)), *range(max(0, size - 60), size)}
    return sorted(near | {draw.randrange(size) for _ in range(COUNT)})


def test_cut_at_any_byte(recording, folder):
    path = folder / "cut.pyro"
    path.write_bytes(recording)
    whole = report(path)
    assert whole["ended"] == "complete" and not whole["warnings"]
    before = 0
    for size in offsets(len(recording), 1):
        path.write_bytes(recording[:size])
        told = report(path)
        if told is None:
            assert before == 0, f"cut at {size}: refused, though less was read"
            continue
        assert told["ended"] in ("truncated", "killed"), f"cut at {size}"
        assert told["warnings"] or told["ended"] == "killed", f"cut at {size}: nothing is said"
        consistent(told)
        # The more there is, the more is read.
        assert samples(told) >= before, f"cut at {size}"
        before = samples(told)
    assert before > 0.9 * samples(whole)
    text = read(path, "report")
    assert b"cut" in text.stdout + text.stderr or b"missing" in text.stdout + text.stderr


def test_any_byte_flipped(recording, folder):
    path = folder / "flipped.pyro"
    path.write_bytes(recording)
    whole = report(path)
    draw = random.Random(2)
    for at in offsets(len(recording), 2):
        broken = bytearray(recording)
        broken[at] ^= 1 << draw.randrange(8)
        path.write_bytes(broken)
        told = report(path)
        if told is None or told == whole:
            continue
        assert told["warnings"], f"byte {at}: not the same, and nothing is said"
        assert told["ended"] != "complete" or samples(told) <= samples(whole)
        consistent(told)


def test_damage_costs_little(recording, folder):
    """A bad byte in the middle costs a chunk, not what is behind it."""
    path = folder / "flipped.pyro"
    path.write_bytes(recording)
    whole = samples(report(path))
    kept = []
    for at in range(len(recording) // 4, len(recording) * 3 // 4, max(1, len(recording) // 40)):
        broken = bytearray(recording)
        broken[at] ^= 0x55
        path.write_bytes(broken)
        kept.append(samples(report(path)))
    assert min(kept) > 0, "nothing was left"
    assert sorted(kept)[len(kept) // 2] > 0.2 * whole


def test_garbage(recording, folder):
    """Stretches overwritten, repeated, exchanged or inserted."""
    path, draw = folder / "garbage.pyro", random.Random(3)
    size = len(recording)
    for _ in range(COUNT):
        broken = bytearray(recording)
        for _ in range(draw.randrange(1, 4)):
            a, b = sorted(draw.randrange(size) for _ in range(2))
            b = min(b, a + draw.choice((1, 4, 64, 4096)))
            way = draw.randrange(4)
            if way == 0:
                broken[a:b] = draw.randbytes(b - a)
            elif way == 1:
                broken[a:a] = broken[a:b]
            elif way == 2:
                del broken[a:b]
            else:
                broken[a:b] = b"\xff" * (b - a)
        path.write_bytes(broken)
        told = report(path)
        if told:
            consistent(told)


def test_other_views_of_damage(recording, folder):
    path, draw = folder / "cut.pyro", random.Random(4)
    views = (["report"], ["report", "--limit", "5"], ["export", "--format", "collapsed"],
             ["export", "--format", "speedscope"])  # fmt: skip
    for _ in range(COUNT // 5):
        broken = bytearray(recording[: draw.randrange(len(recording) // 2, len(recording))])
        broken[draw.randrange(len(broken))] ^= 0xFF
        path.write_bytes(broken)
        for view in views:
            read(path, *view)
