"""What the command promises beside truth: the program passes through untouched, and nothing that
is bad harms.  Most tests run on one Python; `python` means each that pyrometer supports."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "truth"))

import harness  # noqa: E402


def pytest_terminal_summary(terminalreporter):  # the header is left out by -q
    for name, why in sorted(harness.not_tested().items()):
        terminalreporter.write_line(f"not tested: {name}: {why}")


def pytest_generate_tests(metafunc):
    harness.run_on_each(metafunc, harness.pythons())


@pytest.fixture(scope="session")
def one():
    """The Python for what is the same on all: the newest that this machine runs without a root
    folder of its own, for it must be there for other users and signals alike."""
    plain = [p for p in harness.pythons() if b"enter-root" not in Path(p.path).read_bytes()]
    return (plain or harness.pythons())[-1]


@pytest.fixture
def folder(tmp_path):
    if not os.access(harness.PYROMETER, os.X_OK):
        pytest.exit(f"{harness.PYROMETER} is not there: run `make` first", returncode=1)
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def public(folder):
    """A folder and a command that an ordinary user can use."""
    place = Path("/tmp") / f"pyrometer-public-{os.getpid()}"
    place.mkdir()
    shutil.copy(harness.PYROMETER, place / "pyrometer")
    os.chmod(place / "pyrometer", 0o755)
    os.chmod(place, 0o777)
    yield place
    shutil.rmtree(place)
