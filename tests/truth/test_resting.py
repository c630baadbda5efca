"""Threads that did not run since the last tick are not read again: are they where they were?

Each of sixteen waits now in one function and now in another, woken in turn by one that works.  A
sample that showed what was before would be one of the other name: none may, but at the edges, where
the thread's clock was read some microseconds before or after it was there.
"""

import bisect
import collections

from harness import record_keeping, say

RATE = 1000
SECONDS = 2.0
EDGE = 0.0005  # seconds


def test_resting(python, folder):
    recording = record_keeping(0.5, python, "resting.py", folder, rate=RATE, seconds=SECONDS)
    of_thread = collections.defaultdict(list)
    for name, thread, begin, end in recording.result["phases"]:
        of_thread[thread].append((begin, end, name))
    right = wrong = 0
    for thread, time, name in recording.shown({"first", "second"}):
        phases = of_thread[thread]
        i = bisect.bisect_right(phases, time, key=lambda phase: phase[0]) - 1
        if i < 0 or not phases[i][0] + EDGE <= time <= phases[i][1] - EDGE:
            continue
        right += name == phases[i][2]
        wrong += name != phases[i][2]
        if name != phases[i][2]:
            since, until = time - phases[i][0], phases[i][1] - time
            say(f"{thread}: {name} {since:.6f} after, {until:.6f} before it was there")
    say(f"{right} samples of threads where they were, {wrong} of where they were not")
    assert right > 10_000
    assert wrong == 0
