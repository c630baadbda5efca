"""Starting programs under the command, and waiting for what they say."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import harness
import pytest
from harness import HANG, PYROMETER, command, environment

# A program that says when it runs, then works for the seconds given.
BUSY = """
import sys, time
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
def work():
    x = 0
    for i in range(1000):
        x += i
while time.monotonic() < end:
    work()
"""


def run_code(python, code, output, *arguments, options=(), **more):
    """pyrometer run -q -o OUTPUT -- PYTHON -c CODE, to its end; stdout and stderr as bytes."""
    return subprocess.run(
        [PYROMETER, "run", "-q", "-o", output, *options, "--", python.path, "-c", code, *arguments],
        **{"stdin": subprocess.DEVNULL, "env": environment(), "timeout": HANG} | more,
        capture_output=True,
        check=False,
    )


@contextlib.contextmanager
def started(python, code, output, *arguments, wait="ready", words=(), options=(), **more):
    """The same, not waited for, in a process group of its own; `wait` is its first line."""
    process = subprocess.Popen(
        [
            PYROMETER,
            "run",
            "-q",
            "-o",
            output,
            *options,
            "--",
            *words,
            python.path,
            "-c",
            code,
            *arguments,
        ],
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": environment(),
            "start_new_session": True,
        }
        | more,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith(wait.encode()), line + process.stderr.read()
        process.first_line = line
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def report(path):
    return json.loads(command("report", path, "--json").stdout)


def until(true, what):
    """Waits till true() is; never that long unless something hangs."""
    end = time.monotonic() + HANG
    while not true():
        assert time.monotonic() < end, f"{what}: never"
        time.sleep(0.01)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def reads_stdin(pid):
    """Is the main thread in read(0, ...)?"""
    with open(f"/proc/{pid}/syscall") as file:
        words = file.read().split()
    return words[0] in ("0", "63") and words[1] == "0x0"  # x86-64, aarch64


# Two threads of work and the main one, which ends when a line comes; then the status is 3.
SERVER = """
import subprocess, sys, threading
def spin():
    while True:
        sum(range(100))
def waits():
    return sys.stdin.readline()
def worker():
    while True:
        sum(range(100))
if sys.argv[1:] == ["worker"]:
    print("ready", flush=True)
    worker()
child = subprocess.Popen([sys.executable, __file__, "worker"], stdout=subprocess.PIPE)
child.stdout.readline()
threading.Thread(target=spin, daemon=True).start()
threading.Thread(target=spin, daemon=True).start()
print("ready", flush=True)
waits()
child.kill()
sys.exit(3)
"""


@contextlib.contextmanager
def server(python, folder):
    """The program, when its main thread waits for that line."""
    file = folder / "server.py"
    file.write_text(SERVER)
    process = subprocess.Popen(
        [python.path, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == b"ready\n"
        until(lambda: reads_stdin(process.pid), "waits")
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def ends_as_alone(process):
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.wait(HANG) == 3


def as_nobody():
    """An ordinary user; who is one already stays it."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def unsupported():
    """Interpreters that pyrometer must refuse: those of tools/pythons (a free-threaded one, if it
    has one; else the end of the tests' log names it as not tested), and pyenv's older ones."""
    found = [(p.name, p.path) for p in harness.provided()[0] if not p.supported]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in ("3.8", "3.9"):
        found += [
            (path.parent.parent.name, str(path)) for path in root.glob(f"{version}.*/bin/python")
        ]
    none = pytest.mark.skip(
        reason="no Python that must be refused is here, as pyenv's 3.8 to 3.10 are"
    )
    params = [pytest.param(*pair, id=pair[0]) for pair in found]
    return params or [pytest.param(None, None, id="none", marks=none)]
