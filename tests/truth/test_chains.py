"""A alternates between two chains of calls as fast as it can: how many samples show a chain, or a
call site, that never was?

At most one in a million may.  A cell (chains, depth, Python) takes SAMPLES and may show LIMIT: the
least k for which a true rate of 1e-6 gives more than k with a chance of at most CHANCE (Poisson).
    CI:   100,000 samples, mean 0.1, P(more than 4) = 7.7e-8
    long: 1,000,000 samples, mean 1, P(more than 9) = 1.1e-7 -> 10
Then all cells of a Python, and all cells, are judged together in the same way: of 1.1 million
samples at most 10 a Python.  With 11 cells on 7 Pythons and 8 judgements together all fail falsely
at most (77 + 8) x 1e-7 = 8.5e-6.  A sampler with ten times the rate is caught all the same: it
fails the judgement of a Python with 0.5, that of all with 1.

Two ways of sampling a cell in turn: RATE ticks a second, asleep in between, and `--rate max`.

Shares: of the samples of all runs, for where a program's memory lies differs from run to run, and
with it what its shortest calls take.  60,000 samples that are far apart beside the chains' length
are independent: one standard deviation of a share of 0.5 is 0.2 points, that of the truth is
measured (see clock_share) and must be below 0.4 points.  The tolerance is 1 point (5 deviations,
6e-7; as many where a cell has fewer samples of the chains, as `sorted` has), 4 of the truth's own,
and SLACK_NS of the two chains' length: that much less or more a call takes between two others than
next to its like, where the program's clock can measure it, and so much the frames' cache lines are
apart.
A program that the machine holds still shows one state all the while: see chain_shares.

Folded and discarded are bounds on what the sampler does, not on chance: on a quiet machine they are
a quarter and a seventh of what is allowed.
"""

import collections
import statistics

import pytest
from cells import CHAINS
from harness import LONG, poisson_limit, record, say
from judge import ChainJudge, chain_shares, clock_share

SAMPLES = 1_000_000 if LONG else 100_000
RATE = 20000  # ticks a second
SLEEPING_RUNS, SLEEPING_SECONDS = (8, 2.5) if LONG else (4, 0.8)
MOST_RUNS = 40
SLACK_NS = 1.5
ONE_IN = 1e-6
CHANCE = 1e-7
DEPTHS = {"": (0, 0), "-on-100": (100, 100)}
CELLS = [(cell, *depths) for cell in CHAINS for depths in DEPTHS.values()]
IDS = [f"{cell}{name}" for cell in CHAINS for name in DEPTHS]
# The chains at every distance from the end of a 16 kB chunk of the interpreter's stack, where each
# call may map a new chunk and each return unmap it.
if LONG:
    CELLS.append(("empty", 60, 259))
    IDS.append("empty-on-60-to-259")
counted = collections.defaultdict(lambda: [0, 0, 0.0])  # Python -> samples, impossible, allowed


@pytest.mark.parametrize("cell, lowest, highest", CELLS, ids=IDS)
def test_chains(python, cell, lowest, highest, folder):
    program, chains = CHAINS[cell]
    sums = collections.Counter()
    examples, turns, lengths = [], [], []
    share = 0.0
    seconds, runs = 0.5, 0
    while runs < SLEEPING_RUNS or sums["samples"] < SAMPLES:
        assert runs < MOST_RUNS, f"only {sums['samples']} samples in {runs} runs"
        asleep = runs < SLEEPING_RUNS
        recording = record(
            python, program, folder, lowest, highest,
            rate=RATE if asleep else "max", seconds=SLEEPING_SECONDS if asleep else seconds,
        )  # fmt: skip
        judge = ChainJudge(program, recording.result["codes"], chains, lowest, highest)
        verdict = judge.judge(recording.stacks)
        in_share, of = chain_shares(recording.in_order(f"*/{program}"), *judge.calls)
        share += in_share * of
        runs += 1
        examples += verdict.examples
        turns += recording.result["shares"]
        lengths.append(recording.result["both_ns"])
        sums["shares"] += of
        sums["samples"] += verdict.samples
        sums["impossible"] += verdict.impossible
        for key in ("planned_samples", "discarded", "taken", "folded"):
            sums[key] += recording.sampling[key]
        if not asleep:
            lacking = SAMPLES - sums["samples"]
            seconds = min(10, max(0.3, 1.2 * seconds * lacking / max(1, verdict.samples)))
    truth, error = clock_share(turns)
    share /= max(1, sums["shares"])
    slack = SLACK_NS / statistics.median(lengths)
    say(
        f"{sums['samples']} samples in {runs} runs, {sums['impossible']} impossible, "
        f"folded {sums['folded'] / sums['taken']:.5%}, "
        f"discarded {sums['discarded'] / sums['planned_samples']:.5%}; "
        f"share {share:.4f} of {sums['shares']}, truth {truth:.4f} +- {error:.4f}, "
        f"slack {slack:.4f}, frozen {recording.result['frozen']:.2%}"
    )
    limit = poisson_limit(sums["samples"] * ONE_IN, CHANCE)
    assert sums["impossible"] <= limit, "\n".join(examples[:10])
    counted[python.name][0] += sums["samples"]
    counted[python.name][1] += sums["impossible"]
    counted[python.name][2] += sums["samples"] * ONE_IN
    assert sums["folded"] <= 0.001 * sums["taken"]
    assert sums["discarded"] <= 0.005 * sums["planned_samples"]
    assert error < 0.004, f"the program's own clock is unsteady: {error} in {len(turns)} turns"
    assert abs(share - truth) <= max(0.01, 2.5 / sums["shares"] ** 0.5) + 4 * error + slack


def test_all_cells_of_a_python(python):
    samples, impossible, mean = counted[python.name]
    if samples == 0:
        pytest.skip("no cell of this Python was run")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(mean, CHANCE)


def test_all_cells():
    samples, impossible, mean = (sum(cell[i] for cell in counted.values()) for i in range(3))
    if samples == 0:
        pytest.skip("no cell was run")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(mean, CHANCE)
