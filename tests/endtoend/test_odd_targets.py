"""Programs that are stopped, frozen, forking or full of threads, a number that is used again, and a
sampler that is held up: bounded, told, and never to the program's harm."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import ATTEMPTS, HANG, LONG, PYROMETER, Recording, command, environment, say
from running import BUSY, report, run_code, started, until

NEXT_PID = Path("/proc/sys/kernel/ns_last_pid")
FREEZERS = Path("/sys/fs/cgroup/freezer"), Path("/sys/fs/cgroup")
THREADS = 10_000 if LONG else 2_000


def busy(python, name="work"):
    """A program of its own, that works until it is killed."""
    process = subprocess.Popen(
        [python.path, "-c", BUSY.replace("work", name), "1000"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def names(told):
    return {row["name"] for row in told["functions"]}


def with_pid(pid, python, name):
    """The same with this number, which has just become free; None: another had it first."""
    for _ in range(20):
        with contextlib.suppress(OSError):
            NEXT_PID.write_text(str(pid - 1))
        process = busy(python, name)
        if process.pid == pid:
            return process
        end(process)
    return None


@pytest.mark.skipif(
    not os.access(NEXT_PID, os.W_OK), reason="needs root, to choose the next process's number"
)
def test_number_used_again(one, folder):
    """The recording ends with the process, whoever has its number then."""
    process = busy(one)
    with subprocess.Popen(
        [PYROMETER, "attach", str(process.pid), "-q", "-o", folder / "a.pyro"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recorder:  # fmt: skip
        until((folder / "a.pyro").exists, "the recording")
        time.sleep(0.3)
        end(process)
        other = with_pid(process.pid, one, "impostor")
        try:
            assert other is not None, "another process got the number first, 20 times"
            recorder.wait(HANG)
        finally:
            if other is not None:
                end(other)
        assert recorder.returncode == 0
    told = report(folder / "a.pyro")
    assert "work" in names(told)
    assert "impostor" not in names(told)
    assert len(told["processes"]) == 1


def test_stopped(one, folder):
    """A program that is stopped is seen where it stands; nothing wakes it."""
    process = busy(one)
    try:
        process.send_signal(signal.SIGSTOP)
        until(lambda: " T " in Path(f"/proc/{process.pid}/stat").read_text(), "stopped")
        command("attach", process.pid, "-q", "-o", folder / "a.pyro", "--duration", "300ms")
        assert " T " in Path(f"/proc/{process.pid}/stat").read_text()
    finally:
        end(process)
    told = report(folder / "a.pyro")
    assert told["sampling"]["taken"] >= 200
    assert len({row["total_samples"] for row in told["functions"]}) == 1  # it did not move
    assert told["sampling"]["states"]["cpu"]["samples"] == 0


@contextlib.contextmanager
def frozen(pid):
    """The process in a control group that is frozen."""
    group, number = None, os.getpid()
    for root, file, words in ((FREEZERS[0], "freezer.state", ("FROZEN", "THAWED")),
                              (FREEZERS[1], "cgroup.freeze", ("1", "0"))):  # fmt: skip
        with contextlib.suppress(OSError):
            group = root / f"pyrometer-test-{number}"
            group.mkdir()
            (group / "cgroup.procs").write_text(str(pid))
            (group / file).write_text(words[0])
            break
    else:
        pytest.skip("no control groups can be made here: needs root and a mounted freezer")
    try:
        until(lambda: is_frozen(group, file), "frozen")
        yield
    finally:
        (group / file).write_text(words[1])
        (root / "cgroup.procs").write_text(str(pid))
        until(lambda: removed(group), "the group's end")


def is_frozen(group, file):
    if file == "freezer.state":
        return (group / file).read_text().strip() == "FROZEN"
    return "frozen 1" in (group / "cgroup.events").read_text()


def removed(group):
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def test_frozen(one, folder):
    process = busy(one)
    try:
        with frozen(process.pid):
            command("attach", process.pid, "-q", "-o", folder / "a.pyro", "--duration", "300ms")
            dumped = command("dump", process.pid)
        command("attach", process.pid, "-q", "-o", folder / "b.pyro", "--duration", "300ms")
    finally:
        end(process)
    assert "<module>" in dumped.stdout
    told = report(folder / "a.pyro")
    assert told["sampling"]["taken"] >= 200
    assert len({row["total_samples"] for row in told["functions"]}) == 1
    assert "work" in names(report(folder / "b.pyro"))  # it goes on


def test_sampler_held_up(one, folder):
    """As when the machine sleeps: the ticks of that time are missed, and said to be; the program
    is none the slower."""
    with started(one, BUSY, folder / "a.pyro", "1.5") as process:
        time.sleep(0.3)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.7)
        process.send_signal(signal.SIGCONT)
        assert process.wait(HANG) == 0
    told = report(folder / "a.pyro")
    assert told["ended"] == "complete"
    assert 600 <= told["sampling"]["missed"] < told["sampling"]["ticks"]
    assert told["sampling"]["taken"] >= 300


def are_stopped(*pids):
    return all(" T " in Path(f"/proc/{pid}/stat").read_text() for pid in pids)


def test_suspended_together(one, folder):
    """The program and its sampler, as when the machine sleeps: nothing of that time is made up, or
    hidden; the program goes on."""
    path, begin = folder / "a.pyro", time.monotonic()
    code = BUSY.replace('"ready"', '"ready", os.getpid()').replace("import", "import os,")
    with started(one, code, path, "3.5") as process:
        pid = int(process.first_line.split()[1])
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGSTOP)
        until(lambda: are_stopped(process.pid, pid), "stopped")
        stopped = time.monotonic()
        time.sleep(2)
        went_on = time.monotonic()
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(HANG) == 0
        assert process.stdout.read() == process.stderr.read() == b""
    end, times, told = time.monotonic(), Recording(path).tick_times, report(path)
    assert told["ended"] == "complete"
    # a tick that was under way has its time in the middle
    assert len([tick for tick in times if stopped < tick < went_on - 0.001]) <= 1
    after = len([tick for tick in times if tick >= went_on])
    assert 0 < after < len(times)
    # each tick has one moment at which it is due: more than those of that time there cannot be
    assert after <= 1000 * (end - went_on) + 2
    assert told["sampling"]["missed"] >= 1000 * (went_on - stopped) - 3
    assert told["sampling"]["ticks"] == len(times) + told["sampling"]["missed"]
    assert told["sampling"]["ticks"] <= 1000 * (end - begin) + 2
    assert 3.5e9 <= told["wall_ns"] <= 1e9 * (end - begin)


# CLOCK_REALTIME is an hour ahead after 0.5 s, and an hour behind after 1.5 s, of each process.
STEPS = """
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at)
{
    static struct timespec first;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    if (first.tv_sec == 0)
        first = now;
    double since = (double)(now.tv_sec - first.tv_sec) + (now.tv_nsec - first.tv_nsec) / 1e9;
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    if (id == CLOCK_REALTIME && since > 0.5)
        at->tv_sec += since > 1.5 ? -3600 : 3600;
    return failed;
}
"""
# Two functions in turns, for two seconds of the clock that does not step.  It tells by how many
# hours the other clock was off, and the turns.
TURNS = """
import json, os, sys, time
def longer(end):
    while time.monotonic() < end: away()
