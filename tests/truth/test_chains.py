"""A alternates between two chains of calls as fast as it can: how many samples show a chain, or a
call site, that never was?

At most one in a million may.  A cell (chains, depth, Python) takes SAMPLES and may show LIMIT: the
least k for which a true rate of 1e-6 gives more than k with a chance of at most CHANCE (Poisson).
    CI:   100,000 samples, mean 0.1, P(more than 4) = 7.7e-8
    long: 1,000,000 samples, mean 1, P(more than 9) = 1.1e-7 -> 10
Then all cells of a Python, and all cells, are judged together in the same way: of 1.1 million
samples at most 10 a Python.  With 11 cells on 7 Pythons, 4 more where there is a JIT, and 8
judgements together all fail falsely at most (81 + 8) x 1e-7 = 8.9e-6.  A sampler with ten times the
rate is caught all the same: it fails the judgement of a Python with 0.5, that of all with 1.

Two ways of sampling a cell in turn: RATE ticks a second, asleep in between, and `--rate max`; as
many runs as give the samples, and the shares to ERROR, and LEAST_RUNS of them.

Shares: beside the program's own witness (programs/inside.c), which sees the same run from within
some 40,000 times a second, stopped by a signal at uneven intervals.  What they are off by in each
run counts by the inverse of its variance, that of the witness's looks and that of the samples.  It
may be 1 point, and 2.6 standard deviations of all runs together: up to 1.57 points, 1.39 in the
long run.
A cell that is right by 0.4 points fails falsely with 1e-7, all together with 1e-5.

Folded and discarded are bounds on what the sampler does, not on chance: on a quiet machine they are
a quarter and a seventh of what is allowed.
"""

import collections
import functools
import subprocess

import pytest
from cells import CHAINS
from harness import LONG, build_witness, environment, poisson_limit, record, say
from judge import ChainJudge, chain_shares, witness_shares

SAMPLES = 1_000_000 if LONG else 100_000
RATE = 20000  # ticks a second
ERROR = 0.0015 if LONG else 0.0022  # standard deviation of what the shares are off by
SECONDS = 2.0 if LONG else 0.65  # a run, and those of which a quarter of the samples count:
SECONDS_SORTED = 2.0
LEAST_RUNS = 4  # what shares are off by differs from run to run, with where the memory lies
MOST_RUNS = 200
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


@pytest.fixture(scope="module")
def witnesses(tmp_path_factory):
    @functools.cache
    def of(python):
        return build_witness(python, tmp_path_factory.mktemp("witness"))

    return of


@pytest.mark.parametrize("cell, lowest, highest", CELLS, ids=IDS)
def test_chains(python, cell, lowest, highest, folder, witnesses):
    judge_cell(python, cell, lowest, highest, folder, witnesses(python))


JIT = """
import sys
print(sys._jit.is_enabled(), any([sys._jit.is_active() for _ in range(100_000)]))
"""


@pytest.mark.parametrize("cell", ("five", "shared"))
def test_chains_with_jit(python, cell, folder, witnesses):
    told = subprocess.run(
        [python.path, "-c", JIT],
        env=environment(PYTHON_JIT="1"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not told.stdout.startswith("True"):
        pytest.skip("this Python has no JIT")
    assert told.stdout == "True True\n", "a hot loop never ran in compiled code"
    judge_cell(python, cell, 0, 0, folder, witnesses(python), PYTHON_JIT="1")


def judge_cell(python, cell, lowest, highest, folder, witness, **variables):
    program, chains = CHAINS[cell]
    sums = collections.Counter()
    examples = []
    runs = 0
    while sums["samples"] < SAMPLES or sums["weight"] < ERROR**-2 or runs < LEAST_RUNS:
        assert runs < MOST_RUNS, f"only {sums} in {runs} runs"
        recording = record(
            python, program, folder, lowest, highest, witness,
            rate="max" if runs % 2 else RATE, variables=variables,
            seconds=SECONDS_SORTED if cell == "sorted" else SECONDS,
        )  # fmt: skip
        judge = ChainJudge(program, recording.result["codes"], chains, lowest, highest)
        verdict = judge.judge(recording.stacks)
        share, of = chain_shares(recording.in_order(f"*/{program}"), *judge.calls)
        truth, looks = witness_shares(recording.result["inside"], *judge.calls)
        say(f"share {share:.4f} of {of}, witness {truth:.4f} of {looks}")
        runs += 1
        examples += verdict.examples
        sums["samples"] += verdict.samples
        sums["impossible"] += verdict.impossible
        weight = 4 * of * looks / max(1, of + looks)  # 1 / the difference's variance
        sums["off"] += (share - truth) * weight
        sums["weight"] += weight
        for key in ("planned_samples", "discarded", "taken", "folded", "moved"):
            sums[key] += recording.sampling[key]
    off, error = sums["off"] / sums["weight"], sums["weight"] ** -0.5
    say(
        f"{sums['samples']} samples in {runs} runs, {sums['impossible']} impossible, "
        f"folded {sums['folded'] / sums['taken']:.5%}, moved {sums['moved'] / sums['taken']:.5%}, "
        f"discarded {sums['discarded'] / sums['planned_samples']:.5%}; "
        f"share off by {off:.4f} +- {error:.4f}"
    )
    limit = poisson_limit(sums["samples"] * ONE_IN, CHANCE)
    assert sums["impossible"] <= limit, "\n".join(examples[:10])
    counted[python.name][0] += sums["samples"]
    counted[python.name][1] += sums["impossible"]
    counted[python.name][2] += sums["samples"] * ONE_IN
    assert sums["folded"] <= 0.001 * sums["taken"]
    assert sums["discarded"] <= 0.005 * sums["planned_samples"]
    assert abs(off) <= 0.01 + 2.6 * error


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
