"""What a sampler uses, beside a bare clock that wakes as often."""

import dataclasses

from . import machine, table, target, tools
from .estimate import Bar, of_turns, of_values

WINDOW = 2.0
USES = Bar(1.3)
KEEPS = Bar(0.99, at_least=True)


@dataclasses.dataclass
class Plan:
    turns: int
    turns_of_others: int


FULL, QUICK = Plan(14, 6), Plan(2, 1)


def contestants(ours=False):
    """(tool, the Python of its target), or only Pyrometer's; none whose Python is not here."""
    older, newest = machine.python("3.13"), machine.python("3.15")
    theirs = machine.own_python()
    if older:
        yield tools.Pyrometer(older), older
    if newest:
        yield tools.Pyrometer(newest), newest
    if ours:
        return
    if newest:
        yield tools.Tachyon(newest), newest
    for kind in (tools.PySpy, tools.Austin):
        yield kind(theirs), theirs
    inside = str(machine.VENV / "bin" / "python")
    yield tools.Pyinstrument(), inside
    yield tools.Scalene(), inside


def with_floor(ours):
    """Those, and the floor of reading twice from outside."""
    for tool, python in contestants(ours):
        yield tool, python
        if isinstance(tool, tools.Pyrometer) and python == machine.python("3.15"):
            yield tools.BareReader(python), python


def sampler_share(window, bares):
    """CPU seconds a second; of a tool inside the target, what the target uses beyond a bare one."""
    if window.sampler_cpu is not None:
        return window.sampler_cpu
    bare = sum(bare.target_cpu for bare in bares) / len(bares)
    return max(window.target_cpu / bare - 1, 1e-6)


def one_turn(tool, python, rate, rounds):
    bare = tools.Bare(python)
    with machine.timing(), machine.scratch() as folder:
        return [target.measure(each, rate, rounds, folder) for each in (bare, tool, tool, bare)]


def compare(tool, python, rate, rounds, turns):
    done = [one_turn(tool, python, rate, rounds) for _ in range(turns)]
    uses, keeps, slows, shares, rates = [], [], [], [], []
    for a0, b0, b1, a1 in done:
        bares = (a0, a1)
        b = [sampler_share(window, bares) for window in (b0, b1)]
        uses.append((a0.sampler_cpu, *b, a1.sampler_cpu))
        shares += b
        slows.append((a0.wall, b0.wall, b1.wall, a1.wall))
        if b0.kept is not None:
            keeps.append((a0.kept, b0.kept, b1.kept, a1.kept))
        rates += [w.samples / (w.wall + target.SETTLE + target.TAIL) for w in (b0, b1) if w.samples]
    return {
        "uses": of_turns(uses),
        "share": of_values(shares),
        "floor": of_values([share for turn in uses for share in (turn[0], turn[3])]),
        "keeps": of_turns(keeps) if keeps else None,
        "slows": of_turns(slows),
        "rate": of_values(rates) if rates else None,
    }


def measure(quick, ours=False):
    plan = QUICK if quick else FULL
    section = table.Section(
        "cpu",
        "Sampler's CPU",
        "One busy thread, 20 frames deep, about a million Python calls a second, fixed work of "
        f"about {WINDOW:g} s, sampler attached and settled. Beside each other in turns A B B A: a "
        "bare `clock_nanosleep` loop of the same schedule, and the sampler. CPU: of the sampler's "
        "process (of pyinstrument and scalene, which live in the target: what the target uses "
        "beyond a bare one) per second, as a ratio to the bare loop's in the same turn. Ticks: the "
        "part of those planned that was kept, as a ratio to the bare loop's. Wall: of the "
        "target's fixed work, as a ratio to that beside the bare loop. Two bare reads: the bare "
        "loop with one `process_vm_readv` in it, of as many bytes as two copies of such a stack "
        "have, which nobody looks at: the floor of reading twice from outside.",
        ("rate", "sampler", "Python", "CPU / bare loop", "", "CPU s a second (bare loop)")
        + ("ticks kept / bare loop", "", "samples a second", "target's wall / bare loop", "turns"),
    )
    pythons = {}
    for rate in (1000, 10000):
        for tool, python in with_floor(ours):
            if python not in pythons:
                rounds = target.rounds_for(python, WINDOW)
                pythons[python] = rounds, tools.python_version(python)
            rounds, version = pythons[python]
            judge = isinstance(tool, tools.Pyrometer)
            machine.say(f"cpu: {tool.label()} on {version} at {rate} Hz")
            turns = plan.turns if judge else plan.turns_of_others
            try:
                got = compare(tool, python, rate, rounds, turns)
            except RuntimeError as problem:
                section.notes.append(f"{tool.label()} at {rate} Hz: {problem}")
                continue
            keeps = got["keeps"]
            section.rows.append(
                (
                    f"{rate:,}",
                    tool.label(),
                    version,
                    got["uses"].show(),
                    table.judged(USES, got["uses"]) if judge else "",
                    f"{got['share'].show(digits=3)} ({got['floor'].middle:.3f})",
                    keeps.show(digits=3) if keeps else "-",
                    table.judged(KEEPS, keeps) if judge and keeps else "",
                    table.many(got["rate"].middle if got["rate"] else None),
                    got["slows"].show(),
                    turns,
                )
            )
    return section