def shorter(end):
    while time.monotonic() < end: away()
def away():
    hours.add(round((time.time() - time.monotonic() - float(sys.argv[1])) / 3600))
print("ready", flush=True)
hours, turns = set(), []
for i in range(200):
    for turn, seconds in (longer, 0.006), (shorter, 0.004):
        begin = time.monotonic()
        turn(begin + seconds)
        turns.append((turn.__name__, os.getpid(), begin, time.monotonic()))
print(json.dumps([min(hours), max(hours), turns]))
"""


@pytest.mark.parametrize("steps", [False, True])
def test_clock_that_steps(one, steps, folder):
    """The time of day goes an hour forth and two back: ticks, times and shares are as without."""
    source, library, path = folder / "steps.c", folder / "steps.so", folder / "a.pyro"
    source.write_text(STEPS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    variables = environment(LD_PRELOAD=str(library)) if steps else environment()
    begin = time.time()
    with started(one, TURNS, path, str(begin - time.monotonic()), env=variables) as process:
        least, most, turns = json.loads(process.stdout.read())
        assert process.wait(HANG) == 0
    end, recording = time.time(), Recording(path)
    contents, told, sampling = recording.contents, recording.report, recording.sampling
    passed = contents.status["wall_ns"] - contents.head["wall_ns"]  # as the recorder saw it
    assert (least, most, round(passed / 3600e9)) == ((-1, 1, -1) if steps else (0, 0, 0))
    assert begin <= told["started_ns"] / 1e9 <= end
    assert 2e9 <= told["wall_ns"] <= 1e9 * (end - begin)
    times = recording.tick_times
    # some may be missed before the first that is kept
    assert 1000 * (times[-1] - times[0]) - 3 < sampling["ticks"] <= told["wall_ns"] / 1e6 + 2
    assert len(times) == sampling["ticks"] - sampling["missed"]
    # what the program did at the moments of the samples, and what they show
    truth, names = recording.at_samples(turns), ("longer", "shorter")
    shown = {row["name"]: row["total_samples"] for row in told["functions"]}
    assert sum(truth.values()) > 100
    shares = [each["longer"] / sum(each[name] for name in names) for each in (truth, shown)]
    assert abs(shares[0] - shares[1]) < 0.05


FORKS = """
import os, time
begin, count = time.monotonic(), 0
while (now := time.monotonic()) < begin + 1:
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    assert os.waitpid(pid, 0) == (pid, 7 << 8)
    count += 1
