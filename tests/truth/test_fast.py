"""What calls on and on above a caller that does nothing else: the caller's time is theirs.

A C function that calls back, and a coroutine, stay on the stack while what they called calls in
less than a microsecond.  All samples of their phases have to show them; at the two ends of a phase
some microseconds of the caller's own lie (at most two samples in 100,000 at these lengths: 4 of 600
are allowed, 2e-12).
"""

import math

import pytest
from harness import record_keeping, say

RATE = 4000
ENDS = 4


def under(stacks, holder, name):
    """Samples with `holder` on the stack, and those of them with `name` above it."""
    total = found = 0
    for frames, count in stacks:
        names = [frame.name for frame in frames]
        if holder in names:
            total += count
            found += count * (name in names[names.index(holder) :])
    return total, found


@pytest.fixture(scope="module")
def runs():
    return {}


@pytest.fixture
def recording(python, folder, runs):
    if python.name not in runs:
        run = record_keeping(0.5, python, "fast.py", folder, rate=RATE, seconds=0.15)
        assert run.stacks and run.sample_times  # read now: the folder goes with this test
        runs[python.name] = run
    return runs[python.name]


def test_callbacks(recording):
    at = recording.at_samples(recording.result["phases"])
    wrong = []
    for kind, samples in at.items():
        if kind == "by_thread" or "await" in kind or "yield" in kind:
            continue
        total, found = under(recording.stacks, kind, "held")
        say(f"{kind}: {found} of {total} with `held`, {samples} samples then")
        assert samples > 100
        if total - found > ENDS or abs(found - samples) > ENDS:
            wrong.append(f"{kind}: {found} of {total} with `held`, {samples} samples then")
    assert not wrong, "\n".join(wrong)


def test_thread(recording):
    samples = recording.at_samples(recording.result["phases"])["by_thread"]
    total, found = under(recording.stacks, "Thread.run", "held")
    say(f"{found} of {total} with `held`, {samples} samples then")
    assert samples > 100
    assert total - found <= ENDS and abs(found - samples) <= ENDS


@pytest.mark.parametrize("kind", ["by_await_often", "by_await"])
def test_coroutines(recording, kind):
    """The outermost coroutine never returns to the loop."""
    samples = recording.at_samples(recording.result["phases"])[kind]
    total, found = under(recording.stacks, kind, "held_async")
    say(f"{found} of {total} with `held_async`, {samples} samples then")
    assert samples > 500
    assert abs(found - samples) <= ENDS


@pytest.mark.parametrize("kind", ["by_await", "by_yield"])
def test_bodies(recording, kind):
    """Bodies of some 5 microseconds two generators up, beside the program's own clock.

    A generator is read up to 0.15 microseconds before or after the frames above it, in each of the
    2 resumptions and 2 ends of a turn, and the clock leaves a body's beginning and end (0.1
    microseconds) out: 6 % of 6 microseconds at most.  Of 1,500 samples a share of 0.9 has a
    standard deviation of 0.8 points if drawn at random: another 5 of these are allowed.
    """
    phases = {name: end - begin for name, _, begin, end in recording.result["phases"]}
    truth = recording.result["bodies"][kind] / phases[kind]
    total, found = under(recording.stacks, kind, "work")
    say(f"work {found / total:.3f}, truth {truth:.3f}, {total} samples")
    assert total > 500
    assert abs(found / total - truth) <= 0.06 + 5 * math.sqrt(truth * (1 - truth) / total)
