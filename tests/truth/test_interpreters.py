"""Threads that run code in another interpreter of the process are seen there, once a tick.

Four pieces of SECONDS each, at 1,000 ticks a second 400 samples: of a share of one half 2.5 points
are a standard deviation, were the pieces cut by chance; they are not, and OFF is what the beginning
and the end of a piece may differ.  Before 3.13 a thread that runs code in an interpreter that
another one made is known there by that one's number: the threads cannot be told apart then, and of
the one that made it only those samples are known that show it running.
"""

import json

from harness import command, record_keeping, say

SECONDS = 0.4
OFF = 0.1


def samples(recording, *words):
    report = json.loads(command("report", recording.path, "--json", *words).stdout)
    return report, {
        name: sum(f["total_samples"] for f in report["functions"] if f["name"] == name)
        for name in ("inside", "outside", "calls")
    }


def test_interpreters(python, folder):
    recording = record_keeping(0.8, python, "interpreters.py", folder, seconds=SECONDS)
    report, seen = samples(recording)
    say(f"{seen}, {report['threads']}")
    # each piece of work is there, in both, and nothing is there twice
    assert seen["inside"] > 500
    if python.version < (3, 13):
        assert 0.4 <= seen["outside"] / seen["inside"] <= 1 + 2 * OFF
        return
    assert abs(seen["inside"] / seen["outside"] - 1) <= 2 * OFF
    ticks = report["sampling"]["ticks"] - report["sampling"]["missed"]
    main, second, *_ = sorted(report["threads"], key=lambda thread: -thread["samples"])
    assert main["id"] == main["process"]
    # where it goes from one to the other it may be seen in both
    assert main["samples"] <= 1.02 * ticks
    _, of_main = samples(recording, "--thread", main["id"])
    _, of_second = samples(recording, "--thread", second["id"])
    assert abs(2 * of_main["inside"] / of_main["outside"] - 1) <= 2 * OFF
    assert of_second["outside"] == 0
    assert of_second["inside"] >= (1 - OFF) * second["samples"]
