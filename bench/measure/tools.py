"""The samplers that are compared, each as the command that runs a program under it.

A tool works outside the target (its own process is the child that we start) or inside (it is the
target: what it costs is what the target uses more than a bare one).
"""

import json
import pathlib
import re
import subprocess

from . import machine


def python_version(python):
    done = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


class Tool:
    name = ""
    inside = False
    ending = ""
    version_command = ()

    def __init__(self, python):
        self.python = python

    def label(self):
        return self.name

    def command(self, target, rate, out):
        """Runs `target` (a script and its arguments), sampling `rate` times a second into `out`."""
        raise NotImplementedError

    def version(self):
        done = subprocess.run(
            [str(word) for word in self.version_command], capture_output=True, text=True
        )
        found = re.search(r"\d+(\.\d+)+\w*", done.stdout + done.stderr)
        return found[0] if found else "?"

    def samples(self, out, said):
        """How many samples it kept, from its file and what it said; None: it does not tell."""
        return None

    def kept(self, out, said):
        """Of its planned ticks, the part that it kept; None: it does not tell."""
        return None


class Bare(Tool):
    """No sampler: a clock that wakes as often, beside the target."""

    name = "bare clock"
    reads = False

    def command(self, target, rate, out):
        return [self.python, *target]


class BareReader(Bare):
    """The same clock, which also reads as much of the target as two copies of its stack take."""

    name = "two bare reads"
    reads = True


class Pyrometer(Tool):
    name = "Pyrometer"
    version_command = (machine.PYROMETER, "--version")

    def __init__(self, python, *options):
        super().__init__(python)
        self.options = options

    def command(self, target, rate, out):
        rated = ["--rate", "max" if rate is None else str(rate)]
        run = [machine.PYROMETER, "run", "-q", "-f", "-o", out, *rated, *self.options]
        return [*run, "--", self.python, *target]

    def report(self, out):
        command = [machine.PYROMETER, "report", out, "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def samples(self, out, said):
        sampling = self.report(out)["sampling"]
        return sampling["taken"] - sampling["lost"]

    def kept(self, out, said):
        sampling = self.report(out)["sampling"]
        return 1 - sampling["missed"] / sampling["ticks"]


class Tachyon(Tool):
    name = "Tachyon"

    def __init__(self, python, *options):
        super().__init__(python)
        self.options = options or ("--binary",)
        self.version_command = (python, "--version")

    def label(self):
        return " ".join((self.name, *(option for option in self.options if option != "--binary")))

    def command(self, target, rate, out):
        rated = ["-r", str(rate if rate is not None else 1_000_000)]
        tool = [self.python, "-m", "profiling.sampling", "run"]
        return [*tool, *rated, *self.options, "-o", out, *target]

    def samples(self, out, said):
        wrong = re.search(r"Error rate: ([\d.]+)", said)
        return round(self.captured(said)[0] * (1 - float(wrong[1]) / 100 if wrong else 1))

    def captured(self, said):
        """All samples, those with errors too, and the seconds they took."""
        found = re.search(r"Captured ([\d,]+) samples in ([\d.,]+) seconds", said)
        if not found:
            raise RuntimeError(f"Tachyon did not tell its samples: {said[-500:]}")
        return int(found[1].replace(",", "")), float(found[2].replace(",", ""))


class PySpy(Tool):
    name = "py-spy"
    program = machine.VENV / "bin" / "py-spy"
    version_command = (program, "--version")

    def __init__(self, python, *options):
        super().__init__(python)
        self.options = options

    def label(self):
        return " ".join((self.name, *self.options))

    def command(self, target, rate, out):
        record = [self.program, "record", "-r", str(rate), "-f", "raw", "-o", out, *self.options]
        return [*record, "--", self.python, *target]

    def samples(self, out, said):
        return sum(int(line.rpartition(" ")[2]) for line in out.read_text().splitlines())


class Austin(Tool):
    name = "austin"

    def __init__(self, python):
        super().__init__(python)
        program = machine.VENV / "bin" / "austin"
        loader = self.newer_loader()
        self.program = [*loader, program]
        self.version_command = (*self.program, "--version")

    @staticmethod
    def newer_loader():
        """Its wheel wants a newer glibc than Debian 12's: that of the newer Pythons' root."""
        for root in sorted((machine.BUILD / "pythons").glob("root-*")):
            loader = root / "usr/lib64/ld-linux-x86-64.so.2"
            if loader.exists():
                return [loader, "--library-path", root / "usr/lib/x86_64-linux-gnu"]
        return []

    def command(self, target, rate, out):
        interval = f"{round(1e6 / rate)}us"
        return [*self.program, "-i", interval, "-o", out, self.python, *target]

    def samples(self, out, said):
        found = re.search(r"Error rate[^(]*?(\d+)/(\d+)", said)
        return int(found[2]) - int(found[1]) if found else None


class Pyinstrument(Tool):
    name = "pyinstrument"
    inside = True

    def __init__(self):
        super().__init__(str(machine.VENV / "bin" / "python"))
        self.version_command = (self.python, "-m", "pyinstrument", "--version")

    def command(self, target, rate, out):
        tool = [self.python, "-m", "pyinstrument", "-i", f"{1 / rate:.6f}", "-r", "pyisession"]
        return [*tool, "-o", out, *target]

    def samples(self, out, said):
        return json.loads(out.read_text())["sample_count"]


class Scalene(Tool):
    name = "scalene"
    inside = True
    ending = ".json"

    def __init__(self):
        super().__init__(str(machine.VENV / "bin" / "python"))
        self.version_command = (self.python, "-m", "scalene", "--version")

    def command(self, target, rate, out):
        script, *rest = target
        tool = [self.python, "-m", "scalene", "run", "--cpu-only"]
        return [*tool, "--cpu-sampling-rate", f"{1 / rate:.6f}", "-o", out, script, "---", *rest]

    def samples(self, out, said):
        return sum(told["count"] for _, told in json.loads(out.read_text())["stacks"])


def last_words(said):
    """The end of what a tool said, without colours and empty lines."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    return " ".join(plain.split())[-300:]


def run(tool, target, rate, folder):
    """Runs a program to its end: the output file and what the tool said."""
    out = pathlib.Path(folder) / f"out{tool.ending}"
    out.unlink(missing_ok=True)
    command = [str(word) for word in tool.command(target, rate, out)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise RuntimeError(f"{tool.label()} ended with {done.returncode}: {last_words(said)}")
    return out, said
