"""Code in another interpreter of the process: called by the main thread, then by a second one while
the main thread works in its own."""

import json
import threading
from time import perf_counter

from known import OUT, SECONDS

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

CODE = f"""
from time import perf_counter
def inside():
    end = perf_counter() + {SECONDS}
    while perf_counter() < end:
        pass
inside()
"""


def outside():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        pass


def calls(interpreter):
    run = getattr(interpreters, "run_string", None) or interpreters.exec
    run(interpreter, CODE)


interpreter = interpreters.create()
calls(interpreter)
outside()
thread = threading.Thread(target=calls, args=(interpreter,))
thread.start()
outside()
thread.join()
interpreters.destroy(interpreter)
with open(OUT, "w", encoding="utf-8") as to:
    json.dump({}, to)
