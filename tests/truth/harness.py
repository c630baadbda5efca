"""What the truth and end-to-end tests stand on: the Pythons, one run of the command under test,
and its recording read back through `export` and `report --json`.

The command is $PYROMETER, else build/pyrometer. $PYROMETER_PYTHONS ("3.11 3.13") limits the
Pythons.
Nothing here asserts a time: the time-outs only turn a hang into a failure.
"""

import bisect
import collections
import functools
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "golden"))
import read_recording  # noqa: E402

PROGRAMS = Path(__file__).resolve().parent / "programs"
PYROMETER = os.environ.get("PYROMETER") or str(REPO / "build" / "pyrometer")
LONG = os.environ.get("PYROMETER_LONG") == "1"
HANG = 300  # seconds
ATTEMPTS = 5  # where a test needs that the machine let the sampler keep its ticks


# ---- the Pythons -------------------------------------------------------------------------------


class Python(NamedTuple):
    name: str  # "3.13", "3.11-debian"
    path: str
    version: tuple  # (3, 13)
    free_threaded: bool
    kind: str  # "system", "pyenv", "debian-testing"

    @property
    def supported(self):
        return (3, 11) <= self.version <= (3, 15) and not self.free_threaded


def parse_list(text):
    """(pythons, {name: why not tested}) from what `tools/pythons list` prints."""
    found, missing = [], {}
    for line in text.splitlines():
        if " not tested: " in line:
            name, why = line.split(" not tested: ", 1)
            missing[name.strip()] = why.strip()
        elif line.strip():
            name, path, version, abi, kind = line.split()[:5]
            pair = tuple(int(part) for part in version.split(".")[:2])
            found.append(Python(name, path, pair, abi == "free-threaded", kind))
    return found, missing


def second_ones(found):
    """pyenv's of a version that the system has itself: they are for the long run."""
    of_system = {python.version for python in found if python.kind == "system"}
    return [p for p in found if p.kind == "pyenv" and p.version in of_system]


@functools.cache
def provided():
    made = subprocess.run([REPO / "tools" / "pythons", "list"], capture_output=True, text=True)
    found, missing = parse_list(made.stdout)
    if made.returncode != 0:
        missing["all"] = "`tools/pythons` has not been run"
    wanted = os.environ.get("PYROMETER_PYTHONS", "").split()
    for python in [p for p in found if wanted and p.name not in wanted]:
        found.remove(python)
        missing[python.name] = "$PYROMETER_PYTHONS leaves it out"
    for python in [] if wanted or LONG else second_ones(found):
        found.remove(python)
        missing[python.name] = "the system has that version itself: only in `make test-long`"
    return found, missing


def pythons():
    """Those that pyrometer supports."""
    return [python for python in provided()[0] if python.supported]


def not_tested():
    return provided()[1]


def run_on_each(metafunc, found):
    """A test with `python` runs on each of those found; without any it says why it does not.

    Where tests run side by side those of a Python can be kept together (`--dist loadgroup`): what
    judges a sum over all of them has to come after them, in the same process."""
    none = pytest.mark.skip(
        reason="no Python to test on: see `tools/pythons list`, $PYROMETER_PYTHONS"
    )
    if "python" in metafunc.fixturenames:
        group = pytest.mark.xdist_group
        each = [pytest.param(python, id=python.name, marks=group(python.name)) for python in found]
        metafunc.parametrize("python", each or [pytest.param(None, id="none", marks=none)])


COPY_HEADERS = """
import pathlib, shutil, sys, sysconfig
headers = pathlib.Path(sysconfig.get_path("include"))
shutil.copytree(headers, sys.argv[1])
machine = pathlib.Path(sysconfig.get_config_var("MULTIARCH") or "-", headers.name)
if (headers.parent / machine).exists():  # Debian's pyconfig.h
    shutil.copytree(headers.parent / machine, sys.argv[1] / machine)
"""


def build_witness(python, folder):
    """programs/inside.c, made for this Python by the headers that it names itself: it may live in
    another root than we."""
    headers, library = folder / "headers", folder / "inside.so"
    subprocess.run([python.path, "-c", COPY_HEADERS, headers], check=True)
    subprocess.run(
        ["cc", "-std=gnu17", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{headers}",
         PROGRAMS / "inside.c", "-o", library],
        check=True,
    )  # fmt: skip
    shutil.rmtree(headers)
    return library


# ---- collapsed stacks --------------------------------------------------------------------------


class Frame(NamedTuple):
    name: str
    file: str
    line: int
    instruction: int  # offset in bytes; -1: not begun


