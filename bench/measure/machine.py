"""Where things are on this machine, and the lock under which everything here is timed."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PROGRAMS = ROOT / "bench" / "programs"
HELPERS = BUILD / "bench"
VENV = BUILD / "venvs" / "bench"
PYROMETER = pathlib.Path(os.environ.get("PYROMETER", BUILD / "pyrometer"))
LOCK = pathlib.Path(os.environ.get("PYRO_TIMING_LOCK", BUILD / "timing.lock"))

# The newest that the registries give; a new name in the table is a new line here.
PACKAGES = ("py-spy", "austin-dist", "pyinstrument", "scalene")

BASE = ("src/base/clock.c", "src/base/hash.c")
ROOMS = tuple(
    sorted(str(path) for room in ("base", "format") for path in (ROOT / "src" / room).glob("*.c"))
)
SOURCES = {
    "bare-clock": ("bench/src/bare_clock.c", "src/format/schedule.c", *BASE),
    "make-recording": ("bench/src/make_recording.c", *ROOMS),
    "paired": ("bench/src/run_paired.c", "src/stats/paired.c", "src/stats/quantiles.c", *BASE),
}


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


@contextlib.contextmanager
def timing():
    """Nobody else who asks for it measures time meanwhile."""
    with open(LOCK, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def python(version):
    """The interpreter of that name which tools/pythons found or installed; None: there is none."""
    wrapper = BUILD / "pythons" / version / "python"
    return str(wrapper) if wrapper.exists() else None


def own_python():
    """One that runs here without another root, for the tools that need that: of the newest version
    for which they all have wheels, else the machine's own."""
    return python("3.13-pyenv") or sys.executable


def build_helpers():
    HELPERS.mkdir(parents=True, exist_ok=True)
    flags = "-std=gnu17 -D_GNU_SOURCE -O2 -g -Isrc/base -Isrc/stats -Isrc/format".split()
    for name, sources in SOURCES.items():
        command = ["cc", *flags, *sources, "-o", HELPERS / name, "-lm", "-lz", "-lxxhash"]
        command += ["-lzstd", "-pthread"]
        subprocess.run(command, cwd=ROOT, check=True)


def install_tools(base):
    """The other tools, in an environment of Python `base`."""
    marker = VENV / ".packages"
    wanted = " ".join((*PACKAGES, base))
    if marker.exists() and marker.read_text() == wanted:
        return
    say("installing", *PACKAGES, "into", VENV)
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([base, "-m", "venv", VENV], check=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)
    marker.write_text(wanted)


def scratch():
    """A new folder that the interpreters of another root see at the same path."""
    return tempfile.TemporaryDirectory(prefix="pyrometer-bench-")


def describe():
    """The machine in a line."""
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} CPUs ({model}), Linux {os.uname().release}"
