"""Which stacks can be: the judges of the truth tests.

They know the programs' sources (where a call is written, by a mark in a comment), the position
table that the program's own Python gives for its code, and nothing of pyrometer's.
tests/truth/test_judges.py plants wrong stacks and sees that each judge finds them.
"""

import collections
import functools
from typing import NamedTuple

from harness import PROGRAMS, show

# ---- code --------------------------------------------------------------------------------------


class Code(NamedTuple):
    name: str
    file: str
    first: int
    positions: tuple  # of each two bytes of instructions: (line, end_line, column, end_column)
    lines: frozenset


class Codes:
    """The code objects of a program, as its own Python compiled them."""

    def __init__(self, table):
        self._by_name = collections.defaultdict(list)
        self.files = set()
        for entry in table:
            positions = tuple(tuple(position) for position in entry["positions"])
            lines = {line for line, *_ in positions if line is not None} | {entry["first"]}
            code = Code(entry["name"], entry["file"], entry["first"], positions, frozenset(lines))
            self._by_name[code.name, code.file].append(code)
            self.files.add(code.file)

    def of(self, frame):
        """The code objects that can be at this frame's line with this frame's instruction."""
        return [code for code in self._by_name[frame.name, frame.file] if fits(code, frame)]


def fits(code, frame):
    if frame.instruction < 0:
        return frame.line == code.first
    unit, odd = divmod(frame.instruction, 2)
    if odd or unit >= len(code.positions):
        return False
    line = code.positions[unit][0]
    if not line:  # the first instruction of a module, clean-ups: 0, or any line of the function
        return frame.line in code.lines | {0}
    return frame.line == line