class Stack(NamedTuple):
    frames: tuple  # from the bottom to the top
    count: int


FRAME = re.compile(
    r"^(?P<name>.*) \((?P<file>.*):(?P<line>\d+)(?:\+(?P<instruction>\d+))?\)(?: #\d+)?$", re.S
)


def parse_collapsed(text):
    """`name (file:line+instruction);... count` -> (stacks, samples without a Python frame).

    An instruction that is not there has not begun; ` #2` behind a frame tells another function of
    the same text.

    A token that is not of this form ends the reading: a judge must not pass what it cannot read.
    Only a stack of one such token, in brackets, is taken as one that has no Python frame.
    """
    stacks, outside, seen = [], 0, {}
    for line in text.splitlines():
        path, count = line.rsplit(" ", 1)
        if path.startswith("[") and path.endswith("]") and ";" not in path:
            outside += int(count)
            continue
        frames = []
        for token in path.split(";"):
            frame = seen.get(token)
            if frame is None:
                match = FRAME.match(token)
                if match is None:
                    raise ValueError(f"not a frame: {token!r} in {line[:2000]!r}")
                frame = seen[token] = Frame(
                    match["name"],
                    match["file"],
                    int(match["line"]),
                    int(match["instruction"] or -1),
                )
            frames.append(frame)
        stacks.append(Stack(tuple(frames), int(count)))
    return stacks, outside


def show(frames):
    """The stack in a line, with frames that repeat counted."""
    parts = []
    for frame, group in itertools.groupby(frames):
        times = len(list(group))
        text = f"{frame.name}:{frame.line}+{frame.instruction}"
        parts.append(text if times == 1 else f"{text} x{times}")
    return " > ".join(parts)


# ---- one run -----------------------------------------------------------------------------------


class Recording:
    """A run of a program under `pyrometer run`, and what the recording says."""

    def __init__(self, path, result=None, run=None):
        self.path = path
        self.result = result  # what the program itself wrote
        self.run = run

    @functools.cached_property
    def report(self):
        return json.loads(command("report", self.path, "--json").stdout)

    @property
    def sampling(self):
        return self.report["sampling"]

    @functools.cached_property
    def _collapsed(self):
        out = Path(f"{self.path}.collapsed")
        out.unlink(missing_ok=True)
        command("export", self.path, "--format", "collapsed", "--frames", "instruction", "-o", out)
        return parse_collapsed(out.read_text(encoding="utf-8"))

    @property
    def stacks(self):
        return self._collapsed[0]

    @property
    def outside(self):
        return self._collapsed[1]

    def in_order(self, pattern):
        """The samples of the first thread in order of time, as (frames by line, times in a row);
        only frames that match the pattern."""
        out = Path(f"{self.path}.speedscope.json")
        out.unlink(missing_ok=True)
        command(
            "export", self.path, "--format", "speedscope", "--frames", "line", "--only", pattern,
            "-o", out,
        )  # fmt: skip
        told = json.loads(out.read_text(encoding="utf-8"))
        frames = [(f["name"], f.get("file"), f.get("line")) for f in told["shared"]["frames"]]
        profile = told["profiles"][0]
        unit = min(weight for weight in profile["weights"] if weight > 0)

        @functools.cache
        def named(stack):
            return tuple(frames[i] for i in stack)

        return [
            (named(tuple(stack)), round(weight / unit))
            for stack, weight in zip(profile["samples"], profile["weights"], strict=True)
        ]

    @functools.cached_property
    def contents(self):
        """By the tests' own reader."""
        return read_recording.Recording(self.path.read_bytes())

    @property
    def _streams(self):
        return self.contents.streams.values()

    @property
    def stills(self):
        """The stacks that were read while their thread could not run, as frames."""
        stacks = []
        for stream in self._streams:
            paths = []  # callers come first
            for node in stream.nodes:
                frame = stream.frames[node["frame"]]
                function = stream.functions[frame["function"]]
                under = () if node["parent"] is None else paths[node["parent"]]
                told = Frame(
                    function["qualname"], function["file"], frame["line"], frame["instruction"]
                )
                paths.append((*under, told))
            stacks += [paths[node] for node in stream.stills]
        return stacks

    @property
    def tick_times(self):
        """Of the ticks kept, in seconds on the program's clock."""
        return [time / 1e9 for stream in self._streams for time in stream.times]

    @functools.cached_property
    def sample_times(self):
        """(thread's id, seconds on the program's clock, taken or discarded) of each sample."""
        times = []
        for stream in self._streams:
            for thread, tick, count, _, _, flags in stream.samples:
                tid, taken = stream.threads[thread]["tid"], not flags & 1
                times += [(tid, stream.times[tick + i] / 1e9, taken) for i in range(count)]
        return times

    def shown(self, names):
        """(thread's id, seconds on the program's clock, which of the functions was on the stack)
        of each sample with one of them."""
        for stream in self._streams:
            of_node = []  # callers come first
            for node in stream.nodes:
                name = stream.functions[stream.frames[node["frame"]]["function"]]["qualname"]
                under = None if node["parent"] is None else of_node[node["parent"]]
                of_node.append(name if name in names else under)
            for thread, tick, count, node, _, _ in stream.samples:
                name = None if node is None else of_node[node]
                for time in stream.times[tick : tick + count] if name else ():
                    yield stream.threads[thread]["tid"], time / 1e9, name

    def at_samples(self, intervals):
        """How many of the samples were taken in the intervals (name, thread, begin, end) of each
        name: what the shares would be if each sample showed what was there."""
        begins = collections.defaultdict(list)
        for name, thread, begin, end in sorted(intervals, key=lambda interval: interval[2]):
            begins[thread].append((begin, end, name))
        counts = collections.Counter()
        for thread, time, taken in self.sample_times:
            of = begins[thread] if taken else []
            i = bisect.bisect_right(of, time, key=lambda entry: entry[0]) - 1
            if i >= 0 and time < of[i][1]:
                counts[of[i][2]] += 1
        return counts

    @property
    def kept(self):
        """The share of the ticks that was not missed."""
        sampling = self.sampling
        planned = sampling["ticks"]
        return 1 - sampling["missed"] / planned if planned else 0.0


