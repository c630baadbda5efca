"""What a run costs before and after the program."""

from . import machine, table, tools
from .cpu import contestants
from .estimate import Bar, of_commands

ADDS = Bar(10, unit=" ms")


def measure(quick, ours=False):
    section = table.Section(
        "startup",
        "Start and end",
        "Wall time of a program that does nothing, under the tool with its defaults (1 kHz, "
        "report or file at the end), less that of the bare program, in turns A B B A.",
        ("sampler", "Python", "bare, ms", "adds, ms", "", "turns"),
    )
    with machine.scratch() as folder:
        script = f"{folder}/nothing.py"
        with open(script, "w") as file:
            file.write("pass\n")
        for tool, python in contestants(ours):
            judge = isinstance(tool, tools.Pyrometer)
            version = tools.python_version(python)
            machine.say(f"startup: {tool.label()} on {version}")
            if judge:
                bare = [python, "-c", "pass"]
                under = [machine.PYROMETER, "run", "-f", "-o", f"{folder}/out", "--", *bare]
            else:
                bare = [python, script]
                under = tool.command([script], 1000, f"{folder}/out{tool.ending}")
            turns = (4 if quick else 40) if judge else (2 if quick else 8)
            with machine.timing():
                try:
                    adds, alone, failed = of_commands(bare, under, turns, difference=True)
                except RuntimeError as problem:
                    section.notes.append(f"{tool.label()}: {problem}")
                    continue
            in_ms = adds.scaled(1000)
            section.rows.append(
                (
                    tool.label(),
                    version,
                    f"{alone * 1000:.1f}",
                    in_ms.show(digits=1),
                    table.judged(ADDS, in_ms) if judge else f"failed {failed} times" * bool(failed),
                    turns,
                )
            )
    return section
