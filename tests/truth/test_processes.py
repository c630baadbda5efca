"""Every process of the command's tree: its row, its own functions, and no one else's.

Known from the programs: each process tells its own pid and role, and works in the function of that
name alone.  SECONDS of work at 1,000 ticks a second are 300 samples; a machine that lets the
sampler take fewer than 20 of them cannot be judged on.
"""

import itertools
import json
from pathlib import Path

import pytest
from harness import ATTEMPTS, command, record, say

SECONDS = 0.3
AWAY_MOST = 0.02  # seconds
# An orphan that has executed something is known where nobody else in its process group can have
# started it: not beside the tests, which wait for what they have started.
ORPHANS = {"double_fork_exec", "background"}
SHAPES = {  # how many work in each role
    "forks": {"parent": 1, "child": 2},
    "subprocesses": {"parent": 1, "child": 1},
    "shell": {"parent": 1, "child": 1},
    "nested": {"parent": 1, "child": 1, "grandchild": 1},
    "double_fork": {"parent": 1, "grandchild": 1},
    "double_fork_exec": {"parent": 1, "grandchild": 1},
    "background": {"parent": 1, "child": 1},
    "executes": {"parent": 1, "child": 1},
    "fork": {"parent": 1, "child": 2},
    "forkserver": {"parent": 1, "child": 2},
    "spawn": {"parent": 1, "child": 2},
    "pool": {"parent": 1, "child": 2},
    "fork_pool": {"parent": 1, "child": 2},
    "spawn_pool": {"parent": 1, "child": 2},
}


def told(folder, recording):
    """pid -> role, as the processes said."""
    name = recording.path.with_suffix(".json").name
    facts = [json.loads(path.read_text()) for path in Path(folder).glob(f"{name}.*")]
    return {fact["pid"]: fact["role"] for fact in facts}


def run(python, folder, shape, **options):
    return record(python, "family.py", folder, shape, seconds=SECONDS, tells=False, **options)


def work_of(recording, pid):
    """role -> samples of its function in the process."""
    report = json.loads(command("report", recording.path, "--json", "--process", pid).stdout)
    return {
        function["name"]: function["total_samples"]
        for function in report["functions"]
        if function["file"].endswith("family.py")
        and function["name"] in ("parent", "child", "grandchild")
        and function["total_samples"] > 0
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_shape(python, folder, shape):
    recording = run(python, folder, shape, session=shape in ORPHANS)
    roles = told(folder, recording)
    counts = {role: list(roles.values()).count(role) for role in set(roles.values())}
    assert counts == SHAPES[shape]
    listed = {process["pid"]: process for process in recording.report["processes"]}
    assert roles.keys() <= listed.keys()
    for pid in listed.keys() - roles.keys():
        # what multiprocessing itself starts, and what was forked and took its time to execute
        helper = any("multiprocessing." in word for word in listed[pid]["argv"])
        assert helper or sum(work_of(recording, pid).values()) == 0, listed[pid]
    for pid, role in roles.items():
        assert listed[pid]["python"].startswith(".".join(map(str, python.version)))
        seen = work_of(recording, pid)
        say(f"{pid} {role}: {seen}")
        assert seen.get(role, 0) >= 20
        assert seen.keys() == {role}


def test_not_followed(python, folder):
    """`--no-subprocesses`: what a Python starts is left out."""
    recording = run(python, folder, "nested", more=["--no-subprocesses"])
    roles = told(folder, recording)
    (process,) = recording.report["processes"]
    assert roles[process["pid"]] == "parent"
    assert len(roles) == 3


def test_hundred(python, folder):
    """100 children of 30 ms: each has its row, and 95 of them a sample at least.

    A child is found within 4 ms (the first within 10) and looked at 5 ms later: it is read some 20
    times.  A sampler that the machine does not let run for most of a child's time cannot be judged
    by it; never being let run is a failure all the same.
    """
    away = []
    while len(away) < ATTEMPTS:
        recording = run(python, folder, "hundred")
        times = sorted(recording.tick_times)
        away.append(max(after - before for before, after in itertools.pairwise(times)))
        if away[-1] < AWAY_MOST:
            break
    say(f"longest times between two ticks: {away}")
    assert away[-1] < AWAY_MOST
    children = {pid for pid, role in told(folder, recording).items() if role == "child"}
    report = recording.report
    listed = {process["pid"] for process in report["processes"]}
    sampled = {thread["process"] for thread in report["threads"] if thread["samples"] > 0}
    say(f"{len(children & listed)} listed, {len(children & sampled)} with samples")
    assert len(children) == 100
    assert children <= listed
    assert len(children & sampled) >= 95
