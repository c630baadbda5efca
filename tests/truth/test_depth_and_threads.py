"""Depth without bound, many threads, and stacks that stand still.

Impossible stacks at a rate of 1e-6: at most 2 in up to 18,000 samples (1e-6 for each Python), and 3
in the 80,000 of 200 threads (1.6e-6): on 7 Pythons 2e-5 in all.
"""

import collections

import pytest
from harness import record_keeping, say
from judge import GraphJudge
from test_constructs import judge_graph


@pytest.mark.parametrize("rate", [100, 1000])
def test_depth_5000_whole(python, rate, folder):
    """Every sample with `work` on it has all 5,000 frames below it, and nothing else."""
    seconds = 3 if rate == 100 else 1.5
    recording = record_keeping(0.8, python, "deep.py", folder, 5000, rate=rate, seconds=seconds)
    judge_graph("deep.py", recording, allowed=2)
    whole = 0
    for frames, count in recording.stacks:
        names = [frame.name for frame in frames]
        if "work" in names:
            at = names.index("work")
            assert names[:at] == ["<module>"] + ["down"] * 5000, f"{at} frames below work"
            whole += count
    taken, assumed = (recording.sampling[name] for name in ("taken", "assumed"))
    say(f"{whole} whole stacks of {taken}, of {assumed} the bottom assumed")
    assert 0.8 * taken < assumed <= 0.99 * taken  # it is read again at every 100th tick
    assert whole >= 0.6 * rate * seconds


def test_bottom_that_changes(python, folder):
    """Two chains that differ below 2,000 frames, in turns of 0.3 s at 10 kHz.

    What is below the window is read again at least every 100th tick: at most 10 ms of a turn's
    300 ms (3.3 points) may be charged to the other chain; to no third one.
    """
    recording = record_keeping(0.8, python, "shifting.py", folder, 0.3, rate=10000, seconds=2.1)
    judge = GraphJudge("shifting.py", recording.result)
    mixed = lengths = samples = 0
    examples = []
    for frames, count in recording.stacks:
        names = [frame.name for frame in frames]
        for side, other, depth in (("left", "right", 2000), ("right", "left", 2500)):
            if f"work_{side}" in names:
                samples += count
                if other in names or side not in names:
                    mixed += count
                if names.count("down") != depth:
                    lengths += count
                    examples.append(f"{names.count('down')} frames under work_{side}")
                elif other not in names and judge.why_not(frames):
                    examples.append(judge.why_not(frames))
                    lengths += count
    say(f"{samples} samples, {mixed} on the other bottom, {lengths} of a wrong length")
    assert samples > 10000
    assert mixed <= samples * 0.034
    assert lengths <= samples * 0.034, "\n".join(examples[:10])


def test_200_threads(python, folder):
    recording = record_keeping(0.8, python, "threads.py", folder, 200, rate=200, seconds=2)
    judge_graph("threads.py", recording, allowed=3)
    told, sampling = recording.result, recording.sampling
    seen = {frame.name for frames, _ in recording.stacks for frame in frames}
    missing = set(told["idle"]) | {"busy", "many", "few"}
    assert not missing - seen, f"never seen: {sorted(missing - seen)[:10]}"
    # Each tick kept has one sample of each thread that lives then, and it shows that thread.  A
    # tick of 200 threads takes a while: those that begin or end in one may be in it or not.
    by_thread = collections.Counter()
    for frames, count in recording.stacks:
        for name in {frame.name for frame in frames if frame.name.startswith("idle")}:
            by_thread[name] += count
    ticks = recording.tick_times
    planned, taken = collections.Counter(), collections.Counter()
    for thread, time, is_taken in recording.sample_times:
        planned[thread, time] += 1
        taken[thread, time] += is_taken
    # (A thread not yet begun has the number of the one that makes it, on 3.11.)
    made = {thread for _, thread, _, _ in told["lives"]}
    assert {n for (thread, _), n in planned.items() if thread in made} == {1}
    wrong = []
    for name, thread, begin, end in told["lives"]:
        during = [tick for tick in ticks if begin <= tick < end]
        sampled = sum((thread, tick) in planned for tick in during)
        seen = sum(taken[thread, tick] for tick in during)
        if abs(sampled - len(during)) > 2:
            wrong.append(f"{name}: {sampled} samples in {len(during)} ticks")
        if name != "busy" and abs(by_thread[name] - seen) > 2:
            wrong.append(f"{name}: shown {by_thread[name]} times in {seen} samples")
    say(f"{len(ticks)} ticks, {sampling['planned_samples']} samples")
    assert not wrong, "\n".join(wrong[:10])
    assert len(ticks) > 300
    share = judge_share_of_busy(recording)
    say(f"many: {share}")
    if tuple(map(int, recording.report["python"].split(".")[:2])) >= (3, 14):
        # from then on Python tells the system their names, when they run already
        names = {thread["id"]: thread["name"] for thread in recording.report["threads"]}
        told_names = {thread: name for name, thread, _, _ in told["lives"]}
        assert {thread: names[thread] for thread in told_names} == told_names


def judge_share_of_busy(recording):
    """Of the 400 samples of the busy thread: the share of `many`.  A tick of 200 threads takes as
    long as a piece of its work, so they are draws: 5.5 standard deviations (4e-8), half a point for
    what the program's clock leaves out, and the ticks that nobody saw."""
    spent = recording.result["spent"]
    truth = spent["many"] / (spent["many"] + spent["few"])
    having = {"many": 0, "few": 0}
    for frames, count in recording.stacks:
        for frame in frames:
            if frame.name in having:
                having[frame.name] += count
    total = sum(having.values())
    assert total > 200
    off = 5.5 * (truth * (1 - truth) / total) ** 0.5 + 0.005 + 1 - recording.kept
    assert abs(having["many"] / total - truth) <= off
    return having["many"] / total, truth


def test_static_stacks(python, folder):
    """Threads that stand still: the samples show exactly the stacks that sys._current_frames()
    shows, each frame at its line, at an instruction of the very same columns."""
    recording = record_keeping(0.8, python, "static.py", folder, rate=500, seconds=1.5)
    judge_graph("static.py", recording, allowed=2)
    told = recording.result
    positions = {
        (code["name"], code["file"], code["first"]): code["positions"] for code in told["codes"]
    }
    wrong = []
    for thread, stack in sorted(told["stacks"].items()):
        mine = collections.Counter()
        for frames, count in recording.stacks:
            if any(frame.name == thread for frame in frames):
                mine[frames] += count
        if not mine:
            wrong.append(f"{thread}: never seen")
            continue
        frames, count = mine.most_common(1)[0]
        if count < 0.9 * sum(mine.values()):
            wrong.append(f"{thread}: its most common stack has {count} of {sum(mine.values())}")
        got = [(frame.name, frame.file, frame.line) for frame in frames]
        want = [(name, file, line) for name, file, line, _ in stack]
        if got != want:
            wrong.append(f"{thread}: {got[-4:]} is not {want[-4:]}")
            continue
        for frame, (name, _, _, columns) in zip(frames, stack, strict=True):
            known = [p for key, p in positions.items() if key[:2] == (name, frame.file)]
            if known and columns not in [
                p[frame.instruction // 2] for p in known if frame.instruction // 2 < len(p)
            ]:
                wrong.append(f"{thread}: {name} is at {columns}, not +{frame.instruction}")
    assert not wrong, "\n".join(wrong)
