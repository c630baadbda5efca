"""How often a sampler can look at all."""

import statistics

from . import machine, table, tools
from .estimate import Bar, of_turns, of_values

SECONDS = 3
TIMES = Bar(3, at_least=True)
SETTINGS = (
    ("--binary",),
    ("--binary", "--no-gc"),
    ("--collapsed", "--no-gc"),
    ("--pstats", "--no-gc"),
)


def rate_of(tool, folder):
    """Samples a second.  Tachyon's own count, with those that it calls wrong; our own taken ones
    over the program's whole time."""
    target = [machine.PROGRAMS / "few.py", str(SECONDS)]
    out, said = tools.run(tool, target, None, folder)
    if isinstance(tool, tools.Tachyon):
        samples, seconds = tool.captured(said)
        return samples / seconds
    report = tool.report(out)
    return report["sampling"]["taken"] / (report["wall_ns"] / 1e9)


def measure(quick, ours=False):
    section = table.Section(
        "fastest",
        "Highest rate",
        f"One busy thread, 20 frames deep, {SECONDS} s. Tachyon with the fastest of its settings "
        "(tried first, below) at a rate it cannot reach; Pyrometer with `--rate max`; turns A B B "
        "A.",
        (
            "Python",
            "Tachyon, samples/s",
            "Pyrometer, samples/s",
            "Pyrometer / Tachyon",
            "",
            "turns",
        ),
    )
    python = machine.python("3.15")
    if python is None:
        section.notes.append("No Python 3.15 here, so no Tachyon.")
        return section
    with machine.scratch() as folder:
        tried = {}
        for options in SETTINGS:
            with machine.timing():
                machine.say("fastest: Tachyon", *options)
                runs = [rate_of(tools.Tachyon(python, *options), folder) for _ in range(5)]
            tried[options] = statistics.median(runs)
        best = max(tried, key=tried.get)
        section.notes.append(
            "Tachyon's settings, median of five runs: "
            + ", ".join(f"`{' '.join(key)}` {value:,.0f}" for key, value in tried.items())
        )
        a, b = tools.Tachyon(python, *best), tools.Pyrometer(python)
        turns = []
        for _ in range(2 if quick else 10):
            with machine.timing():
                machine.say("fastest: a turn")
                turns.append([rate_of(tool, folder) for tool in (a, b, b, a)])
    ratio = of_turns(turns)
    theirs = of_values([rate for turn in turns for rate in (turn[0], turn[3])])
    mine = of_values([rate for turn in turns for rate in turn[1:3]])
    section.rows.append(
        (
            tools.python_version(python),
            theirs.show(digits=0),
            mine.show(digits=0),
            ratio.show(),
            table.judged(TIMES, ratio),
            len(turns),
        )
    )
    return section
