"""How a recording ends when somebody is killed, and when the program ends at once."""

import collections
import contextlib
import os
import random
import select
import signal
import subprocess
import time

import pytest
from harness import HANG, LONG, PYROMETER, Recording, command, environment
from running import BUSY, children, report, run_code, started, until

# Works for so much CPU time, and writes a file when it has come to its end.
SURVIVOR = """
import os, sys, time
print("ready", os.getpid(), flush=True)
end = time.process_time() + float(sys.argv[1])
def work():
    x = 0
    for i in range(1000):
        x += i
while time.process_time() < end:
    work()
open(sys.argv[2], "w").write("the end")
"""


# The same, and its child.
FAMILY = SURVIVOR.replace(
    'print("ready", os.getpid(), flush=True)',
    'if child := os.fork(): print("ready", os.getpid(), child, flush=True)',
)


def lasts(pid, seconds):
    """Till the process has run for so long, by the kernel's count of its CPU time."""
    ticks = os.sysconf("SC_CLK_TCK")

    def used():
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    until(lambda: used() >= seconds, "CPU time")


def killed_says_so(path, ticks):
    told = report(path)
    assert told["ended"] == "killed"
    assert told["exit_status"] is None
    assert told["sampling"]["ticks"] >= ticks
    assert "work" in {row["qualname"] for row in told["functions"]}
    text = command("report", path)
    assert "killed" in text.stdout + text.stderr
    return told


def test_sampler_killed(python, folder):
    """The program goes on to its end; all up to the last second is there."""
    path, end = folder / "a.pyro", folder / "end"
    with started(python, SURVIVOR, path, "4", str(end)) as process:
        pid = int(process.first_line.split()[1])
        lasts(pid, 3)
        process.kill()
        process.wait()
        # 3 s of work, and at least all but the last of them on disk
        killed_says_so(path, 1900)
        until(lambda: not os.path.exists(f"/proc/{pid}"), "the program's end")
        until(end.exists, "what the program writes at its end")
    assert end.read_text() == "the end"
    killed_says_so(path, 1900)


def test_program_killed(python, folder):
    path = folder / "a.pyro"
    with started(python, SURVIVOR, path, "60", "/dev/null") as process:
        pid = int(process.first_line.split()[1])
        lasts(pid, 0.3)
        os.kill(pid, signal.SIGKILL)
        process.wait(HANG)
    assert process.returncode == -signal.SIGKILL
    told = report(path)
    assert (told["ended"], told["exit_status"]) == ("complete", -signal.SIGKILL)
    assert told["sampling"]["taken"] > 100


