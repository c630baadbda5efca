"""CPython's own tests under `pyrometer run`: the same failures as without it, no more.

A module takes up to a minute, so each runs on one Python, another one every day; in the long run
all run on all.
"""

import datetime
import subprocess
import xml.etree.ElementTree

import harness
import pytest
from harness import LONG, PYROMETER

MODULES = (
    "test_grammar", "test_generators", "test_asyncio", "test_threading", "test_signal",
    "test_subprocess",
)  # fmt: skip
TRIES = 3
MOST = 1200  # seconds of one module


def cells():
    pythons = harness.pythons()
    day = datetime.date.today().toordinal()
    return [
        pytest.param(python, module, id=f"{python.name}-{module}")
        for i, module in enumerate(MODULES)
        for python in (pythons if LONG else pythons[(day + i) % max(1, len(pythons)) :][:1])
    ]


def failures(python, module, folder, *under):
    """(the tests that ran, those of them that failed)"""
    results = folder / "results.xml"
    results.unlink(missing_ok=True)
    done = subprocess.run(
        [*under, python.path, "-m", "test", "--junit-xml", results, module],
        cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=MOST, check=False,
    )  # fmt: skip
    if not results.exists():  # it crashed, or the module cannot be run at all
        return set(), {f"status {done.returncode}: {done.stderr[-2000:]}"}
    ran = list(xml.etree.ElementTree.parse(results).iter("testcase"))
    bad = {case.get("name") for case in ran for child in case if child.tag in ("failure", "error")}
    return {case.get("name") for case in ran}, bad


@pytest.mark.parametrize("interpreter, module", cells())
def test_cpython(interpreter, module, folder):
    """A test that fails now and then has to fail each time with us, and never without, to count."""
    under = [PYROMETER, "run", "-q", "-f", "-o", folder / "a.pyro", "--"]
    ran, left = failures(interpreter, module, folder, *under)
    tries = 1
    while left and tries < TRIES:
        left -= failures(interpreter, module, folder)[1]
        if left:
            left &= failures(interpreter, module, folder, *under)[1]
        tries += 1
    assert not left
    assert len(ran) > 30
    told = harness.Recording(folder / "a.pyro").report
    assert told["sampling"]["taken"] > 0
