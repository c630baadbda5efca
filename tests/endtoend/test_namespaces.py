"""Programs in pid, mount and user namespaces of their own, as in containers."""

import json
import subprocess
from pathlib import Path

import pytest
from harness import command, environment
from running import SERVER, children, until

APART = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
INNER = int(Path("/proc/sys/kernel/pid_max").read_text()) - 4321
PROGRAM = """
import threading, time
def works():
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        pass
thread = threading.Thread(target=works, name="worker")
thread.start()
time.sleep(0.6)
thread.join()
"""

pytestmark = pytest.mark.skipif(
    subprocess.run([*APART, "true"], capture_output=True).returncode != 0,
    reason="unshare makes no namespaces here",
)


def report(path):
    return json.loads(command("report", path, "--json").stdout)


def test_run(python, folder):
    """Threads have our numbers for them, states, the scheduler's figures, and sources."""
    program, recording = folder / "program.py", folder / "a.pyro"
    program.write_text(PROGRAM)
    command("run", "-q", "-o", recording, "--", *APART, python.path, program)
    told = report(recording)
    (process,) = told["processes"]
    main, worker = sorted(told["threads"], key=lambda thread: thread["id"])
    assert main["id"] == main["process"] == process["pid"] != 1
    assert main["name"] == "MainThread"
    assert worker["id"] > main["id"] and worker["cpu_ns"] > main["cpu_ns"]
    states = told["sampling"]["states"]
    assert states["cpu"]["known"] > 0.9 * told["sampling"]["in_view"]
    assert 0.3 < states["waiting"]["samples"] / states["waiting"]["known"] < 0.7
    lines = command("report", recording, "lines", "works").stdout
    assert "while time.monotonic() < end:" in lines


@pytest.fixture
def container(one, folder):
    """A server in a container, by the number that it has here; INNER is the one it has there."""
    file = folder / "server.py"
    file.write_text(SERVER)
    # the shell is number 1; what it starts has the number after the last one
    start = f"'{one.path}' '{file}' <&3 & wait"
    script = f"exec 3<&0; echo {INNER - 1} >/proc/sys/kernel/ns_last_pid; {start}"
    process = subprocess.Popen(
        [*APART, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(), start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    (shell,) = children(process.pid)
    yield process
    process.kill()
    process.wait()
    until(lambda: not Path(f"/proc/{shell}").exists(), "end")  # the next has its number
    process.stdin.close()
    process.stdout.close()


def test_by_the_number_in_the_container(container):
    told = command("dump", INNER, "--json", check=False)
    assert told.returncode == 0, told.stderr
    stacks = json.loads(told.stdout)
    (process,) = stacks["processes"]
    assert f"Process {INNER} of a container is {process['pid']} here." in told.stderr
    by_ours = json.loads(command("dump", process["pid"], "--json").stdout)
    assert by_ours["processes"] == stacks["processes"]
    assert {stack["thread"] for stack in by_ours["stacks"]} == {
        stack["thread"] for stack in stacks["stacks"]
    }
    assert "can be profiled" in command("doctor", INNER).stdout


@pytest.mark.parametrize("whose", ["container's", "host's"])
def test_attach(container, whose, folder):
    """By the number that it has there, or by the one that it has here: the recording has ours."""
    (shell,) = children(container.pid)
    (here,) = children(shell)
    recording = folder / "a.pyro"
    number = INNER if whose == "container's" else here
    command("attach", number, "-q", "-o", recording, "--duration", "300ms")
    told = report(recording)
    assert "spin" in {function["name"] for function in told["functions"]}
    server, worker = told["processes"]
    assert server["pid"] == worker["ppid"] == here != INNER
