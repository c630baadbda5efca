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

Shares: 100,000 samples that are far apart beside the chains' length are independent: one standard
deviation of a share of 0.5 is 0.16 points, that of the truth is measured (see clock_share) and
must be below 0.4 points.  The tolerance is 1 point (6 deviations, 2e-9) and 4 of the truth's own.
A program that the machine holds still shows one state all the while: see chain_shares.
The long run alone asserts them, and there they do not hold yet for calls as short as these: what
was measured, and why, is in docs/internals/decisions.md under "Sampling".  The shares of programs
whose parts last longer are asserted in test_shares.py.

Folded and discarded are bounds on what the sampler does, not on chance; but a machine that is busy
with other things interrupts it more often, so one run of a cell has to keep them.
"""

import collections

import pytest
from cells import CHAINS
from harness import LONG, poisson_limit, record, say
from judge import ChainJudge, chain_shares, clock_share

SAMPLES = 1_000_000 if LONG else 100_000
RATE = 1e-6
CHANCE = 1e-7
DEPTHS = {"": (0, 0), "-on-100": (100, 100)}
CELLS = [(cell, *depths) for cell in CHAINS for depths in DEPTHS.values()]
# The chains at every distance from the end of a 16 kB chunk of the interpreter's stack, where each
# call may map a new chunk and each return unmap it.
IDS = [f"{cell}{name}" for cell in CHAINS for name in DEPTHS]
if LONG:
    CELLS.append(("empty", 60, 259))
    IDS.append("empty-on-60-to-259")
counted = collections.defaultdict(lambda: [0, 0])  # Python -> samples, impossible ones


def folded_and_discarded_within_bounds(sampling):
    return (
        sampling["folded"] <= 0.001 * sampling["taken"]
        and sampling["discarded"] <= 0.005 * sampling["planned_samples"]
    )


@pytest.mark.parametrize("cell, lowest, highest", CELLS, ids=IDS)
def test_chains(python, cell, lowest, highest, folder):
    """A program that is held still in the middle of a call shows that one moment hundreds of times:
    on a busy machine a cell that fails is judged again, on new samples, up to three times."""
    for again in range(0 if LONG else 3, -1, -1):
        try:
            judge_cell(python, cell, lowest, highest, folder)
            return
        except AssertionError:
            if again == 0:
                raise
        for path in folder.iterdir():
            path.unlink()


def judge_cell(python, cell, lowest, highest, folder):
    program, chains = CHAINS[cell]
    sums = collections.Counter()
    examples, turns = [], []
    by_chain = by_line = 0.0
    seconds, runs = 1.0, 0
    calm = False
    judged = 0.3 * SAMPLES if LONG else 0
    while sums["samples"] < SAMPLES or sums["judged"] < judged or (not calm and runs < 6):
        recording = record(
            python, program, folder, lowest, highest, rate="max", seconds=round(seconds, 2)
        )
        judge = ChainJudge(program, recording.result["codes"], chains, lowest, highest)
        verdict = judge.judge(recording.stacks)
        if LONG:
            share, line_share, in_share = chain_shares(
                recording.in_order(f"*/{program}"), chains[0][1], chains[1][1],
                judge.first_line, judge.second_line,
            )  # fmt: skip
            by_chain += share * in_share
            by_line += line_share * in_share
            sums["judged"] += in_share
        runs += 1
        examples += verdict.examples
        turns += recording.result["shares"]
        sums["samples"] += verdict.samples
        sums["impossible"] += verdict.impossible
        for key in ("planned_samples", "discarded", "taken", "folded"):
            sums[key] += recording.sampling[key]
        calm |= folded_and_discarded_within_bounds(recording.sampling)
        assert runs <= 40, f"only {sums['samples']} samples in {runs} runs"
        lacking = max(SAMPLES - sums["samples"], SAMPLES / 2)
        seconds = min(30, max(0.5, 1.1 * seconds * lacking / max(1, verdict.samples)))
    truth, error = clock_share(turns)
    by_chain, by_line = (share / max(1, sums["judged"]) for share in (by_chain, by_line))
    say(
        f"{sums['samples']} samples in {runs} runs, {sums['impossible']} impossible, "
        f"folded {sums['folded'] / sums['taken']:.5%}, "
        f"discarded {sums['discarded'] / sums['planned_samples']:.5%}; "
        f"share {by_chain:.4f} by chain, {by_line:.4f} by line of {sums['judged']}, "
        f"truth {truth:.4f} +- {error:.4f}, frozen {recording.result['frozen']:.2%}"
    )
    limit = poisson_limit(sums["samples"] * RATE, CHANCE)
    assert sums["impossible"] <= limit, "\n".join(examples[:10])
    counted[python.name][0] += sums["samples"]
    counted[python.name][1] += sums["impossible"]
    assert calm, f"folded <= 0.1 % and discarded <= 0.5 % in none of {runs} runs"
    if LONG:
        assert error < 0.004, f"the program's own clock is unsteady: {error} in {len(turns)} turns"
        assert abs(by_chain - truth) <= 0.01 + 4 * error
        assert abs(by_line - truth) <= 0.01 + 4 * error


def test_all_cells_of_a_python(python):
    samples, impossible = counted[python.name]
    if samples == 0:
        pytest.skip("no cell of this Python was run")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(samples * RATE, CHANCE)


def test_all_cells():
    samples = sum(cell[0] for cell in counted.values())
    impossible = sum(cell[1] for cell in counted.values())
    if samples == 0:
        pytest.skip("no cell was run")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(samples * RATE, CHANCE)
