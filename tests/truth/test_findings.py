"""Each kind of finding is made in a program that it is about, and not in its near twin.

The shares of the programs lie half as high again as the threshold or more, those of the twins at
0.6 of it or less (docs/internals/findings.md has the thresholds; `spread-out` is what is below its
own, and so the other way round): of 600 samples no chance worth naming brings one to the other
side.  On the oldest and the newest Python, for the rules see none.
"""

import pytest
from harness import ATTEMPTS, provided, record, record_keeping, say

SECONDS = 0.6
FREE = 0.05  # below this share of its time without a CPU a program has a machine that is not busy
# kind -> the function that the finding names, or None
KINDS = {
    "hot-function": "largest",
    "spread-out": "largest",
    "hot-line": "one_line",
    "waiting-line": "waits",
    "gil": "computes",
    "gc": "makes_cycles",
    "imports": "<module>",
    "saturated-thread": None,
    "busy-machine": None,
}
# ... and a part of the sentence: the source line that it quotes, what it says
SAYS = {
    "spread-out": "is spread out: the largest part, ",
    "hot-line": "`b = sum(range(3000))`",
    "waiting-line": "`sleep(0.01 * share)`",
    "busy-machine": "The machine was busy: ",
}


def oldest_and_newest():
    found = [python for python in provided()[0] if python.supported]
    return [
        pytest.param(p, id=p.name) for p in {p.name: p for p in found[:1] + found[-1:]}.values()
    ]


def findings(interpreter, folder, name):
    """kind -> (name of the function, the sentence)."""
    more = ["--no-subprocesses"] if name.startswith("busy-machine") else []
    recording = record_keeping(
        0.7, interpreter, "findings.py", folder, name, seconds=SECONDS, more=more
    )
    names = {function["id"]: function["name"] for function in recording.report["functions"]}
    found = {}
    for finding in recording.report["findings"]:
        say(f"{name}: {finding['kind']}: {finding['text']}")
        found[finding["kind"]] = (names.get(finding["function"]), finding["text"])
    assert ("hot-function" in found) != ("spread-out" in found)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_finding(interpreter, kind, folder):
    found = findings(interpreter, folder, kind)
    assert kind in found
    function, text = found[kind]
    assert function == KINDS[kind]
    assert SAYS.get(kind, "") in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_twin(interpreter, kind, folder):
    assert kind not in findings(interpreter, folder, f"{kind}-twin")


@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_slow_program_on_a_free_machine(interpreter, folder):
    """One that computes all the time is slow by itself: the machine is not called busy.  Whether it
    was is told by the kernel to the program, too; 3 seconds are long enough for a delay of
    FREE to be more than the rule's 0.1 s."""
    delays = []
    while not delays or delays[-1] >= FREE:
        if len(delays) == ATTEMPTS:
            pytest.fail(f"the machine was never free: {delays} of the program's time without a CPU")
        recording = record(interpreter, "findings.py", folder, "alone", seconds=3.0)
        ran, delayed = recording.result["ran"], recording.result["delayed"]
        delays.append(round(delayed / (ran + delayed), 3))
    found = {finding["kind"]: finding["text"] for finding in recording.report["findings"]}
    (thread,) = (t for t in recording.report["threads"] if t["name"] == "MainThread")
    say(f"delayed by {delays[-1]:.1%}: {thread}, {found}")
    assert thread["cpu_ns"] >= 0.85 * thread["watched_ns"] > 0
    assert "busy-machine" not in found
    assert "`computes`" in found["hot-function"]


@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_gil_is_no_waiting_line(interpreter, folder):
    assert "waiting-line" not in findings(interpreter, folder, "gil")
