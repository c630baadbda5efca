"""What a thread does: can it run, does it hold the GIL, is it in the collector?

Each phase of the program does one thing in a function of its own, for SECONDS: at 1,000 ticks a
second 400 samples.  A phase begins and ends with some bytecode, and a hash of 20 MB is begun some
40 times: OFF is 5 in 100.  Nothing here is left to chance but how much of the program's time the
machine gives to others, and a thread that is not let run is one that can: it counts as such.
Competing threads are seen in 700 samples: 1.9 points are a standard deviation of a share of one
half, were the samples independent, and OFF_COMPETING 5 of them.
"""

import collections
import json

import pytest
from harness import command, record, record_keeping, say

SECONDS = 0.4
OFF = 0.05
OFF_COMPETING = 0.1
BOTH = 0.01
GIL, YES = 2, 2  # where in a sample's states it stands, as docs/internals/recording-format.md says


def counts(recording, state=None):
    """name -> samples with that function on the stack, of threads in the state."""
    words = ["--state", state] if state else []
    report = json.loads(command("report", recording.path, "--json", *words).stdout)
    return {
        function["name"]: function["total_samples"] for function in report["functions"]
        if function["file"].endswith("states.py")
    }  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    made = {}

    def of(python):
        if python.name not in made:
            folder = tmp_path_factory.mktemp("states")
            made[python.name] = record_keeping(0.8, python, "states.py", folder, seconds=SECONDS)
        return made[python.name]

    return of


# name: (can run, holds the GIL) of a thread in that function
PHASES = {
    "runs": (1, 1),
    "sleeps": (0, 0),
    "waits_for_lock": (0, 0),
    "hashes": (1, 0),
    "collects": (1, 1),
}


def test_phases(python, recordings):
    recording = recordings(python)
    every, cpu, gil, waiting, idle = (
        counts(recording, state) for state in (None, "cpu", "gil", "waiting", "idle")
    )
    for name, (runs, holds) in PHASES.items():
        known = cpu.get(name, 0) + waiting.get(name, 0)
        can_run, has_gil = cpu.get(name, 0) / known, gil.get(name, 0) / every[name]
        say(
            f"{name}: {can_run:.3f} of {known} can run, {has_gil:.3f} of {every[name]} hold the GIL"
        )
        assert every[name] > 200
        assert known >= 0.95 * every[name]
        assert abs(can_run - runs) <= OFF
        assert abs(has_gil - holds) <= OFF
        assert abs(idle.get(name, 0) / known - (not runs)) <= OFF


def test_collector(python, recordings):
    """As many samples in the collector as were taken while the program waited for it."""
    recording = recordings(python)
    truth = recording.at_samples(recording.result["collected"])["collects"]
    seen = counts(recording, "gc")
    say(f"{seen} in the collector, truth {truth}")
    assert truth > 100
    assert abs(seen["collects"] - truth) <= OFF * truth
    assert sum(count for name, count in seen.items() if name in PHASES) == seen["collects"]


def ticks_of_two_holders(recording):
    """In how many ticks two threads hold the GIL, and in how many one does."""
    holders = collections.Counter()
    for number, stream in enumerate(recording.contents.streams.values()):
        for _, tick, count, facts in stream.states:
            if facts >> GIL & 3 == YES:
                holders.update((number, at) for at in range(tick, tick + count))
    return sum(count > 1 for count in holders.values()), len(holders)


@pytest.mark.parametrize("name", ["computes", "generates"])
def test_competition(python, recordings, name):
    """Of two threads that compute one has the GIL at a time; the other waits for it, or has been
    woken and is ready: how much of that is told by the kernel."""
    recording = recordings(python)
    every, gil, waiting = (counts(recording, state) for state in (None, "gil", "waiting"))
    holds, waits = (state[name] / every[name] for state in (gil, waiting))
    truth = 1 - recording.result["ready"][name]
    say(f"{holds:.3f} of {every[name]} hold the GIL, {waits:.3f} wait, truth {truth:.3f}")
    assert every[name] > 400
    assert abs(holds - 0.5) <= OFF_COMPETING
    assert abs(waits - truth) <= OFF_COMPETING


def test_one_holder(python, recordings):
    """No two threads hold the GIL in one tick, but where it goes over while a sample is taken: that
    was so in 0 of 19,000 ticks."""
    two, ticks = ticks_of_two_holders(recordings(python))
    say(f"two threads hold the GIL in {two} of {ticks} ticks")
    assert ticks > 1500
    assert two <= BOTH * ticks


