"""Small programs that show what a process can show of itself: each ends under `run` as it does
alone, and says the same, byte for byte.  What a process inherits is in test_pass_through.py."""

import subprocess

import harness
import pytest
from harness import HANG, LONG, PYROMETER, environment
from running import report

# In front of each, so that it is sampled when it does what it is about.
WORKS = """
import time
def works():
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
works()
"""
# Name: the interpreter's options, and the program, which leaves out addresses and the numbers of
# processes itself.
PROGRAMS = {
    "fork beside a thread": ("-Walways", """
import os, re, sys, threading, warnings
def show(message, kind, *where):
    print(kind.__name__, re.sub("[0-9]+", "N", str(message)), file=sys.stderr)
warnings.showwarning = show
go = threading.Event()
thread = threading.Thread(target=go.wait)
thread.start()
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
go.set()
"""),
    "left open": ("-Xdev", """
import socket
file = open("/dev/null")
made = socket.socket()
del file, made
"""),
    "warned of when it is compiled": ("-Walways", "print(eval('1 is 1'))"),
    "a warning is an error": ("-Werror", "import warnings; warnings.warn('so')"),
    "asyncio in debug mode": ("", """
import asyncio, logging
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
async def fails():
    1 / 0
async def main():
    asyncio.get_running_loop().slow_callback_duration = 1000
    task = asyncio.create_task(fails(), name="fails")
    await asyncio.sleep(0.01)
    del task
    fails()
asyncio.run(main(), debug=True)
"""),
    "at its end": ("-Xdev", """
import atexit, threading, time, weakref
class Last:
    def __del__(self):
        print("deleted")
def late():
    time.sleep(0.05)
    print("thread")
last, kept = Last(), Last()
weakref.finalize(kept, print, "finalized")
for word in "first", "second":
    atexit.register(print, word)
atexit.register(int, "no number")
threading.Thread(target=late).start()
"""),
    "faulthandler": ("-Xfaulthandler", """
import faulthandler, os, re, threading
there, go = threading.Lock(), threading.Lock()
there.acquire()
go.acquire()
def waits():
    there.release(); go.acquire()
threading.Thread(target=waits).start()
there.acquire()
reading, writing = os.pipe()
faulthandler.dump_traceback(writing, all_threads=True)
print(faulthandler.is_enabled(), re.sub("0x[0-9a-f]+", "0x", os.read(reading, 100000).decode()))
go.release()
"""),
    "nested exceptions": ("", """
def fails(depth):
    try:
        return fails(depth - 1) if depth else 1 / 0
    except ZeroDivisionError as error:
        error.add_note(f"at {depth}")
        raise ValueError(depth) from error
try:
    fails(3)
except ValueError as error:
    raise ExceptionGroup("all", [error, KeyError("other")])
"""),
    "endless recursion": ("", "def again(): again()\nagain()"),
    "exits with a sentence": ("", "import sys; print('out'); sys.exit('a sentence')"),
    "_exit": ("", "import os; print('never flushed'); os._exit(9)"),
    "SIGTERM": ("", """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print("here", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""),
    "SIGTERM with a handler": ("", """
import os, signal, sys
def handler(number, frame):
    print("handled", number, frame.f_lineno)
    sys.exit(5)
signal.signal(signal.SIGTERM, handler)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(100)
"""),
    "KeyboardInterrupt": ("", """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(100)
finally:
    print("interrupted")
"""),
    "alarms in a sleep": ("", """
import signal
count = 0
def handler(number, frame):
    global count
    count += 1
signal.signal(signal.SIGALRM, handler)
for _ in range(3):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.03)
print(count, signal.getitimer(signal.ITIMER_REAL))
"""),
    "threading.excepthook": ("", """
import threading
thread = threading.Thread(target=lambda: 1 / 0, name="fails")
thread.start()
thread.join()
"""),
    "sys.unraisablehook": ("", """
import io, re, sys
class Bad:
    def __del__(self):
        1 / 0
sys.stderr = said = io.StringIO()
Bad()
print(re.sub("0x[0-9a-f]+", "0x", said.getvalue()))
"""),
    "limits": ("", """
import resource
print({name: resource.getrlimit(getattr(resource, name))
       for name in dir(resource) if name.startswith("RLIMIT_")})
"""),
    "where it is": ("", """
import os, sys
print(sys.argv, sys.orig_argv, dict(os.environ), os.getcwd(), sys.flags, os.umask(0), os.nice(0))
for number in os.getpgrp(), os.getsid(0):
    print(number)
print(os.getpgid(os.getppid()) == os.getpgrp(), os.getsid(os.getppid()) == os.getsid(0))
"""),
    "descriptors": ("", """
import fcntl, os, stat
for number in sorted(map(int, os.listdir("/proc/self/fd")))[:-1]:  # the last lists them
    kind = stat.S_IFMT(os.fstat(number).st_mode)
    print(number, kind, fcntl.fcntl(number, fcntl.F_GETFD), fcntl.fcntl(number, fcntl.F_GETFL))
"""),
    "signals": ("", """
import signal
print([(number, signal.getsignal(number)) for number in sorted(signal.valid_signals())])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.sigpending())
"""),
    "the interpreter": ("", """
import gc, os, sys, threading
print(sys.gettrace(), sys.getprofile(), sys.getswitchinterval(), sys.getrecursionlimit())
print([sys.monitoring.get_tool(i) for i in range(6)] if hasattr(sys, "monitoring") else None)
print(gc.isenabled(), gc.get_threshold(), gc.callbacks, sys.get_asyncgen_hooks())
print(sorted(sys.modules), sys.path, len(sys.meta_path), threading.enumerate()[1:])
print(os.listdir("/proc/self/task") == [str(os.getpid())])
print(sorted({line.split()[-1] for line in open("/proc/self/maps") if "/" in line}))
"""),
    "stdin": ("", """
import sys
print(repr(sys.stdin.readline()), sys.stdin.read())
"""),
}  # fmt: skip


FOUND = harness.pythons() if LONG else harness.pythons()[:: max(1, len(harness.pythons()) - 1)]


@pytest.mark.parametrize("each", FOUND, ids=[python.name for python in FOUND])
@pytest.mark.parametrize("name", PROGRAMS)
def test_ends_as_alone(each, name, folder):
    """On the oldest and the newest; in the long run on all."""
    options, code = PROGRAMS[name]
    path, words = folder / "a.pyro", [each.path, *options.split(), "-c", WORKS + code]
    setting = {"input": b"first\nand the rest", "env": environment(), "timeout": HANG}
    alone = subprocess.run(words, capture_output=True, check=False, **setting)
    under = subprocess.run(
        [PYROMETER, "run", "-q", "-o", path, "--", *words],
        capture_output=True, check=False, **setting,
    )  # fmt: skip
    assert under.returncode == alone.returncode
    assert under.stdout == alone.stdout
    assert under.stderr == alone.stderr
    assert under.stdout or under.stderr or name == "_exit"
    assert report(path)["sampling"]["taken"] > 0
