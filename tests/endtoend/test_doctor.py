"""What `doctor PID` says beforehand of what `attach` and `dump` will do."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness import HANG, command, environment
from running import BUSY, as_nobody, server, unsupported, until


def test_doctor(one, folder):
    with server(one, folder) as process:
        told = json.loads(command("doctor", process.pid, "--json").stdout)
        assert told["works"]
        assert [check["check"] for check in told["processes"]] == ["process", "child"]
        assert "server.py worker" in told["processes"][1]["text"]
        assert told["processes"][0]["mend"] == f"pyrometer attach {process.pid}"
        text = command("doctor", process.pid).stdout
        assert f"{process.pid} runs Python 3." in text
        assert text.endswith("It can be profiled.\n")
        threads = sorted(int(tid) for tid in os.listdir(f"/proc/{process.pid}/task"))
        done = command("doctor", threads[-1], check=False)
        assert done.returncode == 1
        assert f"is a thread of process {process.pid}" in done.stdout
    done = command("doctor", 4194304, check=False)
    assert done.returncode == 1
    assert "There is no process 4194304" in done.stdout


@contextlib.contextmanager
def busy(path):
    process = subprocess.Popen(
        [path, "-c", BUSY, str(2 * HANG)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


PTRACE = 19  # CAP_SYS_PTRACE


def root_may_have_it():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^CapBnd:\s*(\w+)", status, re.MULTILINE)[1], 16) >> PTRACE & 1


def as_nobody_in_a_container():
    """Where root would not have the capability either."""
    assert ctypes.CDLL(None).prctl(24, PTRACE, 0, 0, 0) == 0  # PR_CAPBSET_DROP
    as_nobody()


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize("become", [as_nobody, as_nobody_in_a_container])
def test_another_users(become, one, folder, public):
    """Its number, its owner, and what helps; nothing is left behind."""
    if become is as_nobody and not root_may_have_it():
        pytest.skip("root has no CAP_SYS_PTRACE here, so that sudo does not help")

    def as_user(*words):
        return subprocess.run(
            [public / "pyrometer", *map(str, words)],
            preexec_fn=become, cwd=public, env=environment(TMPDIR=str(public)), timeout=HANG,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    container = [
        "Docker, and podman alike: docker run --cap-add=SYS_PTRACE ...",
        "Compose, under the service: cap_add: [SYS_PTRACE]",
        "Kubernetes, under the container: securityContext: {capabilities: {add: [SYS_PTRACE]}}",
        "Then, as root in it: pyrometer attach PID",
    ]
    obstacle = "it is user 0's (or was made undumpable) and this is user 65534"
    with server(one, folder) as process:
        sudo = [f"sudo pyrometer attach {process.pid}"]
        mend = sudo if become is as_nobody else container
        done = as_user("doctor", process.pid, "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["works"]) == (1, False)
        assert [check["check"] for check in told["processes"]] == ["process", "child"]
        assert told["processes"][0] == {
            "check": "process",
            "verdict": "bad",
            "text": f"{process.pid} may not be read: {obstacle}",
            "mend": "\n".join(mend),
        }
        done = as_user("doctor", process.pid)
        assert done.returncode == 1
        lines = "".join(f"\n            {line}" for line in mend)
        assert f"{process.pid} may not be read: {obstacle}{lines}\n" in done.stdout
        assert done.stdout.endswith("\nIt cannot be profiled.\n")
        advice = "`sudo`" if become is as_nobody else "`--cap-add=SYS_PTRACE`"
        for words in (["attach", "-o", "a.pyro"], ["dump"], ["dump", "--json"]):
            done = as_user(*words, process.pid)
            assert (done.returncode, done.stdout) == (125, ""), words
            said = f"Not permitted to read process {process.pid}: {obstacle}; "
            assert said in done.stderr and advice in done.stderr
    assert os.listdir(public) == ["pyrometer"]


def test_zombie(one, folder):
    """A Python that has ended, and that nobody has waited for."""
    with busy(one.path) as process:
        process.send_signal(signal.SIGKILL)
        stat = Path(f"/proc/{process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "zombie")
        for words in (["attach", "-o", folder / "a.pyro"], ["dump"]):
            done = command(*words, process.pid, cwd=folder, check=False)
            assert (done.returncode, done.stdout) == (125, "")
            assert done.stderr == f"pyrometer: Process {process.pid} has ended.\n"
        done = command("doctor", process.pid, cwd=folder, check=False)
        assert done.returncode == 1
        assert f"{process.pid} has ended." in done.stdout
        assert done.stdout.endswith("\nIt cannot be profiled.\n")
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name, path", unsupported())
def test_unsupported(name, path):
    with busy(path) as process:
        done = command("doctor", process.pid, "--json", check=False)
        told = json.loads(done.stdout)
        assert (done.returncode, told["works"]) == (1, False)
        (check,) = told["processes"]
        version = re.match(r"\d+\.\d+", name)[0]
        assert check["verdict"] == "bad"
        assert re.search(rf"Python {re.escape(version)}\.\d+ is .*not supported", check["text"])
