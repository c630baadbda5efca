"""Do the exports of a recording agree with each other and with the report?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter


def pyrometer(*args: str) -> str:
    return subprocess.run(
        [os.environ["PYROMETER"], *args], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def main() -> None:
    recording = sys.argv[1]
    report = json.loads(pyrometer("report", recording, "--json"))
    kept = report["sampling"]["taken"] - report["sampling"]["lost"]
    reported = Counter()
    for function in report["functions"]:
        if function["samples"]:
            reported[f"{function['qualname']} ({function['file']}:{function['line']})"] += function[
                "samples"
            ]

    for frames in ("function", "line", "instruction"):
        text = pyrometer("export", recording, "--format", "collapsed", "--frames", frames)
        total, tops = 0, Counter()
        for line in text.splitlines():
            stack, count = line.rsplit(" ", 1)
            total += int(count)
            tops[re.sub(r" #\d+$", "", stack.rsplit(";", 1)[-1])] += int(count)
        assert total == kept, (frames, total, kept)
        if frames == "function":
            assert tops == reported, (tops, reported)

        file = json.loads(
            pyrometer("export", recording, "--format", "speedscope", "--frames", frames)
        )
        names = [frame["name"] for frame in file["shared"]["frames"]]
        weight = Counter()
        for profile in file["profiles"]:
            for stack, ns in zip(profile["samples"], profile["weights"]):
                weight[bool(stack)] += ns
        each = weight[True] / kept
        assert 900_000 < each < 100_000_000, each  # at 1000 Hz, with ticks missed
        assert any(name.startswith("A.step") for name in names)
    print("the exports and the report agree")


main()
