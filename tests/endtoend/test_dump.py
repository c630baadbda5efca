"""The stacks of a program that runs, hangs or is stopped."""

import ast
import json
import os
import random
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from harness import command, environment
from running import SERVER, ends_as_alone, reads_stdin, server, until


def line_of(text, code=SERVER):
    (line,) = (i for i, each in enumerate(code.splitlines(), 1) if text in each)
    return line


def stacks(pid, *options):
    told = json.loads(command("dump", pid, "--json", *options).stdout)
    assert told["schema"] == "pyrometer.dump/1"
    return told, [
        [(frame["name"], frame["line"]) for frame in stack["frames"]] for stack in told["stacks"]
    ]


def test_all_threads(python, folder):
    with server(python, folder) as process:
        told, seen = stacks(process.pid)
        ends_as_alone(process)
    (listed,) = told["processes"]
    assert listed["pid"] == process.pid
    assert len(seen) == 3
    for stack, each in zip(told["stacks"], seen, strict=True):
        waits = "waits" in dict(each)  # the others compete for the GIL
        assert stack["runnable"] is False if waits else stack["runnable"] is not None
        assert stack["collecting"] is False and not (waits and stack["holds_gil"])
    assert [stack["holds_gil"] for stack in told["stacks"]].count(True) <= 1
    (waiting,) = (stack for stack in seen if "waits" in dict(stack))
    assert waiting[0] == ("waits", line_of("sys.stdin.readline"))
    assert waiting[-1] == ("<module>", line_of("child.kill()") - 1)
    spinning = [stack for stack in seen if stack is not waiting]
    lines = {line_of("def spin") + 1, line_of("def spin") + 2}
    for stack in spinning:
        assert stack[0][0] == "spin" and stack[0][1] in lines
        assert [name for name, _ in stack[1:]] == ["run", "_bootstrap_inner", "_bootstrap"]


def test_children(one, folder):
    with server(one, folder) as process:
        told, seen = stacks(process.pid, "--subprocesses")
    assert len(told["processes"]) == 2
    assert sum("worker" in dict(stack) for stack in seen) == 1


