"""What being sampled costs the target.

Two runs of a program differ by more than a percent however alike they are, so both halves are
measured in one process: it works in blocks of 2 ms and notes when each ended, while in turns of
A B B A either a bare clock beside it runs and Pyrometer is stopped, or the other way round.
"""

import array
import os
import pathlib
import signal
import subprocess
import time

from . import machine, table, target, tools
from .estimate import Bar, of_turns

RATE = 1000
SLICE = 0.1
GUARD_NS = 10_000_000  # left out behind each change
COSTS = Bar(1, upper=True, unit=" %")


def change(running, stopped):
    os.kill(stopped, signal.SIGSTOP)
    os.kill(running, signal.SIGCONT)


def schedule(sampler, clock, turns):
    """Switches in turns; the bounds of each slice, in the order A B B A."""
    slices = []
    for _ in range(turns):
        for who in "ABBA":
            change(*((clock, sampler) if who == "A" else (sampler, clock)))
            began = time.monotonic_ns()
            time.sleep(SLICE)
            slices.append((began + GUARD_NS, time.monotonic_ns()))
    return slices


def block_means(ends, slices):
    """The mean duration of the blocks that lie wholly within each slice; None: there is none."""
    means, at = [], 1
    for began, ended in slices:
        while ends[at - 1] < began:
            at += 1
        first = at - 1
        while at < len(ends) and ends[at] <= ended:
            at += 1
        count = at - 1 - first
        means.append((ends[at - 1] - ends[first]) / count if count > 0 else None)
    return means


def launch(python, turns, folder):
    """One process, so many turns: the mean block of each slice, four a turn."""
    result = pathlib.Path(folder) / "ends"
    marks = target.Marks(folder)
    seconds = turns * 4 * SLICE + 1.5
    work = [machine.PROGRAMS / "slices.py", marks.path, str(seconds), result]
    command = tools.Pyrometer(python).command(work, RATE, pathlib.Path(folder) / "out")
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL)
    clock = target.start_clock(RATE)
    try:
        marks.wait("start", process)
        time.sleep(1)
        slices = schedule(process.pid, clock.pid, turns)
        os.kill(process.pid, signal.SIGCONT)
        marks.wait("end", process)
        process.wait(timeout=120)
    finally:
        for each in (process, clock):
            if each.poll() is None:
                each.send_signal(signal.SIGCONT)
        target.stop_clock(clock)
        if process.poll() is None:
            process.kill()
            process.wait()
        marks.close()
    ends = array.array("q", result.read_bytes())
    means = block_means(ends, slices)
    done = [means[i : i + 4] for i in range(0, len(means), 4)]
    return [turn for turn in done if None not in turn]


def measure(quick, ours=False):
    section = table.Section(
        "slowdown",
        "Slow-down of the target",
        f"At {RATE:,} Hz, beyond a bare sleeper's at the same rate. In one busy process (20 frames "
        f"deep), slices of {SLICE:g} s in turns A B B A: in A the bare loop runs and Pyrometer is "
        "stopped, in B the other way round; of each slice the mean time of the program's blocks of "
        "fixed work. Pyrometer's flush, once a second, falls into two turns of five. (Whole runs, "
        "of all tools, are in the table of CPU, with wider intervals.)",
        ("Python", "slower by, %", "", "turns", "processes"),
    )
    for version in ("3.13", "3.15"):
        python = machine.python(version)
        if python is None:
            section.notes.append(f"No Python {version} here.")
            continue
        processes, turns = (1, 25) if quick else (6, 75)
        done = []
        for _ in range(processes):
            machine.say(f"slowdown: a process of {turns} turns on {version}")
            with machine.timing(), machine.scratch() as folder:
                done += launch(python, turns, folder)
        percent = of_turns(done).shifted(-1).scaled(100)
        section.rows.append(
            (
                tools.python_version(python),
                percent.show(),
                table.judged(COSTS, percent),
                len(done),
                processes,
            )
        )
    return section
