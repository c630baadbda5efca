"""Every truth test runs on every Python that `tools/pythons` provides; the others are named."""

import os
import shutil

import harness
import pytest


def pytest_terminal_summary(terminalreporter):  # the header is left out by -q
    for name, why in sorted(harness.not_tested().items()):
        terminalreporter.write_line(f"not tested: {name}: {why}")


def pytest_generate_tests(metafunc):
    harness.run_on_each(metafunc, harness.pythons())


@pytest.fixture
def folder(tmp_path):
    """A folder for recordings, emptied when the test has passed: they can be large."""
    if not os.access(harness.PYROMETER, os.X_OK):
        pytest.exit(f"{harness.PYROMETER} is not there: run `make` first", returncode=1)
    yield tmp_path
    for path in tmp_path.iterdir():
        if path.is_file():
            path.unlink()
    shutil.rmtree(tmp_path, ignore_errors=True)