VALUES = """
import sys
class Thing:
    pass
class Own:
    def __init__(self, second):
        self.first, self.second, self.third = 1, second, None
class I(int): pass
class S(str): pass
class L(list): pass
class D(dict): pass
def emptied(held, take_out):
    for i in range(200000):
        if i not in (5, 199999):
            take_out(held, i)
    return held
def inner(n, text, *rest, key=None, **more):
    small, big, huge = -7, 123456789012345678901234567890, -(1 << 2000)
    edge, ten = 1 << 30, 10 ** 40
    pi, whole, tiny, great, inf = 3.14159, 2.0, 1e-09, 1e22, float("inf")
    raw = b"\\x00abc'\\\\\\xff"
    none, yes, no = None, True, False
    deep = [1, 2, [3, [4, [5]]]]
    one, many = (1,), list(range(1000))
    table = {"a": 1, "b": [2], 3: "x"}
    mixed = {1: 2, (3, 4): None}
    empty = {}, [], (), ""
    gone = {"x": 1, "y": 2}
    del gone["x"]
    thing, function, kind = Thing(), inner, Thing
    odd, imaginary, minus = 1 + 2j, 3j, complex(-1.5, -2)
    array, long_array, no_array = bytearray(b"_ab"), bytearray(b"x" * 500), bytearray()
    del array[0]
    counted, stepped = range(5), range(10, -2, -3)
    some, none_left, frozen, dots = {1, "two", (3,)}, {7}, frozenset({8}), ...
    none_left.remove(7)
    hundred, of_sets = set(range(100)), [set(), frozenset()]
    few_left = emptied(set(range(200000)), set.remove)
    few_items = emptied(dict.fromkeys(range(200000)), dict.pop)
    own = Own([2])
    attributes, left_over = vars(own), vars(Own("x"))
    del own.third
    subclasses = I(5), S("s"), L([1]), D(a=1), type("dict", (dict,), {})(a=1)
    accents, slashes = "h\\u00e9llo \\u4e2d \\U0001f600 it's\\n", "C:\\\\dir\\t"
    lone = "\\udc80"
    long = "x" * 500
    captured = 5
    def closure():
        return captured
    if n == 5:
        unbound = 1
    print("ready", flush=True)
    sys.stdin.readline()
def outer():
    here = "outer"
    inner(3, "t", 4, 5, key="k", extra=6)
outer()
"""
# What is shown by what it holds is the program's own text for it.
HELD = {
    "n": 3, "text": "t", "rest": (4, 5), "key": "k", "more": {"extra": 6}, "small": -7,
    "big": 123456789012345678901234567890, "edge": 1 << 30, "ten": 10**40, "pi": 3.14159,
    "whole": 2.0, "tiny": 1e-09, "great": 1e22, "raw": b"\x00abc'\\\xff", "none": None,
    "yes": True, "no": False, "one": (1,), "table": {"a": 1, "b": [2], 3: "x"},
    "mixed": {1: 2, (3, 4): None}, "empty": ({}, [], (), ""), "gone": {"y": 2},
    "accents": "h\u00e9llo \u4e2d \U0001f600 it's\n", "slashes": "C:\\dir\t", "lone": "\udc80",
    "captured": 5, "attributes": {"first": 1, "second": [2]},
    "left_over": {"first": 1, "second": "x", "third": None}, "some": {1, "two", (3,)},
    "odd": 1 + 2j, "imaginary": 3j, "minus": -1.5 - 2j,
}  # fmt: skip
SHOWN = {
    "huge": "<int of 2001 bits>",
    "inf": "inf",
    "deep": "[1, 2, [3, [4, [... 1 more]]]]",
    "many": "[0, 1, 2, 3, 4, 5, ... 994 more]",
    "thing": r"<Thing at 0x[0-9a-f]+>",
    "function": "<function inner>",
    "kind": "<class 'Thing'>",
    "array": r"bytearray\(b'ab'\)",
    "long_array": r"bytearray\(b'x{120}'\.\.\. 380 more\)",
    "no_array": r"bytearray\(b''\)",
    "counted": r"range\(0, 5, 1\)",
    "stepped": r"range\(10, -2, -3\)",
    "none_left": r"set\(\)",
    "frozen": r"frozenset\(\{8\}\)",
    "dots": "Ellipsis",
    "hundred": r"\{0, 1, 2, 3, 4, 5, \.\.\. 94 more\}",
    "few_left": r"\{5, \.\.\. 1 more\}",
    "few_items": r"\{5: None, \.\.\. 1 more\}",
    "own": r"<Own at 0x[0-9a-f]+>",
    "subclasses": r"\(<I at \w+>, <S at \w+>, <L at \w+>, <D at \w+>, <dict at \w+>\)",
    "of_sets": r"\[set\(\), frozenset\(\)\]",
    "long": "'x{117,}\u2026'",
    "closure": "<function inner.<locals>.closure>",
}


def test_locals(python):
    with subprocess.Popen(
        [python.path, "-c", VALUES], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(),
    ) as process:  # fmt: skip
        process.stdout.readline()
        until(lambda: reads_stdin(process.pid), "readline")
        told, _ = stacks(process.pid, "--locals")
        text = command("dump", process.pid, "--locals").stdout
        plain, _ = stacks(process.pid)
        process.stdin.close()
    inner, outer, module = told["stacks"][0]["frames"]
    values = inner["locals"]
    assert values.keys() == HELD.keys() | SHOWN.keys()
    for name, value in HELD.items():
        read = ast.literal_eval(values[name])
        assert (read, type(read)) == (value, type(value)), name
    for name, pattern in SHOWN.items():
        exact = pattern.replace("[0-9a-f]+", "")
        assert re.fullmatch(pattern, values[name]) or values[name] == exact, name
    assert outer["locals"] == {"here": "'outer'"}
    assert module["locals"] == {}
    assert "        here = 'outer'\n" in text
    assert "locals" not in plain["stacks"][0]["frames"][0]


CRASHES = """
import os, threading, time
def waits(number):
    time.sleep(1000)
threading.Thread(target=waits, args=(42,), name="Waiter", daemon=True).start()
time.sleep(0.2)
def crashes(why):
    os.abort()
crashes({"code": 7})
"""


def root_of(python):
    """What `dump` has to be told of where the Python's files are."""
    wrapper = Path(python.path).read_bytes()[:1000].decode("utf-8", "replace")
    found = re.search(r"enter-root' '([^']*)'", wrapper)
    return ["--root", found[1]] if found else []


