"""`run` passes stdin, stdout, stderr, what a process inherits, and its end through untouched."""

import contextlib
import json
import os
import random
import re
import resource
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from harness import HANG, LONG, PYROMETER, command, environment
from running import BUSY, report, run_code, started

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"


def test_stdin_passes(python, folder):
    data = random.Random(1).randbytes(1_000_000)
    done = run_code(python, ECHO, folder / "a.pyro", stdin=None, input=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


def test_stdout_and_stderr_pass(python, folder):
    code = """
import random, sys
for number, stream in enumerate((sys.stdout, sys.stderr)):
    for _ in range(100):
        stream.buffer.write(random.Random(number).randbytes(5000))
"""
    done = run_code(python, code, folder / "a.pyro")
    assert done.returncode == 0
    assert done.stdout == random.Random(0).randbytes(5000) * 100
    assert done.stderr == random.Random(1).randbytes(5000) * 100


def test_report_goes_to_stderr(one, folder):
    done = command(
        "run", "-o", folder / "a.pyro", "--", one.path, "-c", BUSY.replace("argv[1]", "argv[-1]"),
        "0.3", cwd=folder,
    )  # fmt: skip
    assert done.stdout == "ready\n"
    assert "work" in done.stderr and "a.pyro" in done.stderr


INHERITED = """
import json, os, resource, signal, sys, time
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "environ": dict(os.environ), "cwd": os.getcwd(),
    "group": os.getpgrp(), "session": os.getsid(0), "umask": os.umask(0), "path": sys.path,
    "nice": os.getpriority(os.PRIO_PROCESS, 0), "scheduler": os.sched_getscheduler(0),
    "affinity": sorted(os.sched_getaffinity(0)), "flags": list(sys.flags),
    "descriptors": sorted(set(os.listdir("/proc/self/fd"))), "tracer": status["TracerPid"],
    "limits": [resource.getrlimit(i) for i in range(resource.RLIM_NLIMITS)
               if i not in (resource.RLIMIT_NPROC,)] if hasattr(resource, "RLIM_NLIMITS") else
              [resource.getrlimit(i) for i in range(16)],
    "signals": [status[key] for key in ("SigBlk", "SigIgn", "SigCgt", "ShdPnd", "SigPnd")],
    "new privileges": status["NoNewPrivs"], "seccomp": status["Seccomp"],
    "handlers": [repr(signal.getsignal(s)) for s in (1, 2, 10, 13, 15, 17, 25)],
    "threads": status["Threads"], "timers": [signal.getitimer(i) for i in range(3)],
    "subreaper children": open(f"/proc/self/task/{os.getpid()}/children").read(),
}))
"""


def test_inherits_what_it_would(python, folder):
    """Environment, descriptors, signal masks, limits, groups: all as without pyrometer."""
    words = [python.path, "-c", INHERITED, "argument", "-q", "--json", "-o", "x"]
    setting = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "env": environment(SOME="thing"),
        "timeout": HANG,
        "preexec_fn": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    }
    bare = subprocess.run(words, check=True, **setting)
    under = subprocess.run(
        [PYROMETER, "run", "-q", "-o", folder / "a.pyro", "--", *words], check=True, **setting
    )
    assert json.loads(under.stdout) == json.loads(bare.stdout)


def test_ignored_signals_stay_ignored(one, folder):
    """As under nohup: what was ignored before is ignored in the program."""
    code = "import signal; print(signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGINT))"
    words = [one.path, "-c", code]

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    bare = subprocess.run(words, preexec_fn=ignore, capture_output=True, check=True)
    under = subprocess.run(
        [PYROMETER, "run", "-q", "-o", folder / "a.pyro", "--", *words],
        preexec_fn=ignore, capture_output=True, check=True,
    )  # fmt: skip
    assert under.stdout == bare.stdout


