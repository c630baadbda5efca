"""What a function's frame leaves behind is not shown while what its caller came to resume works.

The work takes all but some microseconds of 2 ms.  Shown elsewhere may be 1 in 50, and what is shown
at its ends (4,000 ticks a second: 1 tick in 8 has one; of these the two copies tell most).
"""

from harness import record_keeping, say
from judge import GraphJudge, share_of


def test_leftovers(python, folder):
    recording = record_keeping(0.5, python, "leftovers.py", folder, rate=4000, seconds=2.5)
    told = recording.result
    verdict = GraphJudge("leftovers.py", told).judge(recording.stacks)
    say(f"{verdict.impossible} impossible of {verdict.samples}")
    assert verdict.impossible <= 2, "\n".join(verdict.examples[:10])
    for way, work in told["works"].items():
        share, samples = share_of(recording.stacks, work, way)
        say(f"{way}: {share:.4f} of {samples} in {work}")
        assert samples > 500
        assert share > 0.98
