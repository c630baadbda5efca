"""Shares of time against the program's own clock."""

import collections
import statistics

import pytest
from harness import ATTEMPTS, LONG, record_keeping, say
from judge import share_of


def test_half(python, folder):
    """Half of the time in tiny calls, half in a loop: within 1 point, with 80 % of the ticks kept.

    The program's own clock, over the whole run, and at the times of the samples taken: the first
    alone would tell of the machine where it pauses the two together, for then the clock goes on
    without ticks.  Slices of 2 ms at 10 kHz: the count of samples in a slice is off by less than
    one, so that over the 1,000 slices of 4 s one standard deviation is 0.1 points.  A lost fifth of
    the ticks, in pauses that end anywhere in a slice, adds 0.16: 1 point is 5 deviations, 6e-7 for
    each Python.  At the samples' own times 1 in 200 lies at a slice's end: 0.05 points.
    """
    recording = record_keeping(0.8, python, "half.py", folder, rate=10000, seconds=4)
    share, samples = share_of(recording.stacks, "calls", "main")
    loop, _ = share_of(recording.stacks, "loop", "main")
    share /= share + loop
    spent = collections.Counter()
    for name, _, begin, end in recording.result["slices"]:
        spent[name] += end - begin
    at = recording.at_samples(recording.result["slices"])
    truths = [counts["calls"] / counts.total() for counts in (spent, at)]
    say(f"calls {share:.4f}, truth {truths}, {samples} samples, {recording.kept:.1%} kept")
    assert samples >= 0.7 * 4 * 10000
    assert abs(share - truths[1]) <= 0.01
    assert abs(share - truths[0]) <= 0.01 + 1 - recording.kept


PARTS = ("f50", "f30", "f15", "f05")


# Of its time the program may have waited for a CPU: so much, if one of ATTEMPTS runs has it (the
# errors stand as they are then), and never more than that (what it waited is taken from them).
CALM, MOST_FROZEN = 0.01, 0.05


def worst_of_split(python, folder):
    """The worst error over the four functions, at 20,000 samples or more; where the program waited
    for a CPU all the time, less that: thread_time does not count it, the samples do."""
    calmest = None
    for _ in range(ATTEMPTS):
        run = record_keeping(0.8, python, "split.py", folder, rate=10000, seconds=2.7)
        if calmest is None or run.result["frozen"] < calmest.result["frozen"]:
            calmest = run
        if calmest.result["frozen"] <= CALM:
            break
    truth, frozen = calmest.result["shares"], calmest.result["frozen"]
    shares = {name: share_of(calmest.stacks, name, "main") for name in PARTS}
    samples = sum(share * total for share, total in shares.values())
    errors = [share * total / samples - truth[name] for name, (share, total) in shares.items()]
    say(
        f"errors {[f'{error:+.4f}' for error in errors]} in {samples:.0f} samples, "
        f"frozen {frozen:.2%}"
    )
    assert samples >= 20000
    assert frozen <= MOST_FROZEN
    worst = max(map(abs, errors))
    return worst if frozen <= CALM else max(0.0, worst - frozen)


def test_split(python, folder):
    """50/30/15/5, checked with thread_time: at most 1.5 points off at 20,000 samples.

    Drawn at random the share of 0.5 would have a standard deviation of 0.35 points: 1.5 points are
    4.2 of them; a clock jittered by half a period over turns of 1 ms has less than half of that,
    so that 8 deviations and more are left (1e-15).
    """
    assert worst_of_split(python, folder) <= 0.015


@pytest.mark.skipif(not LONG, reason="20 runs: only in `make test-long`")
def test_split_median(python, folder):
    """The median of 20 runs is at most 0.5 points: it would take ten false runs at once."""
    worst = [worst_of_split(python, folder) for _ in range(20)]
    say(f"median {statistics.median(worst):.4f}, all {[round(w, 4) for w in sorted(worst)]}")
    assert statistics.median(worst) <= 0.005