def test_nobody_traces(one, folder):
    """Seen from within and from beside: no tracer, and it is never stopped."""
    code = """
import os, time
print("ready", os.getpid(), flush=True)
end = time.monotonic() + 0.7
seen = set()
while time.monotonic() < end:
    for line in open("/proc/self/status"):
        if line.startswith("TracerPid"):
            seen.add(line.split()[1])
print(sorted(seen))
"""
    states = set()
    with started(one, code, folder / "a.pyro", options=["--rate", "5000"]) as process:
        pid = int(process.first_line.split()[1])
        while process.poll() is None and "Z" not in states:
            with contextlib.suppress(OSError):
                states.add(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0])
        assert process.stdout.read() == b"['0']\n"
    assert "R" in states and states <= set("RSDZX")  # T and t: stopped


def test_cannot_stop_or_write():
    """The command does not even import what would do either."""
    told = subprocess.run(["nm", "-D", PYROMETER], capture_output=True, text=True, check=True)
    imported = {line.split()[-1].split("@")[0] for line in told.stdout.splitlines()}
    assert "process_vm_readv" in imported
    assert not imported & {"process_vm_writev", "ptrace"}


STATUSES = range(256) if LONG else [0, 1, 2, 3, 42, 99, 124, 125, 126, 127, 128, 130, 137, 200, 255]


@pytest.mark.parametrize("status", STATUSES)
def test_exit_status(one, status, folder):
    path = folder / "a.pyro"
    done = run_code(one, f"import sys; sys.exit({status})", path)
    assert done.returncode == status
    assert done.stdout == b""
    assert report(path)["exit_status"] == status


def test_uncaught_exception(python, folder):
    bare = subprocess.run([python.path, "-c", "1/0"], capture_output=True, check=False)
    done = run_code(python, "1/0", folder / "a.pyro")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", bare.stderr)


@pytest.mark.parametrize(
    "name", ["SIGTERM", "SIGKILL", "SIGINT", "SIGSEGV", "SIGABRT", "SIGHUP", "SIGPIPE", "SIGUSR1"]
)
def test_death_by_signal(one, name, folder):
    """The command dies by the same signal, and a shell sees the same $?."""
    number, path = getattr(signal, name), folder / "a.pyro"
    code = f"""
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if {name!r} != "SIGKILL":
    signal.signal(signal.{name}, signal.SIG_DFL)
print("here", flush=True)
os.kill(os.getpid(), signal.{name})
"""
    done = run_code(one, code, path)
    assert (done.returncode, done.stdout) == (-number, b"here\n")
    told = report(path)
    assert (told["exit_status"], told["ended"]) == (-number, "complete")
    path.unlink()
    shell = subprocess.run(
        ["sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh",
         PYROMETER, "run", "-q", "-o", path, "--", one.path, "-c", code],
        capture_output=True, check=False,
    )  # fmt: skip
    assert shell.stdout == b"%d\n" % (128 + number)


def test_dumps_no_core_of_its_own(one, folder):
    """It dies by SIGSEGV for the program's sake: no second core file, though the limit allows."""
    highest = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if highest == 0:
        pytest.skip("no core files here: the hard limit of their size is 0")
    code = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGSEGV, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGSEGV)
"""
    process = subprocess.Popen(
        [PYROMETER, "run", "-q", "-o", folder / "a.pyro", "--", one.path, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (highest, highest)), cwd=folder,
    )  # fmt: skip
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    assert os.WTERMSIG(status) == signal.SIGSEGV
    assert not os.WCOREDUMP(status)


HANDLER = """
import signal, sys, time
def handler(number, frame):
    print("handled", number, flush=True)
    sys.exit(5)
signal.signal(signal.{name}, handler)
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    pass
"""


def test_interrupt_is_the_programs(python, folder):
    """Ctrl-C goes to the whole group: the handler runs once, its status stands, the profile too."""
    path = folder / "a.pyro"
    with started(python, HANDLER.format(name="SIGINT"), path) as process:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=HANG)
    assert (process.returncode, out, err) == (5, b"handled 2\n", b"")
    told = report(path)
    assert (told["ended"], told["exit_status"]) == ("complete", 5)


def test_interrupt_as_it_would_have(one, folder):
    """Without a handler the program dies of KeyboardInterrupt, by SIGINT, and so do we."""
    with started(one, BUSY, folder / "a.pyro", "60") as process:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=HANG)
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in err
    assert report(folder / "a.pyro")["exit_status"] == -signal.SIGINT


def test_ignored_interrupt(one, folder):
    """A program that goes on after Ctrl-C is profiled on."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + BUSY
    path = folder / "a.pyro"
    with started(one, code, path, "1.5") as process:
        for _ in range(3):
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=HANG)
    assert (process.returncode, out, err) == (0, b"", b"")
    assert report(path)["sampling"]["ticks"] > 500