def test_scheduler(python, recordings):
    """What the kernel says of the main thread, from the first look to the last: no more than what
    it has said to the program at its end, and most of it.  If the last look, whose time is known to
    some milliseconds, was after that, there was time to run in between."""
    recording = recordings(python)
    told, result = recording.report, recording.result
    (main,) = (thread for thread in told["threads"] if thread["name"] == "MainThread")
    last = main["delays"][-1]
    looked = (recording.contents.head["mono_ns"] + last["at_ns"] + last["over_ns"]) / 1e9
    after = 0
    if looked > result["told"] - 0.01:
        after = max(0, max(recording.tick_times) - result["told"]) * 1e9
    say(f"{main}, {result['ran']} ran, {result['delayed']} delayed, then {after:.0f} ns more")
    assert 0.4 * told["wall_ns"] <= main["watched_ns"] <= told["wall_ns"]
    assert 0.3 * result["ran"] <= main["cpu_ns"] <= result["ran"] + after
    assert main["run_delay_ns"] <= result["delayed"] + after
    assert main["cpu_ns"] + main["run_delay_ns"] <= 1.01 * main["watched_ns"] + 10_000_000
    rows = main["delays"]
    for key, total in [("over_ns", "watched_ns"), ("ran_ns", "cpu_ns"),
                       ("delayed_ns", "run_delay_ns")]:  # fmt: skip
        assert sum(row[key] for row in rows) == main[total]
    # src/sample/delays.c: after 0.05, 0.1, 0.2, 0.4, 0.8 s, then each second, never sooner; that
    # five are in the first 1.55 s makes up for a sampler that is late
    for i, row in enumerate(rows):
        assert row["over_ns"] >= min(0.05 * 2**i, 1.0) * 1e9 - 1000
    assert len(rows) >= told["wall_ns"] / 1e9 - 1
    ends = [row["at_ns"] + row["over_ns"] for row in rows]
    for row, end in zip(rows[1:], ends, strict=False):
        assert end <= row["at_ns"]


LONG, SHORT = "long = there.recv(1)", "short = there.recv(1)"


def test_waiting_lines(python, folder):
    """A thread waits at two lines: for how long at each is told by its own clock, and for how long
    in all by the kernel."""
    recording = record_keeping(0.8, python, "waiting.py", folder, seconds=2 * SECONDS)
    path, result = recording.path, recording.result
    report = json.loads(command("report", path, "--json", "--thread", "reader").stdout)
    waits = {row["source"]: row["samples"] for row in report["waits"]}
    truth = recording.at_samples(result["waits"])
    seen = waits[LONG] / (waits[LONG] + waits[SHORT])
    wanted = truth["long"] / (truth["long"] + truth["short"])
    (every,) = (f["total_samples"] for f in report["functions"] if f["name"] == "reads")
    say(f"{waits} of {every}, truth {truth}, {result['ready']:.3f} of the time ready")
    assert truth["long"] > truth["short"] > 200
    assert list(waits)[:2] == [LONG, SHORT]
    assert abs(seen - wanted) <= OFF
    assert abs((waits[LONG] + waits[SHORT]) / every - (1 - result["ready"])) <= OFF
    whole = {row["source"]: row["samples"] for row in recording.report["waits"]}
    assert whole | waits == whole
    assert sorted(whole.values(), reverse=True) == list(whole.values())


def test_waits_are_of_wall_time(python, folder):
    """The summary shows them, not of threads that run or hold the GIL."""
    path = record(python, "waiting.py", folder, seconds=SECONDS).path
    shown = command("report", path).stdout
    assert f" on `{LONG}`, " in shown and f" on `{SHORT}`, " in shown
    for words in (["--mode", "cpu"], ["--mode", "gil"], ["--state", "gc"]):
        assert f" on `{LONG}`, " not in command("report", path, *words, check=False).stdout


def test_wall_is_all(python, recordings):
    """--mode wall leaves nothing out, and the states of the report add up."""
    recording = recordings(python)
    report = json.loads(command("report", recording.path, "--json", "--mode", "wall").stdout)
    states = report["sampling"]["states"]
    assert report["functions"] == recording.report["functions"]
    assert states["cpu"]["known"] == states["waiting"]["known"]
    assert states["cpu"]["samples"] + states["waiting"]["samples"] == states["cpu"]["known"]
    for state, row in states.items():
        view = json.loads(command("report", recording.path, "--json", "--state", state).stdout)
        assert view["sampling"]["in_view"] == row["samples"]