print(os.getpid(), count, count / (now - begin))
"""


def test_many_forks(one, folder):
    """Children that end at once, 1,000 a second, or half as many as the machine allows without us
    if that is less.  The program itself is sampled on: at half of the ticks at least, in one of up
    to five runs, for the machine may not let the sampler run."""
    alone = subprocess.run(
        [one.path, "-c", FORKS], capture_output=True, check=True, timeout=HANG, env=environment()
    )
    wanted = min(1000, float(alone.stdout.split()[2]) / 2)
    say(f"alone: {float(alone.stdout.split()[2]):.0f} forks a second")
    runs = []
    while len(runs) < ATTEMPTS:
        done = run_code(one, FORKS, folder / "a.pyro", options=["-f"])
        assert (done.returncode, done.stderr) == (0, b"")
        pid, count, rate = int(done.stdout.split()[0]), *map(float, done.stdout.split()[1:])
        told = report(folder / "a.pyro")
        assert told["exit_status"] == 0
        assert len(told["processes"]) <= 1 + count
        samples = sum(t["samples"] for t in told["threads"] if t["process"] == pid)
        runs.append((rate, samples / told["sampling"]["ticks"]))
        say(f"recorded: {rate:.0f} forks a second, sampled at {runs[-1][1]:.0%} of the ticks")
        if rate >= wanted and runs[-1][1] >= 0.5:
            break
    assert runs[-1][0] >= wanted and runs[-1][1] >= 0.5, runs


def samples_in(state, name, path):
    """Of the function, those whose thread was known to be in this state."""
    told = json.loads(command("report", path, "--state", state, "--json").stdout)
    return sum(row["total_samples"] for row in told["functions"] if row["name"] == name)


def test_many_threads(one, folder):
    """Each is there once, and those that wait are seen to wait."""
    code = f"""
import threading, time
threading.stack_size(128 * 1024)
go = threading.Event()
def waits():
    go.wait()
all = [threading.Thread(target=waits) for _ in range({THREADS})]
for thread in all:
    thread.start()
print("ready", flush=True)
time.sleep(2)
go.set()
for thread in all:
    thread.join()
"""
    try:
        alone = subprocess.run([one.path, "-c", code.replace("sleep(2)", "sleep(0)")], check=False)
    except OSError:
        alone = None
    if alone is None or alone.returncode != 0:
        pytest.skip(f"this machine lets no program have {THREADS} threads")
    done = run_code(one, code, folder / "a.pyro")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ready\n", b"")
    told = report(folder / "a.pyro")
    waits = next(row for row in told["functions"] if row["name"] == "waits")
    assert waits["total_samples"] >= THREADS
    seen = {row["id"] for row in told["threads"] if row["samples"] > 0}
    assert THREADS * 0.99 <= len(seen) <= THREADS + 1
    of = {state: samples_in(state, "waits", folder / "a.pyro") for state in ("waiting", "cpu")}
    assert of["waiting"] > 0
    assert of["waiting"] >= 0.9 * (of["waiting"] + of["cpu"])  # of all whose state is known
