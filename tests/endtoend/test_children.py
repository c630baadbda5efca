"""What the recording tells of the processes that the program starts."""

import ctypes
import os
import platform
import signal
import subprocess

import pytest
from harness import HANG, PYROMETER, command, environment
from running import BUSY, report, run_code

FAMILY = """
import os, sys, time
def work():
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        pass
def start(then):
    pid = os.fork()
    if pid == 0:
        work()
        then()
    return pid
pids = [
    start(lambda: os._exit(0)), start(lambda: os._exit(7)), start(lambda: os.kill(os.getpid(), 9)),
    start(lambda: os.execv(sys.executable, [sys.executable, "-c", "import sys, time\\n"
        "end = time.monotonic() + 0.1\\nwhile time.monotonic() < end: pass\\nsys.exit(5)"])),
]
for pid in pids:
    os.waitpid(pid, 0)
print(*pids)
sys.exit(2)
"""


def kernel():
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])


@pytest.mark.skipif(kernel() < (6, 15), reason="the kernel tells it from 6.15 on")
def test_exit_statuses(python, folder):
    """One executes itself again: where the interpreter's own memory is at a fixed place, too."""
    done = run_code(python, FAMILY, folder / "a.pyro")
    assert done.returncode == 2
    pids = [int(word) for word in done.stdout.split()]
    told = report(folder / "a.pyro")
    rows = {pid: [p for p in told["processes"] if p["pid"] == pid] for pid in pids}
    assert [[p["exit_status"] for p in rows[pid]] for pid in pids] == [[0], [7], [-9], [None, 5]]
    root = [p for p in told["processes"] if p["pid"] not in pids]
    assert [(p["exit_status"], p["argv"][1]) for p in root] == [(2, "-c")]
    assert all(p["ppid"] == root[0]["pid"] for pid in pids for p in rows[pid])


def test_status_of_a_command_that_is_no_python(one, folder):
    """A shell's is not that of the Python that it leaves running."""
    script = """
"$0" -c "$1" 20 >said 2>&1 &
echo $!
until grep -q ready said; do sleep 0.1; done
sleep 0.3
exit 9
"""
    words = ["--", "sh", "-c", script, one.path, BUSY]
    done = command("run", "-q", "-o", "a.pyro", *words, cwd=folder, check=False)
    os.kill(int(done.stdout), signal.SIGKILL)
    told = report(folder / "a.pyro")
    assert (done.returncode, told["exit_status"]) == (9, 9)
    assert [p["exit_status"] for p in told["processes"]] == [None]


def test_many_words(one, folder):
    """However many there are."""
    words = [str(number) for number in range(1000)]
    run_code(one, BUSY, folder / "a.pyro", "0.3", *words)
    (process,) = report(folder / "a.pyro")["processes"]
    assert process["argv"][-1000:] == words


ADOPTED = """
import os, subprocess, sys, time
# in a session of its own: nothing tells where it comes from but who its parent is
subprocess.run(["setsid", "sh", "-c", '"$0" -c "$1" 0.3 & echo $!', sys.executable, sys.argv[1]])
sys.stdout.flush()
time.sleep(0.6)
sys.exit(3)
"""
PR_SET_CHILD_SUBREAPER = 36


def test_orphan_that_comes_to_us(one, folder):
    """As where we have to adopt it to be allowed to read it (or are the first process of a
    container): it is sampled, and its end is not taken for the program's."""
    code = BUSY.replace('print("ready", flush=True)', "")
    done = run_code(
        one, ADOPTED, folder / "a.pyro", code,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, b"")
    orphan = int(done.stdout)
    told = report(folder / "a.pyro")
    assert told["exit_status"] == 3
    assert orphan in [process["pid"] for process in told["processes"]]
    assert sum(t["samples"] for t in told["threads"] if t["process"] == orphan) > 0
    assert told["warnings"] == []  # whoever made us so knows


# A shell that records a program, and leaves an orphan of its own meanwhile: $0 pyrometer, $1 the
# recording, $2 python, $3 what both run.
BESIDE = """
"$0" run -q -o "$1" -- "$2" -c "$3" 0.6 & recorder=$!
sleep 0.2
( "$2" -c "$3" 0.3 & echo $! )
wait $recorder
"""


def test_orphan_of_somebody_else(one, folder):
    """In the same session and process group as the program, at the same time."""
    done = subprocess.run(
        ["sh", "-c", BESIDE, PYROMETER, folder / "a.pyro", one.path, BUSY],
        capture_output=True, check=True, timeout=HANG, env=environment(), start_new_session=True,
    )  # fmt: skip
    assert done.stderr == b""
    stranger = [int(word) for word in done.stdout.split() if word != b"ready"]
    told = report(folder / "a.pyro")
    assert len(stranger) == 1
    assert len(told["processes"]) == 1
    assert told["processes"][0]["pid"] not in stranger
    assert told["sampling"]["taken"] > 0
