"""What many threads, deep stacks and long recordings cost."""

import os
import re
import subprocess
import time

from . import machine, table, target, tools
from .estimate import Bar, of_turns, of_values

THREADS, THREADS_RATE = 500, 100
SHALLOW, DEEP, DEPTH_RATE = 50, 5000, 1000
SAMPLES, STACKS, FRAMES = 10_000_000, 5_000, 30
REPLAYED = 3_600_000
SETTLE, WINDOW = 2.5, 2.0  # seconds: until all threads and frames are there, and what is measured

PER_TICK = Bar(1 / 15)
BY_DEPTH = Bar(4)
WRITER = Bar(32, unit=" MiB")
SECONDS = Bar(1, unit=" s")
MEMORY = Bar(256, unit=" MiB")


def share(tool, rate, script, *arguments):
    """CPU seconds a second that the sampler uses."""
    with machine.scratch() as folder:
        words = [machine.PROGRAMS / script, *map(str, arguments), str(SETTLE + WINDOW + 2)]
        command = [str(word) for word in tool.command(words, rate, f"{folder}/out{tool.ending}")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE)
            began, before = time.monotonic(), target.cpu_seconds(process.pid)
            time.sleep(WINDOW)
            return (target.cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        finally:
            process.wait(timeout=60)


def turns_of(turns, a, b):
    with machine.timing():
        return of_turns([(a(), b(), b(), a()) for _ in range(turns)])


def used(command):
    """Seconds and MiB of a command."""
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise RuntimeError(f"{command[0]} ended with {status}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def make(out, samples):
    """Makes a recording; the MiB that its writer took."""
    command = [machine.HELPERS / "make-recording", out, samples, STACKS, FRAMES]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return int(re.search(r"(\d+) KiB", done.stderr)[1]) / 1024


def measure(quick, ours=False):
    turns = 2 if quick else 6
    section = table.Section(
        "scale",
        "Many threads, deep stacks, long recordings",
        f"{THREADS} threads that wait, sampled at {THREADS_RATE} Hz: CPU of the sampler beside "
        f"Tachyon's (`-a`), in turns. A thread that works on {SHALLOW} or {DEEP:,} frames that "
        f"stay, at {DEPTH_RATE:,} Hz, in turns. A made recording of {SAMPLES:,} samples of "
        f"{STACKS:,} stacks, next to no two in a row alike: `pyrometer report`. The recording's "
        f"writer, given {REPLAYED:,} such samples: its whole process.",
        ("what", "figure", "", "turns or runs"),
    )
    python = machine.python("3.15") or machine.own_python()
    mine = tools.Pyrometer(python)
    if machine.python("3.15") and not ours:
        machine.say("scale: threads")
        got = turns_of(
            turns,
            lambda: share(
                tools.Tachyon(python, "--binary", "-a"), THREADS_RATE, "waiting.py", THREADS
            ),
            lambda: share(mine, THREADS_RATE, "waiting.py", THREADS),
        )
        judged = table.judged(PER_TICK, got)
        section.rows.append(("CPU a tick / Tachyon's", got.show(digits=3), judged, turns))
    machine.say("scale: depth")
    got = turns_of(
        turns,
        lambda: share(mine, DEPTH_RATE, "deep.py", SHALLOW),
        lambda: share(mine, DEPTH_RATE, "deep.py", DEEP),
    )
    section.rows.append(("CPU deep / shallow", got.show(), table.judged(BY_DEPTH, got), turns))
    machine.say("scale: long recordings")
    with machine.scratch() as folder, machine.timing():
        out = f"{folder}/long.pyro"
        writer = of_values([make(out, REPLAYED) for _ in range(2 * turns)])
        make(out, SAMPLES)
        reports = [used([machine.PYROMETER, "report", out]) for _ in range(2 * turns)]
    for what, got, bar in (
        ("writer, MiB", writer, WRITER),
        ("report, s", of_values([seconds for seconds, _ in reports]), SECONDS),
        ("report, MiB", of_values([memory for _, memory in reports]), MEMORY),
    ):
        section.rows.append((what, got.show(), table.judged(bar, got), 2 * turns))
    return section
