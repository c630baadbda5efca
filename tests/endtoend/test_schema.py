"""The keys of `report --json`: names, types, units, and the sums that must hold."""

import json

import pytest
from harness import command
from running import run_code

CODE = """
import threading, time
def inner():
    x = 0
    for i in range(1000):
        x += i
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        inner()
class Thing:
    def method(self, depth):
        if depth:
            return self.method(depth - 1)
        work(0.3)
thread = threading.Thread(target=work, args=(0.5,), name="second")
thread.start()
Thing().method(5)
thread.join()
"""


def a(*kinds):
    def check(value):
        return type(value) in kinds

    check.__name__ = " or ".join(kind.__name__ for kind in kinds)
    return check


def count(value):
    """A number of something: an integer, not negative."""
    return type(value) is int and value >= 0


def maybe(check):
    def either(value):
        return value is None or check(value)

    either.__name__ = f"{check.__name__} or null"
    return either


def many(check):
    def each(value):
        return type(value) is list and all(map(check, value))

    each.__name__ = f"list of {check.__name__}"
    return each


def nothing(value):
    return value is None


def number(value):
    return type(value) in (int, float) and value >= 0


text = a(str)
TOP = {
    "schema": lambda value: value == "pyrometer.report/1",
    "probes": lambda value: value == ["samples"],
    "command": many(text),
    "exit_status": a(int),
    "ended": lambda value: value == "complete",
    "wall_ns": count,
    "cpu_ns": count,
    "functions": a(list),
    "edges": a(list),
    "lines": a(list),
    "sampling": a(dict),
    "processes": a(list),
    "threads": a(list),
    "waits": a(list),
    "warnings": many(text),
    "findings": a(list),
    "cwd": text,
    "host": text,
    "tool": text,
    "python": text,
    "started_ns": count,
    "sampler_cpu_ns": count,
    "peak_rss_bytes": count,
}
FUNCTION = {
    "id": count,
    "kind": lambda value: value in ("python", "c"),
    "qualname": text,
    "module": maybe(text),
    "file": maybe(text),
    "line": maybe(count),
    # calls are not known from samples: null, never 0
    "calls": nothing,
    "resumes": nothing,
    "prim_calls": nothing,
    "self_ns": count,
    "total_ns": count,
    "self_ns_corrected": nothing,
    "total_ns_corrected": nothing,
    "estimated": lambda value: value is True,
    "samples": count,
    "samples_lo": maybe(number),
    "samples_hi": maybe(number),
    "total_samples": count,
    "total_samples_lo": number,
    "total_samples_hi": number,
    "name": text,
    "moved_samples": count,
}
EDGE = {
    "caller": maybe(count),
    "callee": count,
    "calls": nothing,
    "resumes": nothing,
    "total_ns": count,
    "estimated": lambda value: value is True,
    "total_samples": count,
}
LINE = {
    "function": count,
    "file": text,
    "line": count,
    "hits": nothing,
    "iterations": nothing,
    "self_ns": count,
    "total_ns": count,
    "alloc_bytes": nothing,
    "alloc_count": nothing,
    "live_bytes": nothing,
    "live_count": nothing,
    "peak_bytes": nothing,
    "native_bytes": nothing,
    "estimated": lambda value: value is True,
    "samples": count,
    "total_samples": count,
}
SAMPLING = {
    "rate_hz": number,
    "ticks": count,
    "missed": count,
    "planned_samples": count,
    "discarded": count,
    "taken": count,
    "folded": count,
    "lost": count,
    "moved": count,
    "assumed": count,
    "broken": count,
    "in_view": count,
    "outside": count,
    "ns_per_sample": number,
    "states": lambda value: value.keys() == {"cpu", "gil", "waiting", "idle", "gc"},
}
PROCESS = {
    "pid": count,
    "ppid": count,
    "argv": many(text),
    "python": text,
    "exit_status": maybe(a(int)),
}
WAIT = {
    "function": count,
    "qualname": text,
    "file": text,
    "line": count,
    "source": maybe(text),
    "samples": count,
    "of": count,
    "share": number,
}
STATE = {"samples": maybe(count), "known": count}
THREAD = {
    "id": count,
    "name": maybe(text),
    "process": count,
    "samples": count,
    "watched_ns": count,
    "cpu_ns": maybe(count),
    "run_delay_ns": maybe(count),
    "delays": a(list),
}
DELAY = {"at_ns": count, "over_ns": count, "ran_ns": count, "delayed_ns": count}
FINDING = {
    "kind": text,
    "text": text,
    "function": maybe(count),
    "file": maybe(text),
    "line": maybe(count),
    "samples": count,
    "of": count,
    "share": number,
    "share_lo": number,
    "share_hi": number,
}


def has(row, keys, where):
    """All that the schema names, and nothing that it does not."""
    for key, check in keys.items():
        assert key in row, f"{where} has no {key}"
        assert check(row[key]), f"{where}.{key} is {row[key]!r}"
    assert row.keys() == keys.keys(), f"{where} has {row.keys() - keys.keys()}"


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


