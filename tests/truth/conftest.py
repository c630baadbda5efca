"""Every truth test runs on every version of Python that `tools/pythons` provides; the others are
named.  A second Python of one version (3.11-debian beside 3.11) is left to the long run.
"""

import os
import shutil

import harness
import pytest


def pytest_report_header(config):
    lines = [f"not tested: {name}: {why}" for name, why in sorted(harness.not_tested().items())]
    left = [python.name for python in harness.pythons() if python not in tested()]
    return lines + [f"not tested here but in the long run: {name}" for name in left]


def tested():
    found = harness.pythons()
    return [python for python in found if harness.LONG or "-" not in python.name]


def pytest_generate_tests(metafunc):
    harness.run_on_each(metafunc, tested())


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
