"""Tells the truth about itself, for test_target_process.c: one fact a line on stdout, texts in hex.

Blocks behind `ready`, in Init.__init__, called from outer(), called from the generator whole(),
until its stdin is closed.  With the argument `small`, few code objects.
"""

import importlib.util
import opcode
import sys
import threading

MODULES = (
    "argparse ast asyncio.base_events asyncio.tasks bdb calendar codecs collections configparser "
    "contextlib csv dataclasses datetime difflib dis doctest email.message enum fractions "
    "functools gzip heapq http.client importlib._bootstrap inspect ipaddress json.decoder locale "
    "logging mailbox ntpath optparse os pathlib pdb pickle pickletools platform plistlib "
    "posixpath pprint random re shutil smtplib socket ssl statistics string subprocess tarfile "
    "tempfile textwrap threading tokenize traceback turtle typing unittest.mock urllib.parse uuid "
    "xml.dom.minidom zipfile _pydatetime _pydecimal _strptime"
)


def text(value):
    out = "".join(c if not 0xD800 <= ord(c) < 0xE000 else "\\u%04x" % ord(c) for c in value)
    return out.encode("utf-8").hex() or "-"


def known_positions(code):
    if hasattr(code, "co_positions"):
        return code.co_positions()
    lines = []  # 3.10
    for begin, end, line in code.co_lines():
        lines += [(line, line, None, None)] * ((end - begin) // 2)
    return lines


def positions(code):
    runs = []
    for line, end_line, column, end_column in known_positions(code):
        fact = (
            line or 0,
            end_line or 0,
            0 if column is None else column + 1,
            0 if end_column is None else end_column + 1,
        )
        if runs and runs[-1][1] == fact:
            runs[-1][0] += 1
        else:
            runs.append([1, fact])
    return runs


def tell_code(code):
    runs = positions(code)
    cells = set(code.co_cellvars)
    if hasattr(code, "co_qualname"):  # in 3.10 an argument that is a cell has a slot for each
        cells -= set(code.co_varnames)
    slots = len(code.co_varnames) + len(cells) + len(code.co_freevars)
    print(
        "code",
        "%x" % id(code),
        code.co_firstlineno,
        max([run[1][1] for run in runs] + [0]),
        len(code.co_code),
        slots,
        code.co_stacksize,
        text(code.co_filename),
        text(code.co_name),
        text(getattr(code, "co_qualname", code.co_name)),
        code.co_linetable.hex() or "-",
        ",".join("%d:%d:%d:%d:%d" % (units, *fact) for units, fact in runs),
    )


def walk(code, into):
    into.append(code)
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            walk(const, into)


def stdlib(small):
    codes = []
    for name in MODULES.split()[: 2 if small else None]:
        try:
            spec = importlib.util.find_spec(name)
            source = spec.loader.get_source(name) if spec else None
        except (ImportError, AttributeError):
            continue
        if source:
            walk(compile(source, spec.origin or name, "exec"), codes)
    return codes


def hostile():
    """Code objects whose names and tables are what nobody expects."""
    code = (lambda a, *b, c=1, **d: (a, [x for x in b], c, d)).__code__
    names = [
        "plain",
        "\x1b[31mred\x1b[0m",
        "a\0b",
        "naïve",
        "Ωμέγα",
        "函数",
        "🐍",
        "\udcff\ud800x",
        "",
        "x" * 100_000,
        "é" * 50_000,
        "函" * 40_000,
        "🐍" * 30_000,
        "y" * 300_000,
        "ü" * 200_000,
        "z" * 262_144,
    ]
    for name in names:
        if hasattr(code, "co_qualname"):
            yield code.replace(co_name=name[:50], co_qualname=name, co_filename=name)
        else:  # 3.10
            yield code.replace(co_name=name, co_filename=name)

    class Name(str):
        pass

    yield compile("def f():\n  pass\n", Name("a subclass"), "exec")
    yield compile("def f():\n  pass\n", Name("函 a subclass"), "exec")
    yield code.replace(co_linetable=b"")
    # far columns, long jumps back and forth
    source = "(" * 30 + " " * 5000 + "1\n+\n\n2" + ")" * 30 + "\n" * 70000 + "x=y(1,\n2)"
    yield compile(source, "f", "exec")


class Init:
    def __init__(self, wait):
        if wait:
            print("ready", flush=True)
            sys.stdin.read()


def outer():
    for i in range(300):
        Init(i == 299)


def whole():
    outer()
    yield


def main():
    small = "small" in sys.argv[1:]
    print(
        "version",
        "%d.%d.%d" % sys.version_info[:3]
        + {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info[3], "")
        + ("" if sys.version_info[3] == "final" else str(sys.version_info[4])),
    )
    stop = threading.Event()
    workers = [threading.Thread(target=stop.wait, daemon=True) for _ in range(7)]
    for worker in workers:
        worker.start()
    print("threads", 1 + len(workers))
    kept = stdlib(small) + list(hostile())
    for code in kept:
        tell_code(code)
    for function in [main, outer, Init.__init__, textwrap_dedent(), lambda: 0]:
        print(
            "function", "%x" % id(function), "%x" % id(function.__code__), text(function.__module__)
        )
    for other in [kept, 7, None, main.__code__, Init, len, b"", object(), 2**70]:
        print("other", "%x" % id(other))
    print("native", threading.get_native_id(), "%x" % threading.get_ident())
    returning = ["RETURN_VALUE", "RETURN_GENERATOR", "RETURN_CONST"]
    print("returning", *[opcode.opmap[name] for name in returning if name in opcode.opmap])
    generator = whole()
    print("generator", "%x" % id(generator), "%x" % id(whole.__code__))
    next(generator)


def textwrap_dedent():
    import textwrap

    return textwrap.dedent


main()
