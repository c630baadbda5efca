"""`pip install .`, as a user does it: the command, the package, the man pages."""

import subprocess

import harness
import pytest

WHOLE = 600


@pytest.fixture(scope="module")
def installed(one, tmp_path_factory):
    venv = tmp_path_factory.mktemp("install") / "venv"
    for words in (
        [one.path, "-m", "venv", venv],
        [venv / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
         harness.REPO],
    ):  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, timeout=WHOLE, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
    return venv


def said(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_command_and_package_are_one(installed):
    python = installed / "bin/python"
    version = said(python, "-c", "import pyrometer; print(pyrometer.__version__)")
    assert said(installed / "bin/pyrometer", "--version") == f"pyrometer {version}"
    assert said(python, "-m", "pyrometer", "--version") == f"pyrometer {version}"


def test_profiles_its_own_python(installed, folder):
    path = folder / "a.pyro"
    code = "import sys; sum(i * i for i in range(9_000_000)); print(sys.prefix)"
    told = said(installed / "bin/python", "-m", "pyrometer", "run", "-q", "-o", path, "-c", code)
    assert told == str(installed)
    assert "genexpr" in said(installed / "bin/pyrometer", "report", path)


def test_every_command_has_a_man_page(installed):
    pages = {path.name for path in (installed / "share/man/man1").iterdir()}
    commands = {"run", "attach", "dump", "ctl", "report", "export", "doctor"}
    assert pages == {"pyrometer.1"} | {f"pyrometer-{name}.1" for name in commands}