def core_of(python, folder):
    """The core file of a Python that aborts."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no core files here: the hard limit of their size is 0")
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() not in ("core", "core.%p"):
        pytest.skip("no core files here: core_pattern sends them elsewhere")
    done = subprocess.run(
        ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "-", python.path, "-c", CRASHES],
        cwd=folder, env=environment(), stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGABRT
    (core,) = folder.glob("core*")
    return core


def test_core(python, folder):
    core, root = core_of(python, folder), root_of(python)
    told = json.loads(command("dump", "--core", core, *root, "--locals", "--json").stdout)
    assert told["schema"] == "pyrometer.dump/1"
    (process,) = told["processes"]
    assert process["python"].startswith("3.")
    main = next(stack for stack in told["stacks"] if stack["thread"] == process["pid"])
    other = next(stack for stack in told["stacks"] if stack is not main)
    assert len(told["stacks"]) == 2
    assert (main["name"], other["name"]) == ("MainThread", "Waiter")
    frames = [(frame["name"], frame["line"]) for frame in main["frames"]]
    assert frames == [("crashes", line_of("os.abort", CRASHES)),
                      ("<module>", line_of("crashes({", CRASHES))]  # fmt: skip
    assert main["frames"][0]["locals"] == {"why": "{'code': 7}"}
    assert main["holds_gil"] and not other["holds_gil"]
    assert other["frames"][0]["name"] == "waits"
    assert other["frames"][0]["locals"] == {"number": "42"}
    text = command("dump", "--core", core, *root).stdout
    assert f"Process {process['pid']}: " in text and "crashes" in text
    # cut anywhere, or with bytes that lie, it is read as far as it goes or refused in a sentence
    whole = bytearray(core.read_bytes())
    chance = random.Random(5)
    for i in range(40):
        damaged = bytearray(whole[: chance.randrange(len(whole))] if i % 2 else whole)
        for _ in range(0 if i % 2 else 200):
            damaged[chance.randrange(min(len(damaged), 20000))] = chance.randrange(256)
        (folder / "damaged").write_bytes(damaged)
        done = command("dump", "--locals", "--core", folder / "damaged", *root, check=False)
        assert done.returncode in (0, 125), done.stderr
        assert done.stdout or done.stderr


def test_no_core(one, folder):
    (folder / "text").write_text("no core\n" * 1000)
    for words, said in (
        (["--core", folder / "none"], "none cannot be opened: No such file"),
        (["--core", folder / "text"], "text is not a core file"),
        (["--core", one.path], "is not a core file"),
        (["--core", folder / "text", "1"], "a process or a core file, not both"),
        (["--root", folder, "1"], "--root is of no use without --core"),
    ):
        done = command("dump", *words, check=False)
        assert done.returncode in (2, 125) and said in done.stderr


def test_as_text(one, folder):
    with server(one, folder) as process:
        text = command("dump", process.pid).stdout
    lines = text.splitlines()
    assert lines[0].startswith(f"Process {process.pid}: ")
    assert f"{folder / 'server.py'} (Python 3." in lines[0]
    assert text.count("\nThread ") == 3
    place = f"server.py:{line_of('sys.stdin.readline')}"
    assert any(line.startswith("    waits  ") and line.endswith(place) for line in lines)


HUNG = """
import threading
lock = threading.Lock()
def first():
    lock.acquire()
def second():
    print("ready", flush=True)
    lock.acquire()  # for ever
first()
second()
"""


def test_hung_and_stopped(one, folder):
    """Neither a lock that nobody gives back nor SIGSTOP keeps it from being read; and it is left as
    it was."""
    process = subprocess.Popen(
        [one.path, "-c", HUNG], stdout=subprocess.PIPE, env=environment(), start_new_session=True
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        expected = [("second", line_of("# for ever", HUNG)), ("<module>", len(HUNG.splitlines()))]
        until(lambda: stacks(process.pid)[1] == [expected], "the lock")
        os.kill(process.pid, signal.SIGSTOP)
        assert stacks(process.pid)[1] == [expected]
        with open(f"/proc/{process.pid}/stat") as file:
            assert file.read().rpartition(")")[2].split()[0] == "T"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_refused(one):
    done = command("dump", 4194304, check=False)
    assert (done.returncode, done.stderr) == (125, "pyrometer: There is no process 4194304.\n")
    assert not [name for name in os.listdir("/tmp") if name.startswith("pyrometer-dump-")]
