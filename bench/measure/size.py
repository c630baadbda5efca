"""What a recording takes on disk."""

from . import machine, table, tools
from .cpu import contestants
from .estimate import Bar, of_turns, of_values

RATE = 1000
NO_MORE = Bar(1)


def per_10k(tool, program, seconds, folder):
    """Bytes per 10,000 samples kept; None when it does not tell its samples."""
    out, said = tools.run(tool, [machine.PROGRAMS / program, str(seconds)], RATE, folder)
    samples = tool.samples(out, said)
    if samples is not None and samples < RATE * seconds / 100:
        raise RuntimeError(f"{tool.label()} took {samples} samples of {program}:\n{said[-1000:]}")
    return out.stat().st_size * 10_000 / samples if samples else None


def against_tachyon(python, program, seconds, turns, folder):
    """Turns A B S S B A: Tachyon, ours without source, ours with it."""
    kinds = {
        "A": tools.Tachyon(python),
        "B": tools.Pyrometer(python, "--no-source"),
        "S": tools.Pyrometer(python),
    }
    without, with_source = [], []
    for _ in range(turns):
        with machine.timing():
            a0, b0, s0, s1, b1, a1 = (
                per_10k(kinds[kind], program, seconds, folder) for kind in "ABSSBA"
            )
        without.append((a0, b0, b1, a1))
        with_source.append((a0, s0, s1, a1))
    return without, with_source


def measure(quick, ours=False):
    seconds, turns = (3, 1) if quick else (8, 6)
    section = table.Section(
        "size",
        "Bytes per 10,000 samples",
        f"At {RATE:,} Hz, runs of {seconds} s; the file over the samples kept. `few.py`: a handful "
        "of functions 20 frames deep. `many.py`: recursion that branches at random, where most "
        "samples have a stack of their own. Pyrometer beside Tachyon's `--binary` in turns, judged "
        "without embedded source; the others once.",
        ("stacks", "sampler", "bytes", "Pyrometer / Tachyon", "", "turns"),
    )
    python = machine.python("3.15")
    for program in ("few.py", "many.py"):
        stacks = program.partition(".")[0]
        machine.say(f"size: {program}")
        with machine.scratch() as folder:
            if python is None:
                section.notes.append("No Python 3.15 here, so no Tachyon.")
            else:
                without, with_source = against_tachyon(python, program, seconds, turns, folder)
                theirs = of_values([value for turn in without for value in (turn[0], turn[3])])
                section.rows.append((stacks, "Tachyon", theirs.show(digits=0), "", "", turns))
                for label, done, judge in (
                    ("Pyrometer --no-source", without, True),
                    ("Pyrometer", with_source, False),
                ):
                    per = of_values([value for turn in done for value in turn[1:3]])
                    ratio = of_turns(done)
                    verdict = table.judged(NO_MORE, ratio) if judge else ""
                    row = (stacks, label, per.show(digits=0), ratio.show(), verdict, turns)
                    section.rows.append(row)
            for tool, _ in contestants(ours):
                if isinstance(tool, (tools.Pyrometer, tools.Tachyon)):
                    continue
                with machine.timing():
                    try:
                        bytes_each = per_10k(tool, program, seconds, folder)
                    except RuntimeError as problem:
                        section.notes.append(f"{tool.label()}: {problem}")
                        continue
                section.rows.append((stacks, tool.label(), table.many(bytes_each), "", "", 1))
    return section