def position(code, frame):
    return code.positions[frame.instruction // 2] if frame.instruction >= 0 else None


# ---- places in a source, by their marks --------------------------------------------------------


class Place(NamedTuple):
    """A call in a program: the file, the line and where in it the call is written."""

    name: str  # of the function it is in
    file: str
    line: int
    columns: tuple  # of the whole call, from 0


def place(name, file, mark, call=None):
    """The one line of `file` that ends with `# mark`; the call is `call`, else all before it."""
    path = str(PROGRAMS / file)
    found = []
    for number, text in enumerate((PROGRAMS / file).read_text().splitlines(), 1):
        if text.endswith("# " + mark):
            code = text[: text.index("  #")]
            written = call or code.strip().removeprefix("return ").split(" = ")[-1]
            written = written.split(" += ")[-1]
            begin = code.index(written)
            found.append(Place(name, path, number, (begin, begin + len(written))))
    if len(found) != 1:
        raise ValueError(f"{file}: {len(found)} lines marked {mark!r}")
    return found[0]


# ---- chains ------------------------------------------------------------------------------------


class ChainVerdict(NamedTuple):
    samples: int  # with A on the stack, below it the whole recursion
    impossible: int
    examples: list


class ChainJudge:
    """Stacks of a program that works on chainwork.py.

    Every stack that holds a function of the program must be the beginning of one of the chains that
    the source can make, each frame but the last at the very call, in line and columns.
    """

    def __init__(self, program, table, chains, lowest, highest):
        self.codes = Codes(table)
        self.file = str(PROGRAMS / program)
        self.work = str(PROGRAMS / "chainwork.py")
        self.depths = range(lowest, highest + 1)
        module = place("<module>", program, "module: go")

        def work(name, mark):
            return place(name, "chainwork.py", mark)

        self.recursion = work("under", "under: recursion")
        above = {}
        for mark, names, call in zip(("first", "second"), chains, "BD", strict=True):
            calls = [place("A", program, f"A calls {call}")]
            calls += [place(name, program, f"{name} calls") for name in names[1:-1]]
            above[mark] = [*calls, names[-1]]
        self.legal = []
        for mark in ("first", "second"):
            tail = above[mark]
            under = [work("go", "go: alternate"), work("under", "under: function")]
            self.legal.append([module, *under, *tail])
            self.legal.append([module, work("go", "go: warm up"), *tail])
        self.calls = tuple((calls[1], above[mark][0].line) for mark, calls in
                           zip(("first", "second"), chains, strict=True))  # fmt: skip

    def _at_call(self, frame, place):
        if (frame.name, frame.file, frame.line) != place[:3]:
            return False
        known = [position(code, frame) for code in self.codes.of(frame)]
        wanted = (place.line, place.line, *place.columns)
        return any(
            at == wanted or (at and at == (place.line, place.line, None, None)) for at in known
        )

    def _begins(self, frames, chain):
        if len(frames) > len(chain):
            return False
        top, expected = frames[-1], chain[len(frames) - 1]
        name = expected if isinstance(expected, str) else expected.name
        file = self.file if isinstance(expected, str) else expected.file
        if (top.name, top.file) != (name, file) or not self.codes.of(top):
            return False
        return all(map(self._at_call, frames[:-1], chain))

    def _without_recursion(self, frames):
        """The stack less its calls of `under` by `under`, and how many these were."""
        inner = [
            i for i, (frame, above) in enumerate(zip(frames, frames[1:], strict=False))
            if frame.name == above.name == "under" and frame.file == above.file == self.work
            and self._at_call(frame, self.recursion)
        ]  # fmt: skip
        kept = [frame for i, frame in enumerate(frames) if i not in set(inner)]
        return kept, len(inner)

    def possible(self, frames):
        kept, depth = self._without_recursion(frames)
        if any(frame.name == "A" for frame in kept) and any(f.name == "under" for f in kept):
            if depth not in self.depths:
                return False
        elif depth > self.depths[-1]:
            return False
        return any(self._begins(kept, chain) for chain in self.legal)

    def judge(self, stacks):
        samples = impossible = 0
        examples = []
        for frames, count in stacks:
            if not any(f.file == self.file and f.name != "<module>" for f in frames):
                continue
            if not self.possible(frames):
                impossible += count
                examples.append(f"{count} x {show(frames)}")
            names = {frame.name for frame in frames}
            samples += count if {"A", "under"} <= names else 0
        return ChainVerdict(samples, impossible, examples)


CAP = 10


def chain_shares(in_order, first, second):
    """(share of the first chain, of how many) of samples in order; a chain: (what A calls, the
    line it calls it from).

    The program changes its state every microsecond, so that CAP samples in a row of one state are
    a machine that holds it still: they count as CAP.  Nothing is known from them about its time,
    and the program's witness, which is held as well, does not count them either.
    """
    counts = {first: 0, second: 0}

    @functools.cache
    def calls(frames):
        return [
            (above[0], line)
            for (name, _, line), above in zip(frames, frames[1:], strict=False)
            if name == "A" and (above[0], line) in counts
        ]

    for frames, times in in_order:
        for call in calls(frames):
            counts[call] += min(times, CAP)
    total = sum(counts.values())
    return counts[first] / max(1, total), total


def witness_shares(inside, first, second):
    """(share of the first chain, of how many) of what the program's own witness saw."""
    counts = [inside.get(str(line), (0, 0))[1] for _, line in (first, second)]
    return counts[0] / max(1, sum(counts)), sum(counts)


# ---- graphs ------------------------------------------------------------------------------------


def last_part(qualname):
    """f.<locals>.<listcomp> may be called <listcomp> in a comment."""
    return qualname.rpartition(".")[2]


class GraphVerdict(NamedTuple):
    samples: int
    impossible: int
    examples: list


class GraphJudge:
    """Stacks of any other program: every frame at a line where its code can be, and every call
    one that a comment in the source declares.

        thing()  # -> thing            this line calls `thing` (several names, with blanks between)
        sorted(x, key=f)  # -> lib f   ... or a function of the standard library
        def f():  # <- lib             the standard library may call f
        def f():  # = other_f          what f is called in these comments, if not by its qualname
                                       or the last part of that
        @cached  # = f -> lib          ... and what the line calls, where it is a decorator's

    A comment on the lines of a decorator stands for the first line of its function.
    """

    def __init__(self, program, told):
        self.codes = Codes(told["codes"])
        self.file = str(PROGRAMS / program)
        self.known = str(PROGRAMS / "known.py")
        self.calls = collections.defaultdict(set)
        self.labels = {}
        self.from_library = set()
        self._read(self.file, (PROGRAMS / program).read_text())
        for file, text in told.get("sources", ()):
            self._read(file, text)

    def _read(self, file, text):
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith(("import ", "from ")):
                self.calls[file, number].add("lib")
            _, _, comment = line.partition("  # ")
            if comment.startswith("-> "):
                self.calls[file, number].update(comment[3:].split())
            elif comment.startswith("<- lib"):
                self.from_library.add((file, number))
            elif comment.startswith("= "):
                words = comment[2:].split()
                self.labels.setdefault((file, number), set()).add(words[0])
                if words[1:3] == ["<-", "lib"]:
                    self.from_library.add((file, number))
                if "->" in words:
                    self.calls[file, number].update(words[words.index("->") + 1 :])

    def _is_mine(self, frame):
        return frame.file in self.codes.files and frame.file != self.known

    def _labels(self, frame):
        found = set()
        for code in self.codes.of(frame):
            found |= self.labels.get((code.file, code.first), {code.name, last_part(code.name)})
        return found

    def _called(self, caller, callee):
        if self._is_mine(caller):
            allowed = self.calls[caller.file, caller.line]
            if caller.name == "<module>" and callee.name in ("<listcomp>", "<genexpr>"):
                return True
            if self._is_mine(callee):
                return bool(allowed & self._labels(callee))
            if callee.file == self.known:
                told = caller.name in ("<module>", "<listcomp>") and callee.name != "burn"
                return told or callee.name in allowed
            return "lib" in allowed
        if self._is_mine(callee):
            return any(
                (code.file, code.first) in self.from_library for code in self.codes.of(callee)
            )
        return callee.file != self.known or callee.name != "burn"

    def why_not(self, frames):
        """None, or what is impossible about this stack."""
        for frame in frames:
            if frame.file in self.codes.files and not self.codes.of(frame):
                return f"{show([frame])}: its code is never there"
        bottom = frames[0]
        if self._is_mine(bottom) and bottom.name != "<module>" and not self._called(
            bottom._replace(file="", name=""), bottom
        ):  # fmt: skip
            return f"{show([bottom])}: at the bottom"
        for caller, callee in zip(frames, frames[1:], strict=False):
            why = self.why_no_call(caller, callee)
            if why:
                return why
        return None

    def why_no_call(self, caller, callee):
        """None, or that no comment declares this call."""
        if self._called(caller, callee):
            return None
        return f"{show([caller])} does not call {show([callee])}"

    def judge(self, stacks):
        samples = impossible = 0
        examples = []
        for frames, count in stacks:
            samples += count
            why = self.why_not(frames)
            if why:
                impossible += count
                examples.append(f"{count} x {why}: {show(frames)}")
        return GraphVerdict(samples, impossible, examples)


# ---- shares ------------------------------------------------------------------------------------


def share_of(stacks, name, within, file_end=""):
    """The share of the samples with `name` on the stack among those with `within` on it, and how
    many these are.  A name may be given as name:line."""
    having = total = 0
    name, _, line = name.partition(":")
    for frames, count in stacks:
        if any(frame.name == within for frame in frames):
            total += count
            if any(
                frame.name == name and frame.file.endswith(file_end)
                and (not line or frame.line == int(line))
                for frame in frames
            ):  # fmt: skip
                having += count
    return (having / total if total else 0.0), total
