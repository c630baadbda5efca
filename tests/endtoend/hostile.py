"""A program whose names are an attack on whoever reads its profile: SECONDS [MORE]."""

import sys
import threading
import time

END = time.monotonic() + float(sys.argv[1])
NAMES = {
    "escape": "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "c1": "\x9b31m\x9d0;owned\x9c",
    "newline": "two\nlines\r\rand a bell\x07\x08\x08\x7f",
    "bidi": "abc\u202egnp.exe\u2066x\u2069\u200f\u061c",
    "separators": "a;b c\u2028d\u2029e\u0085f\t(g:1+2) 17",
    "invisible": "a\u200bb\ufeffc\u00ad",
    "quote": "\"}],'\\\\</script><!--",
    "surrogate": "lone \udc9b\ud800 x",
    "long": "x" * 100_000,
    "long wide": "\U0001f600" * 30_000,
    "percent": "%n%s%p%99999d",
    "empty": "",
}
SOURCE = "def f(below):\n    end = clock() + 0.004\n    while clock() < end: pass\n    below()\n"


def make(key, below):
    name = NAMES[key]
    try:
        file = f"/tmp/{name}\udcff\udcfe.py" if key != "surrogate" else name
        code = compile(SOURCE, file, "exec").co_consts[0]
    except (ValueError, UnicodeError):
        code = compile(SOURCE, f"/tmp/{key}.py", "exec").co_consts[0]
    try:
        names = {"co_name": name}
        if hasattr(code, "co_qualname"):  # from 3.11 on
            names["co_qualname"] = name
        code = code.replace(**names)
    except (ValueError, UnicodeError):
        print("not possible:", key)
    function = type(make)(code, {"clock": time.monotonic, "__name__": name})
    return lambda: function(below)


def nothing():
    pass


chain = nothing
for key in NAMES:
    chain = make(key, chain)


def work():
    while time.monotonic() < END:
        chain()


try:  # from 3.14 on a thread's name becomes the kernel's
    thread = threading.Thread(target=work, name=NAMES["escape"])
    thread.start()
    thread.join()
except (ValueError, UnicodeError):
    work()
