"""Names of a program never reach a terminal raw: escape sequences, control characters, marks that
turn the direction of writing, bytes that are no UTF-8, names of 100 kB."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from harness import HANG, PYROMETER, environment

HERE = Path(__file__).resolve().parent
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e"
# What a terminal may get from us: colours, and links whose address has no control character.
PLAIN = r"[^\x00-\x1f\x7f]*"
ALLOWED = re.compile(rf"\x1b\[[0-9;]*[mK]|\x1b\]8;{PLAIN};{PLAIN}(?:\x1b\\|\x07)")


def check_clean(data, terminal=False, whole=False):
    """`whole`: names may be there in their full length."""
    text = data.decode("utf-8")  # UnicodeDecodeError: raw bytes got through
    if terminal:
        text = ALLOWED.sub("", text).replace("\r\n", "\n").replace("\r", "")
    for character in text:
        if character == "\n":
            continue
        kind = unicodedata.category(character)
        assert kind not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(
            text[max(0, text.index(character) - 100) : text.index(character) + 100]
        )
    assert whole or max(map(len, text.split("\n"))) < 100_000


def on_terminal(words, **options):
    """stdout and stderr of a command that sees a terminal of 100 columns."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", "100"], stdin=slave, check=True)
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, **options)
    os.close(slave)
    data = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        data += more
    os.close(master)
    return process.wait(HANG), data


@pytest.fixture
def place(folder):
    """A folder of a hostile name with the program in it."""
    place = folder / f"dir{EVIL}"
    place.mkdir()
    shutil.copy(HERE / "hostile.py", place / "hostile.py")
    return place


def run(python, place, *options, **more):
    words = [
        PYROMETER, "run", "-o", f"rec{EVIL}.pyro", "-f", *options,
        "--", python.path, "hostile.py", "0.5", EVIL, b"\xff\xfe\x9b",
    ]  # fmt: skip
    return words, {"cwd": place, "env": environment(TERM="xterm-256color"), **more}


def test_hostile_names(python, place):
    words, options = run(python, place)
    done = subprocess.run(words, capture_output=True, timeout=HANG, check=False, **options)
    assert done.returncode == 0, done.stderr
    check_clean(done.stderr)
    assert b"not possible" not in done.stdout
    recording = next(place.glob("*.pyro"))
    for view in ([], ["tree"], ["functions"], ["lines", "hostile.py"], ["--mine"]):
        done = subprocess.run(
            [PYROMETER, "report", recording, *view],
            capture_output=True, timeout=HANG, check=False, **options,
        )  # fmt: skip
        assert done.returncode == 0, (view, done.stderr)
        check_clean(done.stdout)
        check_clean(done.stderr)
    done = subprocess.run(
        [PYROMETER, "report", recording, "--json"], capture_output=True, check=True, **options
    )
    check_clean(done.stdout, whole=True)
    names = {row["qualname"] for row in json.loads(done.stdout)["functions"]}
    assert "\x1b[2J\x1b]0;owned\x07\x1b[31mred" in names  # whole, where it is escaped
    assert len(names) >= 12
    for form in ("collapsed", "speedscope"):
        done = subprocess.run(
            [PYROMETER, "export", recording, "--format", form, "-o", "/dev/stdout", "-f"],
            capture_output=True, timeout=HANG, check=False, **options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        check_clean(done.stdout)
        check_clean(done.stderr)


def test_hostile_names_on_a_terminal(one, place):
    words, options = run(one, place)
    status, data = on_terminal(words, **options)
    assert status == 0
    check_clean(data, terminal=True)
    recording = next(place.glob("*.pyro"))
    for view in ([], ["tree"], ["functions"], ["lines", "hostile.py"]):
        status, data = on_terminal([PYROMETER, "report", recording, *view], **options)
        assert status == 0
        assert data
        check_clean(data, terminal=True)


def test_hostile_arguments(place):
    """Errors name what they were given, and that cleaned."""
    for words in (
        ["report", f"nothing{EVIL}"],
        ["report", "hostile.py", f"view{EVIL}"],
        [f"command{EVIL}"],
        ["run", f"--option{EVIL}", "true"],
        ["run", "--rate", f"{EVIL}", "true"],
        ["run", "-o", "x.pyro", "--", f"./no{EVIL}"],
        ["run", "--python", f"./no{EVIL}", "hostile.py"],
        ["export", f"nothing{EVIL}", "--format", f"{EVIL}"],
        ["report", b"\xff\xfe\x1b[2J"],
    ):
        done = subprocess.run(
            [PYROMETER, *words], capture_output=True, cwd=place, timeout=HANG, check=False
        )
        assert done.returncode in (2, 125, 127), words
        check_clean(done.stdout)
        check_clean(done.stderr)


IMPOSTOR = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(f"\\0pyrometer/{os.getpid()}")
listener.listen()
print("ready", flush=True)
client, _ = listener.accept()
client.recv(100)
client.send(sys.argv[2].encode())
"""


def ask_impostor(owner, **options):
    """`ctl` of a process of the owner that listens in a recorder's place."""
    words = [sys.executable, "-c", IMPOSTOR, str(owner), f"Sampling is {EVIL}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as impostor:
        assert impostor.stdout.readline() == b"ready\n"
        done = subprocess.run(
            [PYROMETER, "ctl", str(impostor.pid), "status"],
            capture_output=True, timeout=HANG, check=False, **options,
        )  # fmt: skip
        impostor.kill()
    check_clean(done.stdout)
    check_clean(done.stderr)
    return done


def test_hostile_recorder():
    done = ask_impostor(os.getuid())
    assert done.returncode == 0
    assert done.stdout.startswith(b"Sampling is \\x1b]0;owned")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_recorder_of_a_stranger():
    """Only root believes what listens as another user."""
    assert ask_impostor(65534).returncode == 0
    done = ask_impostor(65534, user=65533, group=65533, extra_groups=[])
    assert (done.returncode, done.stdout) == (125, b"")


def test_the_check_itself():
    check_clean("plain é\n".encode())
    check_clean(b"\x1b[31mred\x1b[0m \x1b]8;;file:///x\x1b\\x\x1b]8;;\x1b\\", terminal=True)
    for bad in (b"\x1b[2J", "\u202e".encode(), b"\xff", b"\x07", "\x9b".encode(), b"x" * 100_000):
        with pytest.raises((AssertionError, UnicodeDecodeError)):
            check_clean(bad)
        with pytest.raises((AssertionError, UnicodeDecodeError)):
            check_clean(bad, terminal=True)
    with pytest.raises(AssertionError):
        check_clean(b"\x1b[31mred")
