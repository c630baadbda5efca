"""Everything that Python code can be: a program for each, with time shares by its own clock and a
known set of possible stacks (see GraphJudge).

Impossible: at most 2 in a program's about 3,200 samples, two programs' 8,000 (at a true rate of
1e-6 the chance of more is below 6e-9 for each of 17 programs and 9e-8 for each of the two, on 7
Pythons below 2e-6 in all), and then all programs of a Python together (70,000 samples, at most 3).
Shares: what the samples show beside what the program's own log has at the times of these very
samples, so that neither chance nor a pause of the machine makes a difference.  What is left are
samples at the ends of pieces: a piece lasts 400 microseconds in the mean, a sample's time is known
to +-1, and 1 in 600 was seen to be counted for its neighbour, as many each way.  For a share of
1,500 samples to be OFF by that, 19 more would have to go one way than the other, where 1 does in
the mean: below 1e-14.  Of two rows that follow each other, what one gains there the other loses: of
450 samples 6 would have to, where 0.2 do: 1e-7, 3e-6 for 3 programs on 7 Pythons.  The largest of
540 that was seen to be off was so by 0.4 points.
"""

import collections

import pytest
from harness import ATTEMPTS, PROGRAMS, poisson_limit, record_keeping, say
from judge import GraphJudge, share_of

NAMES = sorted(path.stem for path in (PROGRAMS / "constructs").glob("*.py"))
OFF = collections.defaultdict(lambda: 0.0125)
# Chunks of the stack come and go with every call: a sample is taken up to half a piece late, when
# the stack stands still for long enough to be read; that is at `bottom` more often than elsewhere.
OFF["large_frames"] = 0.06
# On 3.10 each of 300 new frames is found by a read of its own, a microsecond each: where `bottom`
# ends before that (it lasts 200 to 600) there is no sample of it.
OFF_310 = {"large_frames": 0.1}
SECONDS = collections.defaultdict(lambda: 0.8)
# Half of their time goes into chunks: on a busy machine 1,220 samples of 1.2 s were of `burn`.
SECONDS["large_frames"] = SECONDS["chunk_ends"] = 2.0
SECONDS |= dict.fromkeys(("lambdas", "methods", "twins"), 1.2)  # they count a part of their samples
ENOUGH = 1500  # samples of `burn`
counted = collections.defaultdict(lambda: [0, 0])


def samples_burning(recording):
    return sum(
        count for frames, count in recording.stacks if any(f.name == "burn" for f in frames)
    )  # fmt: skip


def record_enough(python, name, folder):
    """A recording with ENOUGH samples to judge shares by, in up to ATTEMPTS runs."""
    for _ in range(ATTEMPTS):
        recording = record_keeping(
            0.5, python, f"constructs/{name}.py", folder, rate=4000, seconds=SECONDS[name]
        )  # fmt: skip
        if samples_burning(recording) > ENOUGH:
            break
    return recording


def judge_graph(program, recording, allowed=2):
    told = recording.result
    verdict = GraphJudge(program, told).judge(recording.stacks)
    say(f"{verdict.samples} samples, {verdict.impossible} impossible, {recording.kept:.1%} kept")
    assert verdict.impossible <= allowed, "\n".join(verdict.examples[:10])
    return verdict


def judge_shares(recording, off):
    """Inclusive shares of the samples with `burn` on the stack."""
    told, stacks = recording.result, recording.stacks
    at = recording.at_samples(told["burned"])
    shown = samples_burning(recording)
    say(f"{shown} samples show `burn`, {at.total()} were taken in it")
    assert shown > (1 - off) * at.total()
    names = {code["name"] for code in told["codes"]}
    groups = {name: [name] for name in told["spent"] if name in names}
    groups.update(told.get("inclusive", {}))
    wrong = []
    for name, parts in sorted(groups.items()):
        if parts is None or name == "main":
            continue
        truth = sum(at[part] for part in parts) / at.total()
        share, samples = share_of(stacks, name, "burn")
        assert samples > ENOUGH
        say(f"{name}: {share:.4f}, truth {truth:.4f} of {at.total()}")
        if abs(share - truth) > off:
            wrong.append(f"{name}: {share:.4f}, truth {truth:.4f}")
    assert not wrong, "\n".join(wrong)


def judge_rows(recording, off):
    """Functions of one name stay apart in the report: a row for each, with its own share."""
    told = recording.result
    at = recording.at_samples(told["burned"])
    for name, parts in told.get("rows", {}).items():
        rows = sorted(
            row["total_samples"] for row in recording.report["functions"]
            if row["qualname"] == name and row["total_samples"] > 0
            and row["file"] in {code["file"] for code in told["codes"]}
        )  # fmt: skip
        spent = sorted(at[part] for part in parts)
        assert sum(rows) > 450
        assert len(rows) == len(parts), f"{len(rows)} rows for {name}, not {len(parts)}"
        for row, truth in zip(rows, spent, strict=True):
            share, truth = row / sum(rows), truth / sum(spent)
            say(f"row of {name}: {share:.4f}, truth {truth:.4f}")
            assert abs(share - truth) <= off


def judge_depths(recording):
    for name, depth in recording.result.get("depths", {}).items():
        deepest = max(
            sum(frame.name == name for frame in frames) for frames, _ in recording.stacks
        )  # fmt: skip
        assert deepest == depth, f"{name}: {deepest} deep, not {depth}"


@pytest.mark.parametrize("name", NAMES)
def test_construct(python, name, folder):
    program = f"constructs/{name}.py"
    recording = record_enough(python, name, folder)
    verdict = judge_graph(program, recording)
    counted[python.name][0] += verdict.samples
    counted[python.name][1] += verdict.impossible
    off = OFF_310.get(name, OFF[name]) if python.version == (3, 10) else OFF[name]
    judge_shares(recording, off)
    judge_rows(recording, off)
    judge_depths(recording)


def test_all_constructs_of_a_python(python):
    samples, impossible = counted[python.name]
    if samples == 0:
        pytest.skip("no program was run on this Python")
    say(f"{impossible} impossible of {samples}")
    assert impossible <= poisson_limit(samples * 1e-6, 1e-6)