def test_both_killed(one, folder):
    path = folder / "a.pyro"
    with started(one, SURVIVOR, path, "60", "/dev/null") as process:
        lasts(int(process.first_line.split()[1]), 3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(HANG)
    assert process.returncode == -signal.SIGKILL
    killed_says_so(path, 1900)


def test_killed_at_any_moment(one, folder):
    """SIGKILL of the sampler soon after the start: whatever is there is read, or refused in a
    sentence; never a crash."""
    for i in range(25):
        path = folder / f"{i}.pyro"
        process = subprocess.Popen(
            [PYROMETER, "run", "-q", "-o", path, "--", one.path, "-c", BUSY, "0.2"],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(0.004 * i)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if path.exists():
            done = command("report", path, check=False)
            assert done.returncode in (0, 125), done.stderr
            assert done.stdout or done.stderr


# A flush comes 0.9 s after the one before; a tenth of a second is for writing it.  Its last tick is
# as old as the next one is far away: at most a millisecond, and half of one by which that is moved.
LAST_SECOND = 1.0 + 0.0015


def killed_at(python, path, victims, moment, family):
    """(the processes of the program, when they were there, when the victims were killed)."""
    with started(python, FAMILY if family else SURVIVOR, path, "60", "/dev/null") as process:
        begun = time.monotonic()
        pids = [int(word) for word in process.first_line.split()[1:]]
        program = os.pidfd_open(pids[0])
        time.sleep(moment)
        if victims == "both":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(pids[0] if victims == "program" else process.pid, signal.SIGKILL)
        if victims == "program":  # on a busy machine it goes on until it gets a CPU to end on
            select.select([program], [], [], HANG)
        killed = time.monotonic()
        os.close(program)
        process.wait(HANG)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return pids, begun, killed


def is_whole(recording):
    """No tick of those that the last status counts is gone, but those that it counts as missed."""
    numbers = collections.defaultdict(list)
    told = recording.contents.status
    if told is None:  # before the first flush
        return
    kept = told["ticks"] - told["missed"]
    ticks = sorted(
        (number, stream.fact["process"])
        for stream in recording.contents.streams.values() for number in stream.numbers
    )  # fmt: skip
    assert len(ticks) >= kept  # a flush writes its status after them
    for number, process in ticks[:kept]:
        numbers[process].append(number)
    assert all(sorted(set(each)) == each for each in numbers.values())
    gaps = sum(each[-1] - each[0] + 1 - len(each) for each in numbers.values())
    assert gaps <= told["missed"]
    assert told["lost"] == recording.sampling["lost"] == 0


@pytest.mark.parametrize("number", range(200 if LONG else 6))
def test_killed_at_a_moment(one, folder, number):
    """SIGKILL of the sampler, of the program, or of both: all up to the last second is there, of a
    child too.  (All that a program did is there if only it was killed.)

    Where the sampler was held up just then it is tried again, twice: at the same moment between two
    flushes, so that what is wrong with them shows again."""
    victims = ("sampler", "program", "both")[number % 3]
    moment = random.Random(number).triangular(0.3, 4, 0.3)  # 1.5 s in the mean
    path = folder / "a.pyro"
    for _ in range(3):
        path.unlink(missing_ok=True)
        pids, begun, killed = killed_at(one, path, victims, moment, number % 4 == 0)
        told, recording = report(path), Recording(path)
        assert told["ended"] == ("complete" if victims == "program" else "killed")
        assert told["exit_status"] == (-signal.SIGKILL if victims == "program" else None)
        is_whole(recording)
        times = collections.defaultdict(list)
        for thread, when, _ in recording.sample_times:
            times[thread].append(when)
        # of each process: what was there first may be younger than a second
        lasts = [max([begun, *times[pid]]) for pid in pids]
        assert lasts[0] < killed + 0.1  # a child lives on where only the program was killed
        behind = killed - min(lasts)
        assert behind < (0.1 if victims == "program" else 1.1)
        if killed - begun > 1.1:
            assert "work" in {row["qualname"] for row in told["functions"]}
        if behind <= LAST_SECOND:
            return
    raise AssertionError(f"{behind} s were lost")


def test_read_while_it_is_written(one, folder):
    path = folder / "a.pyro"
    with started(one, SURVIVOR, path, "60", "/dev/null") as process:
        pid = int(process.first_line.split()[1])
        lasts(pid, 3)
        first = report(path)
        lasts(pid, 5)
        second = report(path)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(HANG)
    assert 1900 <= first["sampling"]["ticks"] < second["sampling"]["ticks"]
    assert first["exit_status"] is None
    assert first["ended"] == second["ended"] == "running"
    assert report(path)["ended"] == "complete"


def test_ends_at_once(python, folder):
    """Whenever it ends: before an interpreter was there, in the middle of a sample, or after."""
    path = folder / "a.pyro"
    for code in ["pass", "import os; os._exit(3)", "import time; time.sleep(0.01)"]:
        for _ in range(8):
            done = run_code(python, code, path, options=["-f", "--rate", "max"])
            wanted = 3 if "_exit" in code else 0
            assert (done.returncode, done.stdout, done.stderr) == (wanted, b"", b"")
            told = report(path)
            assert (told["ended"], told["exit_status"]) == ("complete", wanted)


def test_slow_start(python, folder):
    """An interpreter that takes its time to begin, as on a busy machine, is waited for."""
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(
        "#include <unistd.h>\n__attribute__((constructor)) void slow(void) { usleep(200000); }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    path = folder / "a.pyro"
    with started(python, BUSY, path, "0.3", env=environment(LD_PRELOAD=str(library))) as process:
        assert process.wait(HANG) == 0
    sampling = report(path)["sampling"]
    assert sampling["ticks"] >= 200, sampling  # since it was met, also those without a CPU for us
    assert sampling["taken"] > 0


def test_ends_in_the_middle_of_threads(python, folder):
    """os._exit while forty threads come and go."""
    code = """
import os, threading, time
def live():
    time.sleep(0.002)
end = time.monotonic() + 0.3
while time.monotonic() < end:
    threads = [threading.Thread(target=live) for _ in range(40)]
    for thread in threads: thread.start()
    for thread in threads[:20]: thread.join()
os._exit(4)
"""
    path = folder / "a.pyro"
    for _ in range(3):
        done = run_code(python, code, path, options=["-f", "--rate", "5000"])
        assert (done.returncode, done.stdout, done.stderr) == (4, b"", b"")
        told = report(path)
        assert told["ended"] == "complete"
        assert told["sampling"]["taken"] > 100


def test_program_that_becomes_another(one, folder):
    """execv of something that is no Python, in the middle of being sampled."""
    code = """
import os, time
end = time.monotonic() + 0.3
while time.monotonic() < end: pass
os.execv("/bin/sh", ["sh", "-c", "echo other; exit 6"])
"""
    path = folder / "a.pyro"
    done = run_code(one, code, path)
    assert (done.returncode, done.stdout) == (6, b"other\n")
    told = report(path)
    assert told["exit_status"] == 6
    assert told["sampling"]["taken"] > 100


def test_program_that_becomes_python_again(python, folder):
    """execv of the same interpreter: both halves are in the profile, the status is the second's."""
    code = """
import os, sys, time
def burn():
    end = time.monotonic() + 0.3
    while time.monotonic() < end: pass
def again():
    end = time.monotonic() + 0.3
    while time.monotonic() < end: pass
    sys.exit(6)
if "again" in sys.argv: again()
burn()
os.execv(sys.executable, [sys.executable, __file__, "again"])
"""
    (folder / "twice.py").write_text(code)
    path = folder / "a.pyro"
    done = command("run", "-o", path, "--", python.path, folder / "twice.py", check=False)
    assert done.returncode == 6, done.stderr
    told = report(path)
    samples = {each["qualname"]: each["samples"] for each in told["functions"]}
    assert samples["burn"] > 100 and samples["again"] > 100
    assert told["processes"][-1]["exit_status"] == 6
    assert [each["exit_status"] for each in told["processes"][:-1]] in ([], [None])


def test_forking_program(python, folder):
    """Children of a fork do what they did; the parent is sampled on."""
    code = """
import os, time
def parent():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
pids = []
for i in range(5):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        os._exit(i)
    pids.append(pid)
parent()
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
"""
    path = folder / "a.pyro"
    done = run_code(python, code, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[0, 1, 2, 3, 4]\n", b"")
    told = report(path)
    assert "parent" in {row["qualname"] for row in told["functions"]}


def test_orphans_are_not_adopted(one, folder):
    """What the program's children leave behind goes where it would without us: a program that
    counts its children finds no strangers."""
    code = """
import os, subprocess
subprocess.run(["sh", "-c", "sleep 0.3 & exit 0"])
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none")
"""
    done = run_code(one, code, folder / "a.pyro")
    assert (done.returncode, done.stdout) == (0, b"none\n")


@pytest.mark.parametrize("rate", ["1", "50000", "max"])
def test_rates(one, rate, folder):
    path = folder / "a.pyro"
    done = run_code(one, BUSY, path, "1.5", options=["--rate", rate])
    assert (done.returncode, done.stdout) == (0, b"ready\n")
    told = report(path)
    sampling = told["sampling"]
    assert sampling["planned_samples"] == sampling["discarded"] + sampling["taken"]
    assert sampling["ticks"] >= (1 if rate == "1" else 10000)
    said = command("report", path).stdout
    assert ("spinning on a core of its own" in said) == (rate == "max")


def test_children_of_the_command(one, folder):
    """The program is the command's own child, as it would be a shell's."""
    with started(one, SURVIVOR, folder / "a.pyro", "0.5", "/dev/null") as process:
        assert int(process.first_line.split()[1]) in children(process.pid)
        process.wait(HANG)
