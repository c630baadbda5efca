"""Runs pyrometer on a terminal of its own and says what it showed there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import socket
import struct
import termios
import time

PYROMETER = os.environ["PYROMETER"]
LONG = "import time; print('begin', flush=True); time.sleep(5); print('end')"


def on_terminal(*args: str, typed: dict[float, bytes] | None = None, **environ: str) -> tuple:
    """What the command wrote and the way it ended; `typed` is typed after so many seconds."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(environ)
        os.execv(PYROMETER, [PYROMETER, *args])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    started, text, waiting = time.monotonic(), b"", dict(typed or {})
    while True:
        for moment in [m for m in waiting if time.monotonic() - started > m]:
            os.write(terminal, waiting.pop(moment))
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            text += os.read(terminal, 65536)
        except OSError:  # the last writer has closed it
            break
    return text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


text, status = on_terminal("run", "-c", LONG)
stamp = text.find(b"[pyrometer: ")
print("progress:", text.count(b"[pyrometer: ") in range(1, 4), status)
print(
    "put back and cleared:",
    text.count(b"\x1b7") == text.count(b"\x1b8") > 1,
    text.find(b"\x1b[K\x1b8", stamp) > stamp,
)
text, status = on_terminal("run", "-q", "-c", LONG)
print("quiet:", b"pyrometer" not in text and b"\x1b" not in text)
text, status = on_terminal("run", "-c", LONG, NO_COLOR="1")
print("NO_COLOR:", b"\x1b" not in text)
text, status = on_terminal("run", "-c", "sum(i * i for i in range(3_000_000))")
print("short: no progress", b"[pyrometer" not in text, "colours", b"\x1b[" in text)
link = f"\x1b]8;;file://{socket.gethostname()}{os.path.realpath('links.py')}#1\x1b\\"
with open("links.py", "w") as file:
    print("def work():\n    return sum(i * i for i in range(3_000_000))\nwork()", file=file)
text, status = on_terminal("run", "links.py")
print("links:", link.encode() in text)
text, status = on_terminal("run", "-c", "pass", TERM="dumb")
print("dumb:", b"\x1b" not in text)

caught = """
import sys, time
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("caught")
    sys.exit(9)
"""
text, status = on_terminal("run", "-o", "a.pyro", "-c", caught, typed={1.0: b"\x03"})
print("Ctrl-C:", b"caught" in text, status, os.path.exists("a.pyro"))
text, status = on_terminal(
    "run", "-o", "b.pyro", "-c", "import time; time.sleep(30)", typed={1.0: b"\x03"}
)
print("Ctrl-C not caught:", status, b"KeyboardInterrupt" in text, os.path.exists("b.pyro"))
