"""Attaching to a program that runs already: what it sees, how it ends, and that the program goes on
as if alone."""

import json
import os
import signal
import subprocess
import time

import pytest
from harness import HANG, PYROMETER, Recording, command, environment
from running import BUSY, children, ends_as_alone, report, server, until


def samples_of(told):
    return {
        f["name"]: f["total_samples"]
        for f in told["functions"]
        if f["name"] in ("spin", "waits", "worker")
    }


def attach(folder, pid, *options):
    return command("attach", pid, "-q", "-o", folder / "a.pyro", *options)


def test_for_a_time(python, folder):
    """500 ticks of each of four threads; a tenth of them is more than chance can take."""
    with server(python, folder) as process:
        done = attach(folder, process.pid, "--duration", "500ms")
        assert done.stdout == done.stderr == ""
        ends_as_alone(process)
    told = report(folder / "a.pyro")
    assert told["ended"] == "complete"
    assert told["exit_status"] is None
    assert 0.5e9 <= told["wall_ns"] < HANG * 1e9
    seen = samples_of(told)
    assert seen["waits"] >= 50
    assert seen["worker"] >= 50
    assert seen["spin"] >= 100
    assert len(told["processes"]) == 2
    words = {p["pid"]: p["argv"][1:] for p in told["processes"]}
    assert sorted(words.values(), key=len) == [
        [str(folder / "server.py")],
        [str(folder / "server.py"), "worker"],
    ]


