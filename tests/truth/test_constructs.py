"""Everything that Python code can be: a program for each, with time shares by its own clock and a
known set of possible stacks (see GraphJudge).

Impossible: at most 2 in a program's about 4,000 samples (mean 0.004 at a true rate of 1e-6: chance
of more 4e-8 for each of 20 programs on each of 7 Pythons: 5e-6 in all), and then all programs of a
Python together (80,000 samples, at most 4).
Shares: 5.5 standard deviations of independent draws, 0.5 points, and the share of missed ticks (at
most a fifth): 4e-8 for each of about 90 shares on each of 7 Pythons, 3e-5 in all.  The programs
draw the length of each piece at random (seeded), so that it cannot march in step with the ticks.
"""

import collections

import pytest
from harness import PROGRAMS, poisson_limit, record_keeping, say, share_tolerance
from judge import GraphJudge, share_of

NAMES = sorted(path.stem for path in (PROGRAMS / "constructs").glob("*.py"))
counted = collections.defaultdict(lambda: [0, 0])


def judge_graph(program, recording, allowed=2):
    told = recording.result
    verdict = GraphJudge(program, told).judge(recording.stacks)
    say(f"{verdict.samples} samples, {verdict.impossible} impossible, {recording.kept:.1%} kept")
    assert verdict.impossible <= allowed, "\n".join(verdict.examples[:10])
    return verdict


def judge_shares(recording):
    """Inclusive shares of the samples with `burn` on the stack."""
    told, stacks = recording.result, recording.stacks
    all_spent = sum(told["spent"].values())
    names = {code["name"] for code in told["codes"]}
    groups = {name: [name] for name in told["spent"] if name in names}
    groups.update(told.get("inclusive", {}))
    wrong = []
    for name, parts in sorted(groups.items()):
        if parts is None or name == "main":
            continue
        truth = sum(told["spent"][part] for part in parts) / all_spent
        share, samples = share_of(stacks, name, "burn")
        assert samples > 1000
        tolerance = share_tolerance(truth, samples, 1 - recording.kept)
        say(f"{name}: {share:.4f}, truth {truth:.4f}, may be {tolerance:.4f} off")
        if abs(share - truth) > tolerance:
            wrong.append(f"{name}: {share:.4f}, truth {truth:.4f} +- {tolerance:.4f}")
    assert not wrong, "\n".join(wrong)


def judge_rows(recording):
    """Functions of one name stay apart in the report: a row for each, with its own share."""
    told = recording.result
    for name, parts in told.get("rows", {}).items():
        rows = sorted(
            row["total_samples"] for row in recording.report["functions"]
            if row["qualname"] == name and row["total_samples"] > 0
        )  # fmt: skip
        spent = sorted(told["spent"][part] for part in parts)
        assert len(rows) == len(parts), f"{len(rows)} rows for {name}, not {len(parts)}"
        for row, truth in zip(rows, spent, strict=True):
            share, truth = row / sum(rows), truth / sum(spent)
            say(f"row of {name}: {share:.4f}, truth {truth:.4f}")
            assert abs(share - truth) <= share_tolerance(truth, sum(rows), 1 - recording.kept)


def judge_depths(recording):
    for name, depth in recording.result.get("depths", {}).items():
        deepest = max(
            sum(frame.name == name for frame in frames) for frames, _ in recording.stacks
        )  # fmt: skip
        assert deepest == depth, f"{name}: {deepest} deep, not {depth}"


@pytest.mark.parametrize("name", NAMES)
def test_construct(python, name, folder):
    program = f"constructs/{name}.py"
    recording = record_keeping(0.6, python, program, folder, rate=2000, seconds=2)
    verdict = judge_graph(program, recording)
    counted[python.name][0] += verdict.samples
    counted[python.name][1] += verdict.impossible
    judge_shares(recording)
    judge_rows(recording)
    judge_depths(recording)


def test_all_constructs_of_a_python(python):
    samples, impossible = counted[python.name]
    if samples == 0:
        pytest.skip("no program was run on this Python")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(samples * 1e-6, 1e-6)
