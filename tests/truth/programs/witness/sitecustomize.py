"""A sampler inside the interpreter, which sees what is there: it runs between two instructions of
the program.  With it the judges are tested without pyrometer.
Writes collapsed stacks to $WITNESS when the interpreter ends."""

import atexit
import collections
import os
import sys
import threading
import time

stacks = collections.Counter()
stop = threading.Event()


def witness():
    mine = threading.get_ident()
    while not stop.is_set():
        for thread, frame in sys._current_frames().items():
            stack = []
            while thread != mine and frame is not None:
                code = frame.f_code
                line = frame.f_lineno or code.co_firstlineno
                if all(ord(c) < 128 for c in code.co_filename):
                    at = f"+{frame.f_lasti}" if frame.f_lasti >= 0 else ""
                    stack.append(f"{code.co_qualname} ({code.co_filename}:{line}{at})")
                frame = frame.f_back
            if stack:
                stacks[";".join(reversed(stack))] += 1
        time.sleep(0.0005)


def finish():
    stop.set()
    thread.join()
    with open(os.environ["WITNESS"], "w", encoding="utf-8") as to:
        for stack, count in stacks.items():
            to.write(f"{stack} {count}\n")


# Long enough for the witness to walk all stacks before another thread asks for its turn.
sys.setswitchinterval(float(os.environ.get("WITNESS_TURN", "0.002")))
thread = threading.Thread(target=witness, daemon=True)
thread.start()
atexit.register(finish)
