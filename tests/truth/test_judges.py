"""The judges judged: each must accept what a program can do and find a planted wrong stack."""

import functools
import json
import subprocess

import pytest
from cells import CHAINS
from harness import (
    PROGRAMS,
    Frame,
    Stack,
    environment,
    parse_collapsed,
    parse_list,
    poisson_above,
    poisson_limit,
    provided,
    second_ones,
)
from judge import ChainJudge, GraphJudge, chain_shares, place, share_of, witness_shares


@functools.cache
def told(program, *arguments):
    """What the program tells when nobody looks, on the newest Python (whose code has columns)."""
    python = [p for p in provided()[0] if p.supported][-1]
    made = subprocess.run(
        [python.path, PROGRAMS / program, "/dev/stdout", "0.05", *arguments],
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(made.stdout)


def at(codes, name, file, line, columns=None):
    """A frame at the first instruction on the line, or the one of these columns."""
    for code in codes._by_name[name, file]:
        for unit, (begin, end, *span) in enumerate(code.positions):
            if begin == line and (columns is None or (end == line and tuple(span) == columns)):
                return Frame(name, file, line, 2 * unit)
    raise ValueError(f"no code {name} at {line}")


class Chain:
    """Makes stacks of a chain program."""

    def __init__(self, cell, depth):
        program, chains = CHAINS[cell]
        self.told = told(program, str(depth), str(depth))
        self.judge = ChainJudge(program, self.told["codes"], chains, depth, depth)
        self.program, self.file = program, str(PROGRAMS / program)

    def call(self, mark, name, file=None):
        found = place(name, file or self.program, mark)
        return at(self.judge.codes, name, found.file, found.line, found.columns)

    def top(self, name):
        code = self.judge.codes._by_name[name, self.file][0]
        return at(self.judge.codes, name, self.file, max(code.lines))

    def base(self, depth):
        return [
            self.call("module: go", "<module>"),
            self.call("go: alternate", "go", "chainwork.py"),
            *[self.call("under: recursion", "under", "chainwork.py")] * depth,
            self.call("under: function", "under", "chainwork.py"),
        ]

    def wrong(self, frames):
        return self.judge.judge([Stack(tuple(frames), 1)]).impossible == 1


@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize("cell", sorted(CHAINS))
def test_chains(cell, depth):
    chain = Chain(cell, depth)
    base, (first, second) = chain.base(depth), CHAINS[cell][1]
    a_first, a_second = chain.call("A calls B", "A"), chain.call("A calls D", "A")

    def inner(names, top):
        found = []
        for name in names[1:]:
            found.append(chain.top(name) if name == top else chain.call(f"{name} calls", name))
            if name == top:
                break
        return found

    right = [(a_first, first, top) for top in first[1:]]
    right += [(a_second, second, top) for top in second[1:]]
    for a, names, top in right:
        assert not chain.wrong([*base, a, *inner(names, top)])
    assert not chain.wrong([*base, chain.top("A")])
    # the call sites exchanged, where a chain tells them apart
    if first[1] != second[1]:
        assert chain.wrong([*base, a_second, *inner(first, first[1])])
    assert chain.wrong([*base, a_second, *inner(first, first[-1])])
    assert chain.wrong([*base, a_first, *inner(second, second[-1])])
    # one chain's end on the other's beginning
    mixed = [*base, a_first, *inner(first, first[-1])[:-1], chain.top(second[-1])]
    assert chain.wrong(mixed)
    # a frame too many, one too few, one twice, one not there
    good = [*base, a_first, *inner(first, first[-1])]
    assert not chain.wrong(good)
    assert chain.wrong([*good, good[-1]])
    assert chain.wrong(good[:-2] + good[-1:])
    assert chain.wrong(good[1:])
    if depth:
        assert chain.wrong(good[:2] + good[3:])
    assert chain.wrong([*base[:2], base[2], *base[2:], a_first, *inner(first, first[-1])])
    # a line that the function has not, another instruction than the line's, another column
    assert chain.wrong([*good[:-1], good[-1]._replace(line=1)])
    assert chain.wrong([*good[:-1], good[-1]._replace(instruction=100000)])
    assert chain.wrong([*base, a_first._replace(instruction=0), *good[len(base) + 1 :]])
    verdict = chain.judge.judge([Stack(tuple(good), 7), Stack((*base, a_second), 3)])
    assert verdict[:2] == (10, 0)


def graph(program):
    facts = told(f"constructs/{program}.py")
    return GraphJudge(f"constructs/{program}.py", facts), facts


def line_of(program, text, nth=0):
    lines = (PROGRAMS / "constructs" / f"{program}.py").read_text().splitlines()
    return [n for n, line in enumerate(lines, 1) if text in line][nth]


def test_graph():
    judge, _ = graph("generators")
    file, known = judge.file, str(PROGRAMS / "known.py")
    frame = functools.partial(at, judge.codes)
    module = frame("<module>", file, line_of("generators", "main()  # -> main"))
    main = frame("main", file, line_of("generators", "in doubled(numbers())"))
    doubled = frame("doubled", file, line_of("generators", "in source"))
    numbers = frame("numbers", file, line_of("generators", 'burn("numbers")'))
    burn = frame("burn", known, line_of("../known", "begin = now"))
    assert judge.why_not([module, main, doubled, numbers, burn]) is None
    assert judge.why_not([module, main, doubled]) is None
    assert judge.why_not([module, doubled, numbers, burn])  # a caller left out
    assert judge.why_not([module, main, numbers, doubled, burn])  # the wrong way round
    assert judge.why_not([module, main, burn])  # from a line that does not call it
    assert judge.why_not([main, doubled, numbers, burn])  # no bottom
    assert judge.why_not([module, main, doubled, burn])  # the line of the loop, not of burn
    assert judge.why_not([module, main._replace(line=1)])  # a line that main has not
    assert judge.why_not([module, main._replace(instruction=0)])  # not that line's instruction
    library = Frame("f", "/usr/lib/python3/f.py", 1, 0)
    assert judge.why_not([library]) is None
    assert judge.why_not([library, numbers, burn])  # the library calls nothing here
    assert judge.why_not([module, main, library])
    verdict = judge.judge([Stack((module, main), 5), Stack((module, numbers), 2)])
    assert verdict[:2] == (7, 2)


def test_graph_of_twins():
    judge, _ = graph("twins")
    frame = functools.partial(at, judge.codes)
    module = frame("<module>", judge.file, line_of("twins", "main()  # -> main"))
    first_call = line_of("twins", "first()  # -> first_twin")
    second_call = line_of("twins", "twin()  # -> second_twin")
    first = line_of("twins", 'burn("first twin")')
    second = line_of("twins", 'burn("second twin"')
    for call, twin, right in [
        (first_call, first, True),
        (second_call, second, True),
        (first_call, second, False),
        (second_call, first, False),
    ]:
        stack = [module, frame("main", judge.file, call), frame("twin", judge.file, twin)]
        assert (judge.why_not(stack) is None) == right


def test_collapsed():
    text = "a (b c.py:3+4);f (x) (/p:2.py:12);g (h:5+0) #2 17\n[no Python frame] 4\n"
    stacks, outside = parse_collapsed(text)
    assert outside == 4
    assert stacks == [
        Stack(
            (Frame("a", "b c.py", 3, 4), Frame("f (x)", "/p:2.py", 12, -1),
             Frame("g", "h", 5, 0)),
            17,
        )
    ]  # fmt: skip
    for broken in ("a 1", "a (b:x) 1", "a (b.py:3+4);;g (h:5+0) 1", "a (b.py:3+4)"):
        with pytest.raises(ValueError):
            parse_collapsed(broken)


def test_shares():
    def frame(name):
        return Frame(name, "x.py", 1, 0)

    stacks = [
        Stack((frame("m"), frame("a"), frame("a")), 3),
        Stack((frame("m"), frame("b")), 1),
        Stack((frame("a"),), 50),
    ]
    assert share_of(stacks, "a", "m") == (0.75, 4)
    a, b, c = ("A", "x", 3), ("B", "x", 1), ("D", "x", 2)
    ordered = [((a, b), 3), ((a, c), 1000), ((a,), 7), ((("A", "x", 5), c), 20), ((b,), 9)]
    assert chain_shares(ordered, ("B", 3), ("D", 3)) == (3 / 13, 13)
    assert chain_shares(ordered, ("B", 3), ("D", 5)) == (3 / 13, 13)
    inside = {"3": [900, 30], "5": [7, 10], "6": [0, 500]}
    assert witness_shares(inside, ("B", 3), ("D", 5)) == (0.75, 40)
    assert witness_shares({}, ("B", 3), ("D", 5)) == (0, 0)


def test_chance():
    assert abs(poisson_above(0, 0.1) - 0.0951626) < 1e-6
    assert abs(poisson_above(3, 2.0) - 0.1428765) < 1e-6
    assert poisson_limit(0.1, 1e-7) == 4
    assert poisson_limit(0.0, 1e-7) == 0


def test_list_of_pythons():
    found, missing = parse_list(
        "3.13        /x/3.13/python  3.13.15  -  debian-testing\n"
        "3.13t       /x/3.13t/python  3.13.1  free-threaded  pyenv\n"
        "3.10        /x/3.10/python  3.10.4  -  pyenv  (lacks headers)\n"
        "3.9         /x/3.9/python  3.9.4  -  pyenv\n"
        "3.14t       not tested: none here\n"
    )
    assert [python.supported for python in found] == [True, False, False, False]
    assert missing == {"3.14t": "none here"}
    assert second_ones(found) == []
    own = parse_list("3.10-debian  /usr/bin/python3.10  3.10.2  -  system\n")[0]
    assert [python.name for python in second_ones(found + own)] == ["3.10"]


GRAPHS = [f"constructs/{path.name}" for path in sorted((PROGRAMS / "constructs").glob("*.py"))]
GRAPHS += ["deep.py 500", "shifting.py 0.05", "threads.py 20", "static.py"]


def witnessed(python, folder, program, *arguments):
    """What programs/witness sees of a program, what calls it sees, and what the program tells."""
    turn = "0.002" if "/" in program else "0.02"  # deep stacks take long to walk
    subprocess.run(
        [python.path, PROGRAMS / program, folder / "told", "0.4", *arguments],
        env=environment(
            PYTHONPATH=f"{PROGRAMS / 'witness'}:{PROGRAMS}",
            WITNESS=str(folder / "seen"),
            WITNESS_TURN=turn,
        ),
        check=True,
    )
    stacks, _ = parse_collapsed((folder / "seen").read_text())
    calls, _ = parse_collapsed((folder / "seen.calls").read_text())
    return stacks, calls, json.loads((folder / "told").read_text())


def oldest_and_newest():
    found = [p for p in provided()[0] if p.supported]
    return [
        pytest.param(p, id=p.name) for p in {p.name: p for p in found[:1] + found[-1:]}.values()
    ]


# Few, for a witness that the machine puts to sleep in the middle of a stack sees a torn one too;
# a judge that did not know the program would find most of them impossible.
TORN = 0.05


@pytest.mark.parametrize("program", GRAPHS)
@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_graphs_are_whole(interpreter, program, tmp_path):
    """All that the interpreter itself says to be there is possible."""
    program, *arguments = program.split()
    stacks, calls, facts = witnessed(interpreter, tmp_path, program, *arguments)
    judge = GraphJudge(program, facts)
    wrong = [judge.why_no_call(*call.frames) for call in calls]
    assert len(wrong) >= 5
    assert not any(wrong), "\n".join(filter(None, wrong))
    verdict = judge.judge(stacks)
    assert verdict.samples >= 10
    assert verdict.impossible <= max(2, TORN * verdict.samples), "\n".join(verdict.examples[:5])


@pytest.mark.parametrize("cell", sorted(CHAINS))
@pytest.mark.parametrize("interpreter", oldest_and_newest())
def test_chains_are_whole(interpreter, cell, tmp_path):
    program, chains = CHAINS[cell]
    stacks, _, facts = witnessed(interpreter, tmp_path, program, "5", "5")
    verdict = ChainJudge(program, facts["codes"], chains, 5, 5).judge(stacks)
    assert verdict.samples >= 10
    assert verdict.impossible <= max(2, TORN * verdict.samples), "\n".join(verdict.examples[:5])
