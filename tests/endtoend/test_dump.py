"""The stacks of a program that runs, hangs or is stopped."""

import json
import os
import signal
import subprocess

from harness import command, environment
from running import SERVER, ends_as_alone, server, until


def line_of(text, code=SERVER):
    (line,) = (i for i, each in enumerate(code.splitlines(), 1) if text in each)
    return line


def stacks(pid, *options):
    told = json.loads(command("dump", pid, "--json", *options).stdout)
    assert told["schema"] == "pyrometer.dump/1"
    return told, [
        [(frame["name"], frame["line"]) for frame in stack["frames"]] for stack in told["stacks"]
    ]


def test_all_threads(python, folder):
    with server(python, folder) as process:
        told, seen = stacks(process.pid)
        ends_as_alone(process)
    (listed,) = told["processes"]
    assert listed["pid"] == process.pid
    assert len(seen) == 3
    for stack, each in zip(told["stacks"], seen, strict=True):
        waits = "waits" in dict(each)  # the others compete for the GIL
        assert stack["runnable"] is False if waits else stack["runnable"] is not None
        assert stack["collecting"] is False and not (waits and stack["holds_gil"])
    assert [stack["holds_gil"] for stack in told["stacks"]].count(True) <= 1
    (waiting,) = (stack for stack in seen if "waits" in dict(stack))
    assert waiting[0] == ("waits", line_of("sys.stdin.readline"))
    assert waiting[-1] == ("<module>", line_of("child.kill()") - 1)
    spinning = [stack for stack in seen if stack is not waiting]
    lines = {line_of("def spin") + 1, line_of("def spin") + 2}
    for stack in spinning:
        assert stack[0][0] == "spin" and stack[0][1] in lines
        assert [name for name, _ in stack[1:]] == ["run", "_bootstrap_inner", "_bootstrap"]


def test_children(one, folder):
    with server(one, folder) as process:
        told, seen = stacks(process.pid, "--subprocesses")
    assert len(told["processes"]) == 2
    assert sum("worker" in dict(stack) for stack in seen) == 1


def test_as_text(one, folder):
    with server(one, folder) as process:
        text = command("dump", process.pid).stdout
    lines = text.splitlines()
    assert lines[0].startswith(f"Process {process.pid}: ")
    assert f"{folder / 'server.py'} (Python 3." in lines[0]
    assert text.count("\nThread ") == 3
    place = f"server.py:{line_of('sys.stdin.readline')}"
    assert any(line.startswith("    waits  ") and line.endswith(place) for line in lines)


HUNG = """
import threading
lock = threading.Lock()
def first():
    lock.acquire()
def second():
    print("ready", flush=True)
    lock.acquire()  # for ever
first()
second()
"""


def test_hung_and_stopped(one, folder):
    """Neither a lock that nobody gives back nor SIGSTOP keeps it from being read; and it is left as
    it was."""
    process = subprocess.Popen(
        [one.path, "-c", HUNG], stdout=subprocess.PIPE, env=environment(), start_new_session=True
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        expected = [("second", line_of("# for ever", HUNG)), ("<module>", len(HUNG.splitlines()))]
        until(lambda: stacks(process.pid)[1] == [expected], "the lock")
        os.kill(process.pid, signal.SIGSTOP)
        assert stacks(process.pid)[1] == [expected]
        with open(f"/proc/{process.pid}/stat") as file:
            assert file.read().rpartition(")")[2].split()[0] == "T"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_refused(one):
    done = command("dump", 4194304, check=False)
    assert (done.returncode, done.stderr) == (125, "pyrometer: There is no process 4194304.\n")
    assert not [name for name in os.listdir("/tmp") if name.startswith("pyrometer-dump-")]