SIGNALS = "TERM HUP USR1 USR2 QUIT INT VTALRM PROF IO PWR WINCH URG RTMIN RTMAX"


@pytest.mark.parametrize("name", [f"SIG{name}" for name in SIGNALS.split()])
def test_signals_to_the_command_are_passed_on(one, name, folder):
    """Sent to pyrometer alone, as a supervisor would: the program gets them."""
    number, path = getattr(signal, name), folder / "a.pyro"
    with started(one, HANDLER.format(name=name), path) as process:
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=HANG)
    assert (process.returncode, out, err) == (5, b"handled %d\n" % number, b"")
    assert report(path)["ended"] == "complete"


def test_stop_and_continue(one, folder):
    """Ctrl-Z and fg: both stop, both go on."""
    # In this session, for the kernel stops no process group that nobody could continue.
    alone = {"start_new_session": False, "preexec_fn": os.setpgrp}
    with started(one, BUSY, folder / "a.pyro", "1", **alone) as process:
        os.killpg(process.pid, signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.killpg(process.pid, signal.SIGCONT)
        _, err = process.communicate(timeout=HANG)
    assert (process.returncode, err) == (0, b"")
    assert report(folder / "a.pyro")["ended"] == "complete"


def test_does_not_wait_for_what_the_program_leaves_behind(one, folder):
    """A shell would not either: a daemon of the program lives on when the command has ended."""
    code = """
import os, time
child = os.fork()
if child == 0:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
"""
    done = run_code(one, code, folder / "a.pyro")
    child = int(done.stdout)
    os.kill(child, signal.SIGKILL)  # ProcessLookupError: it was not left alive
    assert done.returncode == 0


def test_ways_to_name_the_program(one, folder):
    (folder / "app.py").write_text("import sys; print('app', sys.argv[1:], __name__)\n")
    (folder / "mod.py").write_text("import sys; print('mod', sys.argv[1:], __name__)\n")
    for words, said in [
        (["app.py", "-q", "x"], "app ['-q', 'x'] __main__\n"),
        (["./app.py"], "app [] __main__\n"),
        (["-m", "mod", "-o", "y"], "mod ['-o', 'y'] __main__\n"),
        (["-c", "import sys; print(sys.argv)", "-m", "z"], "['-c', '-m', 'z']\n"),
        (["--", one.path, "app.py", "--", "1"], "app ['--', '1'] __main__\n"),
    ]:
        done = command(
            "run", "-q", "-f", "-o", "a.pyro", "--python", one.path, *words, cwd=folder
        )  # fmt: skip
        assert done.stdout == said, words


def test_bare_name_is_sought_on_path(one, folder):
    """A script that is not in the folder, as `pyrometer run pytest`."""
    tool = folder / "bin" / "a-tool"
    tool.parent.mkdir()
    # The kernel takes no script as an interpreter, so the wrapper is named through env.
    tool.write_text(f"#!/usr/bin/env {one.path}\nprint('a tool')\n")
    tool.chmod(0o755)
    environ = environment(PATH=f"{tool.parent}:{os.environ['PATH']}")
    done = command("run", "-q", "-o", "a.pyro", "a-tool", "1", cwd=folder, env=environ)
    assert done.stdout == "a tool\n"


def test_default_recording(one, folder):
    """.pyrometer/PROG-DATE-PID.pyro, for its owner only whatever the umask; the newest is read."""
    (folder / "app.py").write_text(BUSY)
    for seconds in ("0.1", "0.2"):
        command(
            "run", "-q", "--python", one.path, "app.py", seconds, cwd=folder,
            preexec_fn=lambda: os.umask(0),
        )  # fmt: skip
    made = sorted((folder / ".pyrometer").glob("*.pyro"), key=lambda path: path.stat().st_mtime_ns)
    assert len(made) == 2
    for path in made:
        assert re.fullmatch(r"app-.*\d.*-\d+\.pyro", path.name), path.name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(command("report", "--json", cwd=folder).stdout)
    assert told["command"][-1] == "0.2"


def test_pyc_and_folder_are_left_alone(one, folder):
    """The program's folder holds nothing new but the recording."""
    (folder / "app.py").write_text("import json\n")
    command("run", "-q", "-o", "a.pyro", "--python", one.path, "app.py", cwd=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.pyro", "app.py"]


SETTINGS = """
kernel/core* kernel/perf_cpu* kernel/perf_event_paranoid kernel/yama/* kernel/kptr_* kernel/dmesg_*
kernel/*bpf* kernel/sched_* kernel/randomize_va_space kernel/pid_max kernel/threads-max
kernel/timer_migration kernel/*watchdog* kernel/numa_balancing kernel/seccomp/* fs/suid_dumpable
fs/*-max vm/*
"""


def settings():
    """What the kernel was told of all that may stand in a profiler's way, or help it."""
    told = {}
    for pattern in SETTINGS.split():
        for file in Path("/proc/sys").glob(pattern):
            with contextlib.suppress(OSError):  # some can only be written
                told[file] = file.read_bytes()
    return told


def test_machine_is_left_alone(one, folder):
    """No setting is other than before, though it be root who asks, and no file is there but the
    recordings."""
    before, temporary, place = settings(), folder / "temporary", folder / "place"
    assert len(before) > 30
    temporary.mkdir()
    place.mkdir()
    setting = {"cwd": place, "env": environment(TMPDIR=str(temporary))}
    code = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()"
    with subprocess.Popen(
        [one.path, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **setting
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        for words in (
            ["doctor"], ["doctor", process.pid], ["dump", process.pid, "--locals"],
            ["attach", process.pid, "-o", "a.pyro", "--duration", "200ms"],
            ["run", "-o", "b.pyro", "--", one.path, "-c", BUSY, "0.3"],
            ["report", "b.pyro"], ["export", "b.pyro", "--format", "collapsed"],
        ):  # fmt: skip
            command(*words, **setting)
        process.stdin.close()
        assert process.wait(HANG) == 0
    assert list(temporary.iterdir()) == []
    assert sorted(file.name for file in place.iterdir()) == ["a.pyro", "b.pyro"]
    assert settings() == before


def test_shell_script_that_starts_python(one, folder):
    script = folder / "start.sh"
    script.write_text(f'#!/bin/sh\ntrue\n{one.path} "$@"\nexit 9\n')
    script.chmod(0o755)
    path = folder / "a.pyro"
    done = command("run", "-q", "-o", path, "--", script, "-c", BUSY, "0.5", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (9, "ready\n", "")
    told = report(path)
    assert told["exit_status"] == 9
    assert "work" in {row["qualname"] for row in told["functions"]}


def test_first_python_of_a_pipeline(one, folder):
    path = folder / "a.pyro"
    done = command(
        "run", "-q", "-o", path, "--", "env", "A=1", "nice", "-n", "0", one.path, "-c", BUSY, "0.4"
    )
    assert done.stdout == "ready\n"
    assert "work" in {row["qualname"] for row in report(path)["functions"]}


def test_no_progress_elsewhere(one, folder):
    """A long run shows a line of progress on a terminal (tests/cli), and nothing in a file."""
    done = command("run", "-o", folder / "a.pyro", "--", one.path, "-c", BUSY, "4")
    assert done.stdout == "ready\n"
    assert "[pyrometer" not in done.stderr and "\x1b" not in done.stderr and "\r" not in done.stderr
    assert "samples" in done.stderr


def test_no_source(one, folder):
    """Source lines are in the recording, and with --no-source none is."""
    program = folder / "program.py"
    program.write_text(BUSY)
    for option in ((), ("--no-source",)):
        path = folder / f"a{len(option)}.pyro"
        command("run", "-q", *option, "-o", path, "--", one.path, program, "0.3")
        program.rename(folder / "moved.py")
        said = command("report", path, "lines", "work").stdout
        (folder / "moved.py").rename(program)
        assert ("for i in range(1000):" in said) == (not option)
        assert ("--no-source" in said) == bool(option)