@pytest.fixture
def told(python, folder):
    path = folder / "a.pyro"
    done = run_code(python, CODE, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    raw = command("report", path, "--json").stdout
    return json.loads(raw, parse_constant=no_constant)


def test_schema(python, told):
    has(told, TOP, "report")
    for name, keys in [
        ("functions", FUNCTION), ("edges", EDGE), ("lines", LINE), ("processes", PROCESS),
        ("threads", THREAD), ("waits", WAIT), ("findings", FINDING),
    ]:  # fmt: skip
        assert told[name], f"no {name}"
        for i, row in enumerate(told[name]):
            has(row, keys, f"{name}[{i}]")
    has(told["sampling"], SAMPLING, "sampling")
    for name, row in told["sampling"]["states"].items():
        has(row, STATE, f"states.{name}")
    for thread in told["threads"]:
        for i, row in enumerate(thread["delays"]):
            has(row, DELAY, f"delays[{i}]")
    assert told["command"][0] == python.path and told["command"][1] == "-c"
    assert told["processes"][0]["python"].startswith(".".join(map(str, python.version)))
    assert 0.5e9 < told["wall_ns"] < 100e9
    assert 0.2e9 < told["cpu_ns"] < 100e9


def test_sums(told):
    sampling, functions = told["sampling"], told["functions"]
    assert sampling["planned_samples"] == sampling["discarded"] + sampling["taken"]
    assert sampling["missed"] <= sampling["ticks"]
    assert sampling["folded"] + sampling["moved"] <= sampling["taken"]
    assert sum(row["samples"] for row in functions) == sampling["taken"] - sampling["lost"]
    for row in functions:
        assert row["samples"] <= row["total_samples"] <= sampling["taken"]
        assert row["total_samples_lo"] <= row["total_samples"] <= row["total_samples_hi"]
        if row.get("samples_lo") is not None:
            assert row["samples_lo"] <= row["samples"] <= row["samples_hi"]
        assert row["self_ns"] <= row["total_ns"]


def test_references(told):
    ids = [row["id"] for row in told["functions"]]
    assert len(ids) == len(set(ids))
    known = set(ids)
    total = {row["id"]: row["total_ns"] for row in told["functions"]}
    for edge in told["edges"]:
        assert edge["callee"] in known
        assert edge["caller"] is None or edge["caller"] in known
        assert edge["total_ns"] <= total[edge["callee"]]
    for row in told["lines"] + told["waits"]:
        assert row["function"] in known
    pids = {row["pid"] for row in told["processes"]}
    for thread in told["threads"]:
        assert thread["process"] in pids | set(range(len(pids)))


def test_what_it_says(told):
    """The figures of this program, by its own clocks and by hand."""
    rows = {row["qualname"]: row for row in told["functions"]}
    for name in ("inner", "work", "Thing.method", "<module>"):
        assert name in rows
    method, work, inner = rows["Thing.method"], rows["work"], rows["inner"]
    assert (method["kind"], method["file"], method["line"]) == ("python", "<string>", 12)
    # 0.3 s of method, with the other thread's half; work on both threads, 0.8 s
    assert 0.25e9 < method["total_ns"] < 0.6e9
    assert 0.7e9 < work["total_ns"] < 1.6e9
    assert inner["total_samples"] <= work["total_samples"]
    # recursion counts once in a sample
    assert method["total_samples"] <= work["total_samples"]
    edges = {(edge["caller"], edge["callee"]) for edge in told["edges"]}
    assert (work["id"], inner["id"]) in edges
    assert (method["id"], method["id"]) in edges
    assert (method["id"], work["id"]) in edges
    assert any(caller is None for caller, _ in edges)
    assert len(told["threads"]) == 2
    lines = {(line["function"], line["line"]) for line in told["lines"]}
    assert (inner["id"], 6) in lines and (method["id"], 14) in lines


def test_filters(python, folder):
    """--thread and --only as they are in the schema."""
    path = folder / "a.pyro"
    run_code(python, CODE, path)
    whole = json.loads(command("report", path, "--json").stdout)
    only = json.loads(command("report", path, "--json", "--only", "*:work").stdout)
    assert [row["qualname"] for row in only["functions"]] == ["work"]
    threads = whole["threads"]
    parts = [
        json.loads(command("report", path, "--json", "--thread", str(thread["id"])).stdout)
        for thread in threads
    ]

    def rows(told):
        return sum(row["samples"] for row in told["functions"])

    assert rows(whole) == sum(map(rows, parts))
    assert min(map(rows, parts)) > 0


def test_filtered_report_says_so(one, folder):
    """What is in view, of how much; and no sentence about all of the program."""
    path = folder / "a.pyro"
    run_code(one, CODE, path)
    whole = json.loads(command("report", path, "--json").stdout)
    idle = ("--state", "waiting", "--only", "<string>")
    part = json.loads(command("report", path, "--json", *idle).stdout)["sampling"]["in_view"]
    assert 0 < part < whole["sampling"]["in_view"]
    view = f"{part:,} of {whole['sampling']['in_view']:,} samples ("
    for words in (["summary"], ["functions"], ["tree"], ["lines", "work"]):
        done = command("report", path, *idle, *words, check=False)
        assert done.returncode or view in done.stdout
        assert done.returncode or "--only <string> --state waiting" in done.stdout
    said = command("report", path, *idle).stdout
    assert "of that time" in said and "threads' time" not in said.split("view ")[0]
