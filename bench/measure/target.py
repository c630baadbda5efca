"""One busy program under one tool, watched through its window of fixed work."""

import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess
import time

from . import machine, tools

SETTLE, TAIL = 0.7, 0.25


@dataclasses.dataclass
class Window:
    """What one run showed of its window."""

    wall: float  # seconds that the work took, by the target's own clock
    target_cpu: float  # the target's own CPU seconds meanwhile
    sampler_cpu: float | None  # the sampler's, per second of the window; None: it is the target
    kept: float | None  # part of the planned ticks kept; of the whole run
    samples: int | None


def cpu_seconds(pid):
    """CPU that the threads of a process have used; to the nanosecond, where the kernel tells."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total / 1e9


def start_clock(rate, *process):
    words = [machine.HELPERS / "bare-clock", rate, 1e6, *process]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)


def stop_clock(clock):
    """Ends a bare clock; the part of its ticks that it kept."""
    clock.send_signal(signal.SIGTERM)
    told = json.loads(clock.communicate()[0])
    return told["kept"] / (told["kept"] + told["missed"])


class Marks:
    """The FIFO through which a program says where it is."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "marks"
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)
        # both ways, so that neither the opening nor a program that dies blocks or ends us
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.rest = b""

    def close(self):
        os.close(self.fd)

    def wait(self, word, process, limit=120):
        """The words behind `word`, when the program writes it; RuntimeError when it ends first."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            while b"\n" in self.rest:
                line, _, self.rest = self.rest.partition(b"\n")
                first, *words = line.decode().split()
                if first == word:
                    return words
            if select.select([self.fd], [], [], 0.5)[0]:
                self.rest += os.read(self.fd, 4096)
            elif process.poll() is not None:
                break
        raise RuntimeError(f"the target did not come to {word!r}")


def rounds_for(python, seconds):
    """How many rounds of busy.py take about so long."""
    with machine.scratch() as folder, machine.timing():
        probe = 200_000
        window = measure(tools.Bare(python), 10, probe, folder)
        return round(probe * seconds / window.target_cpu)


def measure(tool, rate, rounds, folder):
    """Runs busy.py for so many rounds under a tool; with Bare, beside the bare clock."""
    marks = Marks(folder)
    out = pathlib.Path(folder) / f"out{tool.ending}"
    out.unlink(missing_ok=True)
    target = [machine.PROGRAMS / "busy.py", marks.path, rounds, SETTLE, TAIL]
    command = [str(word) for word in tool.command([str(word) for word in target], rate, out)]
    clock = None
    with open(pathlib.Path(folder) / "said", "w+") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            if isinstance(tool, tools.Bare):
                clock = start_clock(rate, *[process.pid] * tool.reads)
            sampler = clock.pid if clock else None if tool.inside else process.pid
            marks.wait("start", process)
            began, before = time.monotonic(), cpu_seconds(sampler) if sampler else 0
            wall, cpu = (int(word) / 1e9 for word in marks.wait("end", process))
            ended, after = time.monotonic(), cpu_seconds(sampler) if sampler else 0
            process.wait(timeout=120)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            kept = stop_clock(clock) if clock else None
            marks.close()
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        raise RuntimeError(
            f"{tool.label()} ended with {process.returncode}: {tools.last_words(text)}"
        )
    share = (after - before) / (ended - began) if sampler else None
    if clock is None:
        kept = tool.kept(out, text)
    return Window(wall, cpu, share, kept, tool.samples(out, text))
