"""A sampler inside the interpreter, which sees what is there: it runs between two instructions of
the program.  With it the judges are tested without pyrometer.
Writes collapsed stacks to $WITNESS when the interpreter ends, and to $WITNESS.calls all calls that
were made from and to the programs, each as a stack of two frames."""

import atexit
import collections
import gc
import inspect
import os
import sys
import threading
import time
import types

stacks = collections.Counter()
calls = set()
codes = {}  # by address: those that were seen stay alive
names = {}
stop = threading.Event()


def look(mine):
    """Nothing but the walk, so that it ends before another thread has its turn."""
    for thread, frame in sys._current_frames().items():
        stack = []
        if frame.f_code is see.__code__:
            frame = frame.f_back
        while thread != mine and frame is not None:
            stack.append((frame.f_code, frame.f_lasti))
            frame = frame.f_back
        if stack:
            yield stack


def see(frame, event, _, calls=calls):
    caller = frame.f_back
    if event == "call" and caller is not None:
        calls.add((caller.f_code, caller.f_lasti, frame.f_code, frame.f_lasti))


def witness():
    mine = threading.get_ident()
    while not stop.is_set():
        for stack in list(look(mine)):
            codes.update((id(code), code) for code, _ in stack)
            stacks[tuple((id(code), instruction) for code, instruction in reversed(stack))] += 1
        time.sleep(0.0005)


def name_inside(outer, name):
    """3.10, whose code has no qualified name: of all that is written in a code object."""
    for code in outer.co_consts:
        if isinstance(code, types.CodeType):
            names[code] = name + code.co_name
            within = ".<locals>." if code.co_flags & inspect.CO_OPTIMIZED else "."
            name_inside(code, names[code] + within)


def find_names():
    for each in gc.get_objects():  # what follows knows better: these can be renamed
        if type(each) is types.FunctionType:
            names[each.__code__] = each.__qualname__
            name_inside(each.__code__, each.__qualname__ + ".<locals>.")
    called = {code for call in calls for code in call[::2]}
    for file in {code.co_filename for code in called.union(codes.values())}:
        if os.path.exists(file):
            with open(file, encoding="utf-8") as source:
                name_inside(compile(source.read(), file, "exec"), "")


def token(code, instruction):
    line = code.co_firstlineno
    for begin, end, at in code.co_lines():
        if begin <= instruction < end and at is not None:
            line = at
    at = f"+{instruction}" if instruction >= 0 else ""
    name = code.co_qualname if hasattr(code, "co_qualname") else names.get(code, code.co_name)
    return f"{name} ({code.co_filename}:{line}{at})"


def finish():
    sys.setprofile(None)
    stop.set()
    thread.join()
    if sys.version_info < (3, 11):
        find_names()
    with open(os.environ["WITNESS"], "w", encoding="utf-8") as to:
        for stack, count in stacks.items():
            tokens = [
                token(codes[code], instruction) for code, instruction in stack
                if codes[code].co_filename.isascii()
            ]  # fmt: skip
            if tokens:
                to.write(f"{';'.join(tokens)} {count}\n")
    with open(os.environ["WITNESS"] + ".calls", "w", encoding="utf-8") as to:
        programs = os.path.dirname(os.path.dirname(__file__))
        for caller, at, callee, begin in calls:
            files = caller.co_filename, callee.co_filename
            if any(file.startswith(programs) for file in files) and "".join(files).isascii():
                to.write(f"{token(caller, at)};{token(callee, begin)} 1\n")


# Long enough for the witness to walk all stacks before another thread asks for its turn.
sys.setswitchinterval(float(os.environ.get("WITNESS_TURN", "0.002")))
thread = threading.Thread(target=witness, daemon=True)
thread.start()
atexit.register(finish)
threading.setprofile(see)
sys.setprofile(see)