def environment(**more):
    """The programs find what they share, and leave nothing in the tree."""
    return os.environ | {"PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"} | more


def command(*arguments, check=True, **options):
    """pyrometer ARGUMENTS, to its end."""
    words = [PYROMETER, *map(str, arguments)]
    options = {"timeout": HANG, "stdin": subprocess.DEVNULL, "env": environment(), **options}
    done = subprocess.run(words, capture_output=True, check=False, **options)
    done.stdout = done.stdout.decode("utf-8")
    done.stderr = done.stderr.decode("utf-8")
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: status {done.returncode}\n{done.stderr[-4000:]}")
    return done


def record(
    python,
    program,
    folder,
    *arguments,
    rate=1000,
    seconds=1.0,
    flags=(),
    more=(),
    tells=True,
    variables=None,
    session=False,
):
    """Runs a program of programs/ and returns its Recording.

    The programs are called with FILE SECONDS ARGUMENTS and write what they know into FILE as JSON.
    session: in a session of its own, apart from whatever runs the tests.
    """
    folder = Path(folder)
    number = len(list(folder.glob("*.pyro")))
    path, told = folder / f"{number}.pyro", folder / f"{number}.json"
    run = command(
        "run", "--rate", rate, *more, "-q", "-o", path, "--",
        python.path, *flags, PROGRAMS / program, told, seconds, *arguments,
        check=False, env=environment(**(variables or {})), start_new_session=session,
    )  # fmt: skip
    if run.returncode != 0:
        raise AssertionError(f"{program}: status {run.returncode}\n{run.stderr[-4000:]}")
    return Recording(path, json.loads(told.read_text()) if tells else None, run)


def record_keeping(keep, python, program, folder, *arguments, **options):
    """A recording in which at least `keep` of the ticks were kept, in up to ATTEMPTS runs.

    A sampler that the machine does not let run cannot be judged on shares; never being let run is
    a failure all the same.
    """
    kept = []
    for _ in range(ATTEMPTS):
        recording = record(python, program, folder, *arguments, **options)
        if recording.kept >= keep:
            return recording
        kept.append(round(recording.kept, 3))
    raise AssertionError(f"no run of {program} kept {keep:.0%} of its ticks, but {kept}")


# ---- chance ------------------------------------------------------------------------------------


def poisson_above(limit, mean):
    """P(X > limit) for a Poisson X: the tail summed upwards, exact enough for bounds."""
    term = math.exp(-mean)
    for i in range(1, limit + 2):
        term *= mean / i
    total, i = 0.0, limit + 1
    while term > total * 1e-12 and term > 0:
        total += term
        i += 1
        term *= mean / i
    return total


def poisson_limit(mean, chance):
    """The least k with P(X > k) <= chance."""
    limit = 0
    while poisson_above(limit, mean) > chance:
        limit += 1
    return limit


def say(text):
    """Figures of a test, shown with `pytest -rP` or -s and on failure."""
    print(text, file=sys.stderr)
