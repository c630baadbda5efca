"""`pyrometer ctl`: a recording is switched off and on, and written when it is asked for."""

import json
import os
import socket
import subprocess
import time

import pytest
from harness import ATTEMPTS, HANG, PYROMETER, Recording, command, environment
from running import server, started, until

CODE = """
import sys, time
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
def before(): spin(0.3)
def meanwhile(): spin(0.5)
def after(): spin(0.3)
for part in before, meanwhile, after:
    part()
    print("ready", flush=True)
    sys.stdin.readline()
"""


def ctl(pid, *words, **options):
    return command("ctl", pid, *words, check=False, **options)


def samples(recording):
    report = json.loads(command("report", recording, "--json").stdout)
    return report, {f["name"]: f["total_samples"] for f in report["functions"]}


def test_off_and_on(python, folder):
    recording = folder / "a.pyro"
    with started(python, CODE, recording, stdin=subprocess.PIPE) as process:
        off = ctl(process.pid, "off")
        assert off.returncode == 0 and off.stdout.startswith("Sampling is off: ")
        _, seen = samples(recording)  # it is written when it goes off
        assert seen["before"] > 50
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        assert ctl(process.pid, "status").stdout.startswith("Sampling is off: ")
        on = ctl(process.pid, "on")
        assert on.returncode == 0 and on.stdout.startswith("Sampling is on: ")
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait(HANG) == 0
    report, seen = samples(recording)
    assert seen["before"] > 50 and seen["after"] > 50
    # between the line that is read and `off` the program is where it reads it
    assert seen.get("meanwhile", 0) <= 2
    assert len(report["processes"]) == 1
    # what was off is no missed tick: of 1.1 s with 1,000 ticks each some 600 were planned
    assert report["sampling"]["ticks"] < 1000 * report["wall_ns"] / 1e9 - 400


def flushed(pid, path):
    """Whether all that was sampled before it was asked for is there, but for a few ticks: the
    flush of once a second leaves half a second to be missed."""
    asked = time.monotonic()
    assert ctl(pid, "flush").returncode == 0
    return max(Recording(path).tick_times, default=0) > asked - 0.005


def test_flush(one, folder):
    """What is asked for by the number of the program, or of the recorder, is there at once; asked
    for again where the sampler was held up just then."""
    recording = folder / "a.pyro"
    with server(one, folder) as program:
        recorder = subprocess.Popen(
            [PYROMETER, "attach", "-q", "-o", recording, str(program.pid)], env=environment()
        )
        until(lambda: ctl(program.pid, "status").returncode == 0, "listens")
        for pid in program.pid, recorder.pid:
            assert any(flushed(pid, recording) for _ in range(ATTEMPTS))
            report, _ = samples(recording)
            assert report["ended"] == "running"
        recorder.send_signal(2)
        recorder.wait(HANG)
        gone = ctl(program.pid, "status")
    assert gone.returncode == 125
    assert f"No recorder of process {program.pid} answers here" in gone.stderr


def test_one_that_asks_nothing(one, folder):
    """It does not keep the others waiting."""
    with (
        started(one, CODE, folder / "a.pyro", stdin=subprocess.PIPE) as process,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent,
    ):
        silent.connect(f"\0pyrometer/{process.pid}")
        assert ctl(process.pid, "status").stdout.startswith("Sampling is on: ")
        assert silent.recv(1) == b""
        process.stdin.close()
        assert process.wait(HANG) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
def test_other_users_are_not_listened_to(one, folder):
    with started(one, CODE, folder / "a.pyro", stdin=subprocess.PIPE) as process:
        denied = ctl(process.pid, "off", user=65534, group=65534, extra_groups=[])
        assert denied.returncode == 125
        assert "listens to the user that it runs as, and to root" in denied.stderr
        assert ctl(process.pid, "status").stdout.startswith("Sampling is on: ")
        process.stdin.close()
        assert process.wait(HANG) == 0
