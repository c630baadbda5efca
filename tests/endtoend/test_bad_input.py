"""What cannot be done is refused in a sentence, and the program is not harmed by it."""

import contextlib
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from harness import HANG, PYROMETER, command, environment
from running import BUSY, as_nobody, report, run_code, unsupported


def sentence(text):
    """Something was said, for people: no crash, no bare errno."""
    assert len(re.findall(r"[A-Za-z]{2,}", text)) >= 4, repr(text)
    assert "Assertion" not in text and "Sanitizer" not in text
    return text


@pytest.mark.parametrize(
    "words, status",
    [(["true"], 0), (["sleep", "0.1"], 0), (["sh", "-c", "exit 3"], 3), (["/bin/false"], 1)],
)
def test_not_python(words, status, folder):
    done = command("run", "-q", "-o", folder / "a.pyro", "--", *words, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert "Python" in sentence(done.stderr)


def test_not_python_dies_by_signal(folder):
    done = command("run", "-o", folder / "a.pyro", "--", "sh", "-c", "kill -9 $$", check=False)
    assert done.returncode == -signal.SIGKILL


def test_cannot_start(folder):
    plain = folder / "plain"
    plain.write_text("#!/bin/sh\n")
    broken = folder / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    for word, status in [
        (str(folder / "not there"), 127),
        ("pyrometer-no-such-command", 127),
        (str(plain), 126),
        (str(folder), 126),
    ]:
        done = command("run", "-f", "-o", folder / "a.pyro", "--", word, check=False)
        assert (done.returncode, done.stdout) == (status, ""), (word, done.stderr)
        assert os.path.basename(word) in sentence(done.stderr)
    done = command("run", "-f", "-o", folder / "a.pyro", "--", broken, check=False)
    assert done.returncode in (126, 127)
    sentence(done.stderr)


def test_missing_script(one, folder):
    """The interpreter would say it itself; whoever says it, the status is not 0."""
    done = command(
        "run", "-q", "-o", "a.pyro", "--python", one.path, "nothing.py", cwd=folder, check=False
    )
    assert done.returncode in (2, 127)
    assert "nothing.py" in done.stderr


MARK = "open({!r}, 'w').close()"


def test_output_exists(one, folder):
    """Refused before anything is started, and left as it is; not so with -f."""
    path, mark = folder / "a.pyro", folder / "started"
    path.write_bytes(b"precious")
    code = MARK.format(str(mark))
    done = run_code(one, code, path)
    assert done.returncode in (2, 125)
    assert "-f" in sentence(done.stderr.decode()) and "a.pyro" in done.stderr.decode()
    assert path.read_bytes() == b"precious" and not mark.exists()
    done = run_code(one, code, path, options=["-f"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert mark.exists() and report(path)["ended"] == "complete"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("where", ["nowhere/a.pyro", ".", "plain/a.pyro"])
def test_output_cannot_be_made(one, where, folder):
    (folder / "plain").write_text("a file")
    mark = folder / "started"
    done = run_code(one, MARK.format(str(mark)), where, cwd=folder)
    assert done.returncode in (2, 125)
    sentence(done.stderr.decode())
    assert not mark.exists()


def test_output_is_a_dangling_link(one, folder):
    """Not followed without -f: who may write the folder must not choose what is overwritten."""
    path, target = folder / "a.pyro", folder / "elsewhere"
    path.symlink_to(target)
    done = run_code(one, "pass", path)
    assert done.returncode in (2, 125)
    assert not target.exists()


# Thousands of stacks, so that no compression makes the file small.
MANY_STACKS = """
import random, sys, time
source = "".join(f"def f{i}(path):\\n    step(path)\\n" for i in range(2000))
exec(source)
def step(path):
    if path:
        globals()[f"f{path[0]}"](path[1:])
    else:
        end = time.perf_counter() + 0.0005
        while time.perf_counter() < end: pass
draw = random.Random(7)
end = time.monotonic() + 4
while time.monotonic() < end:
    step([draw.randrange(2000) for _ in range(20)])
print("whole")
sys.exit(7)
"""


def fills(done, path):
    assert (done.returncode, done.stdout) == (7, b"whole\n")
    said = sentence(done.stderr.decode())
    assert re.search(r"full|space|large|limit", said), said
    told = report(path)
    assert told["sampling"]["lost"] > 0
    assert told["warnings"]
    rows = sum(row["samples"] for row in told["functions"])
    assert rows <= told["sampling"]["taken"] - told["sampling"]["lost"]
    if rows == 0:
        text = command("report", path).stdout
        assert "none of those taken could be written" in text


@pytest.fixture
def small(folder):
    """A folder with room for 32 kB, mounted for one process alone: gone with it in any case."""
    place = folder / "small"
    place.mkdir()
    alone = ["unshare", "--mount"] + ["--map-root-user"] * (os.getuid() != 0)
    holder = subprocess.Popen(
        [*alone, "sh", "-c", 'mount -t tmpfs -o size=32k tmpfs "$0" && echo mounted && cat', place],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = holder.stdout.readline().decode()
    if said == "mounted\n":
        yield Path(f"/proc/{holder.pid}/root{place}")
    holder.communicate()
    if said != "mounted\n":
        pytest.skip(f"no small file system can be mounted here: {said.strip()}")


def test_disk_full(python, folder, small):
    """The program goes on and its status stands; a sentence at the end; what is there is read."""
    done = run_code(python, MANY_STACKS, small / "a.pyro", cwd=folder)
    fills(done, small / "a.pyro")


def test_file_size_limit(one, folder):
    """RLIMIT_FSIZE: the signal that comes with it kills neither us nor the program."""
    path = folder / "a.pyro"
    done = run_code(
        one, MANY_STACKS, path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768)),
    )  # fmt: skip
    fills(done, path)


def test_device_that_is_full(one, folder):
    """/dev/full takes no byte: refused, or said at the end; the program's status stands."""
    done = run_code(one, "print(1)", "/dev/full", options=["-f"])
    assert (done.returncode, done.stdout) in [(0, b"1\n"), (2, b""), (125, b"")]
    sentence(done.stderr.decode())


@pytest.mark.parametrize("name, path", unsupported())
def test_unknown_version(name, path, folder):
    """Refused with its name and a sentence, and runs to its end unharmed."""
    output = folder / "a.pyro"
    done = command(
        "run", "-q", "-o", output, "--", path, "-c", BUSY + "\nprint('end')\nsys.exit(4)", "0.5",
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, "ready\nend\n")
    said = sentence(done.stderr)
    assert ".".join(name.split(".")[:2]).rstrip("t") in said
    if name.endswith("t"):
        assert "free-threaded" in said
    if output.exists():
        told = report(output)
        assert told["sampling"] is None or told["sampling"]["taken"] == 0


def for_nobody(public, code, *options):
    return subprocess.run(
        [public / "pyrometer", "run", "-o", public / "a.pyro", *options,
         "--", "/usr/bin/python3", "-c", code, "0.5"],
        preexec_fn=as_nobody, cwd=public, timeout=HANG,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip


def usable():
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("no /usr/bin/python3, which every user may run")
    version = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True).stdout
    if tuple(map(int, version.split()[1].split(".")[:2])) < (3, 11):
        pytest.skip(f"/usr/bin/python3 is {version.strip()}, which pyrometer does not read")


def test_ordinary_user(public):
    """Needs no privilege for a program of its own."""
    usable()
    done = for_nobody(public, BUSY, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"ready\n", b"")
    assert report(public / "a.pyro")["sampling"]["taken"] > 100


def asks_nobody(public, *words):
    return subprocess.run(
        [public / "pyrometer", *map(str, words)],
        preexec_fn=as_nobody, cwd=public, timeout=HANG,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip


@contextlib.contextmanager
def of_nobody(public, *words):
    """A program that works until it is killed, with all that it is started by."""
    with subprocess.Popen(
        [*words, "/usr/bin/python3", "-c", BUSY, "1000"],
        preexec_fn=as_nobody, cwd=public, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_ordinary_user_looks(public):
    """attach and dump need none either, but where Yama keeps them to ancestors, which they say."""
    usable()
    yama = Path("/proc/sys/kernel/yama/ptrace_scope")
    allowed = not yama.exists() or yama.read_text() == "0\n"
    with of_nobody(public) as pid:
        dumped = asks_nobody(public, "dump", pid)
        attached = asks_nobody(public, "attach", pid, "-q", "-o", "a.pyro", "--duration", "300ms")
    if allowed:
        assert (dumped.returncode, attached.returncode) == (0, 0)
        assert b"work" in dumped.stdout or b"<module>" in dumped.stdout
        assert dumped.stderr == attached.stdout == attached.stderr == b""
        assert "work" in {row["name"] for row in report(public / "a.pyro")["functions"]}
    else:
        assert (dumped.returncode, attached.returncode) == (125, 125)
        assert b"ptrace_scope" in dumped.stderr and b"ptrace_scope" in attached.stderr


def test_ordinary_user_controls(public):
    usable()
    with of_nobody(public, public / "pyrometer", "run", "-q", "-o", "a.pyro", "--") as pid:
        for word, state in ("off", b"off"), ("on", b"on"), ("flush", b"on"), ("status", b"on"):
            done = asks_nobody(public, "ctl", pid, word)
            assert (done.returncode, done.stderr) == (0, b"")
            assert done.stdout.startswith(b"Sampling is " + state)
        assert report(public / "a.pyro")["sampling"]["taken"] > 0


def test_no_permission(public):
    """A program that may not be looked at: it runs on; the sentence says why and what helps."""
    usable()
    code = "import ctypes; ctypes.CDLL(None).prctl(4, 0)\n" + BUSY  # PR_SET_DUMPABLE
    # From its very start: a copy of the interpreter that may be run but not read.
    python = public / "python3"
    shutil.copy(os.path.realpath("/usr/bin/python3"), python)
    python.chmod(0o111)
    done = subprocess.run(
        [public / "pyrometer", "run", "-q", "-o", public / "a.pyro",
         "--", python, "-c", BUSY, "0.5"],
        preexec_fn=as_nobody, cwd=public, timeout=HANG,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"ready\n")
    said = sentence(done.stderr.decode())
    assert re.search(r"permi|allow", said), said
    assert re.search(r"sudo|ptrace|CAP_SYS_PTRACE|root", said), said
    # ... and one that forbids it while it is sampled
    done = for_nobody(public, code, "-q", "-f")
    assert (done.returncode, done.stdout) == (0, b"ready\n")


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")
def test_other_users_program(public):
    """Root samples a program of another user, and one that has dropped its privileges."""
    usable()
    code = "import os; os.setgid(65534); os.setuid(65534)\n" + BUSY
    words = ["/usr/bin/python3", "-c", code, "0.5"]
    done = command("run", "-q", "-o", public / "a.pyro", "--", *words)
    assert (done.stdout, done.stderr) == ("ready\n", "")
    assert report(public / "a.pyro")["sampling"]["taken"] > 100


@pytest.mark.parametrize(
    "content", [b"", b"x", b"root:x:0:0\n" * 50, b"PYRO", b"PYRO\r\n\x1a\n", b"PYRO\r\n\x1a\n" * 90]
)
def test_not_a_recording(content, folder):
    path = folder / "a.pyro"
    path.write_bytes(content)
    for words in (["report", path], ["report", path, "--json"],
                  ["export", path, "--format", "collapsed"]):  # fmt: skip
        done = command(*words, check=False)
        # A file that is cut within its first bytes may be read as a recording of nothing.
        if done.returncode == 0 and content and b"PYRO\r\n\x1a\n".startswith(content):
            assert words[0] == "export" or re.search("missing|cut|truncated", done.stdout)
            continue
        assert done.returncode in (2, 125), (words, done.stdout, done.stderr)
        assert done.stdout == ""
        assert "a.pyro" in sentence(done.stderr)


def test_no_recording(folder):
    for words in (["report", "nothing.pyro"], ["report", "."], ["report"], ["export"]):
        done = command(*words, cwd=folder, check=False)
        assert done.returncode in (2, 125), (words, done.stdout)
        assert done.stdout == ""
        sentence(done.stderr)


def test_stdout_that_is_closed_or_full(one, folder):
    """A report that nobody can take: no crash, no endless loop, a status that says so."""
    path = folder / "a.pyro"
    run_code(one, BUSY, path, "0.3")
    for words in (["report", path], ["report", path, "--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [PYROMETER, *words], stdout=full, stderr=subprocess.PIPE, timeout=HANG, check=False
            )
        assert done.returncode == 125, words
        sentence(done.stderr.decode())
    done = subprocess.run(
        ["sh", "-c", f"'{PYROMETER}' report '{path}' --json | head -c 1"],
        capture_output=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert done.stdout == b"{"


def test_closed_descriptors(one, folder):
    """Started with 0, 1 and 2 closed: the recording does not become the program's stdout."""
    path = folder / "a.pyro"
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 3)
        code = "import os; os.path.exists('/proc/self/fd/1') and os.write(1, b'x' * 99)"
        os.execve(
            PYROMETER,
            [PYROMETER, "run", "-q", "-o", str(path), "--", one.path, "-c", code],
            environment(),
        )
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status)
    told = command("report", path, "--json", check=False)
    assert told.returncode == 0 and "damage" not in told.stdout


def test_output_is_the_recording(one, folder):
    """An export does not take the recording's place, by whatever name and with -f."""
    path = folder / "a.pyro"
    run_code(one, BUSY, path, "0.2")
    (folder / "link").symlink_to(path)
    before = path.read_bytes()
    for name in (path, folder / "." / "a.pyro", folder / "link"):
        done = command("export", path, "-f", "-o", name, "--format", "collapsed", check=False)
        assert done.returncode == 125 and "recording itself" in sentence(done.stderr)
    assert path.read_bytes() == before


def test_output_is_a_pipe(one, folder):
    """Refused before anything is run: nobody may ever read from it."""
    pipe = folder / "a.pyro"
    os.mkfifo(pipe)
    done = run_code(one, "print(1)", pipe, options=["-f"])
    assert (done.returncode, done.stdout) == (125, b"")
    assert "pipe" in sentence(done.stderr.decode())
