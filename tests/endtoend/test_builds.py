"""Other builds than those that are installed: copies of the Pythons, stripped or altered, and one
linked into a program.  None of them says by its name what it is."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import HANG, REPO, command, environment, provided, pythons
from running import BUSY, report, run_code

ABOUT = """
import os, sys, sysconfig
maps = {line.split()[-1] for line in open("/proc/self/maps")}
print(os.path.realpath(sys.executable))
print(sys.base_prefix)
print(next((path for path in maps if os.path.basename(path).startswith("libpython3")), ""))
"""


class Copy:
    """A copy of the interpreter, and of its library if it has one, in the folder."""

    def __init__(self, python, folder):
        told = subprocess.run(
            [python.path, "-c", ABOUT],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
        )
        executable, prefix, library = told.stdout.split("\n")[:3]
        *before, _ = shlex.split(Path(python.path).read_text().splitlines()[-1])[1:-1]
        root = before[1] if before else "/"
        self.files = []
        for path in filter(None, (executable, library)):
            self.files.append(folder / os.path.basename(path))
            shutil.copy(root + path, self.files[-1])
        wrapper = folder / "python"
        words = [*before, str(self.files[0])]
        variables = {"LD_LIBRARY_PATH": folder, "PYTHONHOME": prefix}
        sets = "".join(f"{name}={shlex.quote(str(value))} " for name, value in variables.items())
        wrapper.write_text(f'#!/bin/sh\n{sets}exec {shlex.join(words)} "$@"\n')
        wrapper.chmod(0o755)
        self.path = wrapper

    def is_itself(self):
        """It is the copy that runs, not the one that is installed."""
        told = subprocess.run(
            [self.path, "-c", ABOUT], capture_output=True, text=True, env=environment(), check=True
        )
        executable, _, library = told.stdout.split("\n")[:3]
        return [executable, *filter(None, [library])] == [str(file) for file in self.files]


def shows_work(path):
    told = report(path)
    rows = {row["qualname"]: row for row in told["functions"]}
    assert rows["work"]["total_samples"] > 0.7 * told["sampling"]["taken"] > 70
    return told


def test_stripped(python, folder):
    copy = Copy(python, folder)
    for file in copy.files:
        subprocess.run(["strip", file], check=True)
        sections = subprocess.run(["readelf", "-SW", file], capture_output=True, text=True).stdout
        assert ".dynsym" in sections and ".symtab" not in sections
    assert copy.is_itself()
    done = run_code(copy, BUSY, folder / "a.pyro", "0.5")
    assert (done.returncode, done.stderr) == (0, b"")
    shows_work(folder / "a.pyro")


NEW = [python for python in pythons() if python.version >= (3, 13)]


@pytest.mark.parametrize("new", NEW, ids=[python.name for python in NEW])
def test_free_threaded(new, folder):
    """A build that says of itself that it is free-threaded is refused by name, and runs on."""
    copy = Copy(new, folder)
    marked = 0
    for file in copy.files:
        content = bytearray(file.read_bytes())
        at = content.find(b"xdebugpy")  # cookie, version, free_threaded: _Py_DebugOffsets
        while at >= 0:
            if content[at + 10 : at + 12] == bytes((new.version[1], 3)):
                assert content[at + 16 : at + 24] == bytes(8)
                content[at + 16] = 1
                marked += 1
            at = content.find(b"xdebugpy", at + 1)
        file.write_bytes(content)
    assert marked == 1
    assert copy.is_itself()
    output = folder / "a.pyro"
    done = run_code(copy, BUSY + "\nprint('end')\nsys.exit(4)", output, "0.5")
    assert (done.returncode, done.stdout) == (4, b"ready\nend\n")
    said = done.stderr.decode()
    assert "free-threaded" in said and f"3.{new.version[1]}t" in said and "ordinary build" in said
    assert not output.exists() or not report(output)["functions"]


EMBEDDED = """
#include <Python.h>
int main(int argc, char **argv)
{
    return Py_BytesMain(argc, argv);
}
"""


PLACES = """
import sysconfig as s
print(s.get_config_var("LIBPL"), s.get_path("include"), s.get_config_var("LDVERSION"))
"""


def test_linked_into_a_program(folder):
    """Statically, into one that is position-independent."""
    for python in pythons():
        told = subprocess.run(
            [python.path, "-c", PLACES], capture_output=True, text=True, check=True
        )
        place, headers, version = told.stdout.split()
        library = Path(place) / f"libpython{version}-pic.a"
        if library.exists() and "enter-root" not in Path(python.path).read_text():
            break
    else:
        pytest.skip("no Python of this system has a library to link with, as Debian's has")
    source, program = folder / "program.c", folder / "accounts"
    source.write_text(EMBEDDED)
    machine = Path(place).name.split("-", 2)[-1]  # pyconfig.h is in a folder of its name
    subprocess.run(
        ["cc", "-pie", "-fPIE", "-rdynamic", f"-I{headers}",
         f"-I{Path(headers).parent / machine / Path(headers).name}", source, library,
         "-lm", "-ldl", "-lz", "-l:libexpat.so.1", "-o", program],
        check=True, timeout=HANG,
    )  # fmt: skip
    kind = subprocess.run(["readelf", "-h", program], capture_output=True, text=True).stdout
    assert "DYN (Position-Independent Executable" in kind
    done = run_code(python._replace(path=program), BUSY, folder / "a.pyro", "0.5")
    assert (done.returncode, done.stderr) == (0, b"")
    told = shows_work(folder / "a.pyro")
    assert told["python"].startswith(f"3.{python.version[1]}.")


LATE = """
#include <dlfcn.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    usleep(200000);
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    int (*begin)(int, char **) = library ? dlsym(library, "Py_BytesMain") : 0;
    return begin ? begin(argc, argv) : 99;
}
"""
SHARED = """
import os, sys, sysconfig as s
path = os.path.join(s.get_config_var("LIBDIR"), s.get_config_var("INSTSONAME") or "-")
print(path if os.path.exists(path) else "", sys.base_prefix)
"""


def with_shared_library():
    """(a Python, its library, its prefix)."""
    for python in pythons():
        told = subprocess.run(
            [python.path, "-c", SHARED], capture_output=True, text=True, check=True
        )
        library, prefix = told.stdout.rstrip("\n").split(" ")
        if library and "enter-root" not in Path(python.path).read_text():
            return python, library, prefix
    pytest.skip("no Python of this system has a shared library")


def test_loaded_late(folder):
    """By a program that runs already: it is looked at again, sooner than after a second."""
    python, library, prefix = with_shared_library()
    source, program = folder / "program.c", folder / "late"
    source.write_text(LATE)
    subprocess.run(["cc", f'-DLIBRARY="{library}"', source, "-o", program, "-ldl"], check=True)
    variables = environment(PYTHONHOME=prefix)
    done = run_code(
        python._replace(path=program), BUSY, folder / "a.pyro", "0.5", env=variables, timeout=HANG
    )
    assert (done.returncode, done.stderr) == (0, b"")
    shows_work(folder / "a.pyro")


# Called with two programs, and a third word if the library is to be closed after each.  A module
# that is loaded from a library would keep it: `site`, which may load some, is not run.
TWICE = """
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    for (int life = 1; life <= 2; life++) {
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
        void (*begin)(int) = dlsym(library, "Py_InitializeEx");
        int (*run)(const char *, void *) = dlsym(library, "PyRun_SimpleStringFlags");
        int (*end)(void) = dlsym(library, "Py_FinalizeEx");
        *(int *)dlsym(library, "Py_NoSiteFlag") = 1;
        begin(0);
        if (run(argv[life], 0) != 0 || end() != 0)
            return 99;
        if (argc > 3)
            dlclose(library);
        puts(dlopen(LIBRARY, RTLD_NOW | RTLD_NOLOAD) ? "is there" : "is gone");
        fflush(stdout);
        usleep(300000);
    }
    return 7;
}
"""
LIFE = """
import time
def {0}():
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
{0}()
"""


@pytest.mark.parametrize("after", ["is there", "is gone"])
def test_begins_again(after, folder):
    """An interpreter that ends in a program that goes on, and so may its library, and begins again:
    both lives are seen, and what is there no more does no harm."""
    _, library, prefix = with_shared_library()
    source, program, path = folder / "program.c", folder / "twice", folder / "a.pyro"
    source.write_text(TWICE)
    subprocess.run(["cc", f'-DLIBRARY="{library}"', source, "-o", program, "-ldl"], check=True)
    words = [program, *map(LIFE.format, ("first", "second")), *["close"] * (after == "is gone")]
    variables = environment(PYTHONHOME=prefix)
    done = command("run", "-q", "-o", path, "--", *words, check=False, env=variables)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{after}\n" * 2, "")
    told = report(path)
    assert (told["ended"], told["exit_status"]) == ("complete", 7)
    seen = {row["name"]: row["samples"] for row in told["functions"]}
    assert seen["first"] > 20 and seen["second"] > 20
    assert 1 <= len(told["processes"]) <= 2
    assert {row["pid"] for row in told["processes"]} == {told["processes"][0]["pid"]}


def test_layouts(folder):
    """The table of struct layouts is what the headers here say."""
    versions = {python.version for python in provided()[0]}
    if not versions >= {(3, minor) for minor in range(10, 16)}:
        pytest.skip("not all versions are here")
    made = folder / "layouts.c"
    subprocess.run([REPO / "tools" / "layouts" / "generate", "-o", made], check=True, timeout=HANG)
    assert made.read_text() == (REPO / "src" / "target" / "layouts.c").read_text()