def test_without_children(one, folder):
    with server(one, folder) as process:
        attach(folder, process.pid, "--duration", "300ms", "--no-subprocesses")
    told = report(folder / "a.pyro")
    assert [p["pid"] for p in told["processes"]] == [process.pid]
    assert "worker" not in samples_of(told)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end(one, folder, how):
    """The recording is finished and reported, and the status says that it was done."""
    with server(one, folder) as process:
        watcher = subprocess.Popen(
            [PYROMETER, "attach", str(process.pid), "-o", folder / "a.pyro"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: signal.signal(how, signal.SIG_DFL),
        )  # fmt: skip
        until(lambda: (folder / "a.pyro").exists(), "recording")
        time.sleep(0.3)
        watcher.send_signal(how)
        told = watcher.communicate(timeout=HANG)[1].decode()
        assert watcher.returncode == 0
        assert "of the threads' time" in told
        ends_as_alone(process)
    assert report(folder / "a.pyro")["ended"] == "complete"


def test_ends_with_it(one, folder):
    with server(one, folder) as process:
        watcher = subprocess.Popen(
            [PYROMETER, "attach", str(process.pid), "-q", "-o", folder / "a.pyro"],
            stdin=subprocess.DEVNULL,
        )
        until(lambda: (folder / "a.pyro").exists(), "recording")
        time.sleep(0.3)
        ends_as_alone(process)
        assert watcher.wait(HANG) == 0
    assert samples_of(report(folder / "a.pyro"))["waits"] > 0


def test_a_parent_that_is_no_python(one, folder):
    """A shell's Pythons are found."""
    file = folder / "work.py"
    file.write_text("def worker():\n    while True:\n        pass\nworker()\n")
    shell = subprocess.Popen(["sh", "-c", f"'{one.path}' '{file}'; true"], start_new_session=True)
    try:
        until(lambda: children(shell.pid), "child")
        time.sleep(0.5)
        attach(folder, shell.pid, "--duration", "300ms")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    assert samples_of(report(folder / "a.pyro"))["worker"] > 0


@pytest.mark.parametrize("words", ["-X dev app.py", "-W error -bWignore app.py", "-X dev -um app"])
def test_named_for_the_program(one, folder, words):
    """Not for the value of an option before it."""
    (folder / "app.py").write_text(BUSY)
    process = subprocess.Popen(
        [one.path, *words.split(), "20"], stdout=subprocess.PIPE, cwd=folder, env=environment()
    )
    assert process.stdout.readline() == b"ready\n"
    command("attach", process.pid, "-q", "--duration", "100ms", cwd=folder)
    process.kill()
    process.communicate()
    (recording,) = (folder / ".pyrometer").glob("*.pyro")
    assert recording.name.startswith("app-")


MASTER = """
import os, signal, sys
def worker():
    while True:
        sum(range(100))
def start():
    pid = os.fork()
    if pid == 0:
        worker()
    return pid
def start_orphan(*_):
    pid = os.fork()
    if pid == 0:
        print(os.getpid(), start(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
signal.signal(signal.SIGUSR1, start_orphan)
print(start(), flush=True)
for line in sys.stdin:
    print(start(), flush=True)
"""


def test_not_its_siblings(one, folder):
    """What the master of a worker forks later looks as the worker's own, which are found."""
    master = subprocess.Popen(
        [one.path, "-c", MASTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        worker = int(master.stdout.readline())
        watcher = subprocess.Popen(
            [PYROMETER, "attach", str(worker), "-q", "-o", folder / "a.pyro"],
            stdin=subprocess.DEVNULL,
        )
        until(lambda: (folder / "a.pyro").exists(), "recording")
        for _ in range(3):
            time.sleep(0.2)
            master.stdin.write(b"\n")
            master.stdin.flush()
            assert int(master.stdout.readline()) != worker
        os.kill(worker, signal.SIGUSR1)
        between, orphan = map(int, master.stdout.readline().split())
        time.sleep(0.3)
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(HANG) == 0
    finally:
        os.killpg(master.pid, signal.SIGKILL)
        master.communicate()
    told = {p["pid"] for p in report(folder / "a.pyro")["processes"]}
    assert {worker, orphan} <= told <= {worker, between, orphan}  # between: seen if it lasts


def refused(folder, pid):
    done = command("attach", pid, "-o", folder / "no.pyro", "--duration", "1s", check=False)
    assert done.returncode == 125
    assert not (folder / "no.pyro").exists()
    return done.stderr


def test_refused(one, folder):
    assert "There is no process 4194304." in refused(folder, 4194304)
    sleep = subprocess.Popen(["sleep", "1000"])
    try:
        assert f"Process {sleep.pid} (sleep) is not a Python program" in refused(folder, sleep.pid)
    finally:
        sleep.kill()
        until(lambda: open(f"/proc/{sleep.pid}/stat").read().split()[2] == "Z", "zombie")
        assert f"{sleep.pid}" in refused(folder, sleep.pid)
        sleep.wait()
    with server(one, folder) as process:
        threads = sorted(int(tid) for tid in os.listdir(f"/proc/{process.pid}/task"))
        assert f"is a thread of process {process.pid}" in refused(folder, threads[-1])


def test_delay_and_duration_of_run(one, folder):
    """Only the middle of the program is seen, and it ends as ever."""
    code = """
import sys, time
def phase(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
begin = time.monotonic()
phase(2.5)
sys.exit(4)
"""
    path, begin = folder / "a.pyro", time.monotonic()
    done = command(
        "run", "-q", "-o", path, "--delay", "500ms", "--duration", "0.5", "--",
        one.path, "-c", code, check=False,
    )  # fmt: skip
    end, times, told = time.monotonic(), Recording(path).tick_times, report(path)
    assert done.returncode == 4
    assert told["wall_ns"] >= 2.5e9
    # the recorder may be late by what the machine lets it wait: a second is left for that
    assert begin + 0.5 <= times[0] < times[-1] < end - 0.5
    assert told["sampling"]["ticks"] <= 1000 * (end - begin - 1)
    assert told["sampling"]["taken"] >= 50
    assert told["exit_status"] == 4


def test_json_of_a_live_one(one, folder):
    """`report` reads a recording that is still being written."""
    with server(one, folder) as process:
        watcher = subprocess.Popen(
            [PYROMETER, "attach", str(process.pid), "-q", "-o", folder / "a.pyro"],
            stdin=subprocess.DEVNULL,
        )

        def has_samples():
            done = command("report", folder / "a.pyro", "--json", check=False)
            sampling = json.loads(done.stdout)["sampling"] if done.returncode == 0 else None
            return sampling is not None and sampling["taken"] > 0

        until(has_samples, "samples")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(HANG) == 0


def test_delay(one, folder):
    """One row a process, and nothing of the time before."""
    path = folder / "a.pyro"
    with server(one, folder) as process:
        begin = time.monotonic()
        attach(folder, process.pid, "--delay", "300ms", "--duration", "200ms")
        end = time.monotonic()
    told = report(path)
    assert len(told["processes"]) == 2
    assert min(Recording(path).tick_times) >= begin + 0.3
    # each tick of a process has one moment at which it is due
    assert told["sampling"]["ticks"] <= 2 * (1000 * (end - begin - 0.3) + 2)
    assert samples_of(told)["waits"] >= 20
