"""Programs that look like a Python, and whose structures point in circles: none hangs pyrometer;
each is refused with a sentence that names it, or read as far as that goes, and runs to its end."""

import shutil
import subprocess
import time

import pytest
from harness import COPY_HEADERS, HANG, PYROMETER, command, pythons
from running import report

SOURCE = """
#define Py_BUILD_CORE 1
#include <Python.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>

_PyRuntimeState _PyRuntime;
const unsigned long Py_Version = PY_VERSION_HEX;
static PyInterpreterState one, two;
static PyThreadState thread, another;
static _PyCFrame entry;
static _PyInterpreterFrame inner, outer;
static PyCodeObject code;

static void interpreters(void)
{
    one.id = 1;
    two.id = 2;
    one.next = &two;
    two.next = &one;
}

/* None of them says that it belongs to the interpreter. */
static void strangers(void)
{
    one.threads.head = &thread;
    thread.next = &another;
    another.next = &thread;
}

static void threads(void)
{
    strangers();
    thread.interp = another.interp = &one;
    thread.native_thread_id = another.native_thread_id = (unsigned long)getpid();
}

static void frames(void)
{
    threads();
    thread.next = NULL;
    thread.cframe = &entry;
    entry.current_frame = &inner;
    inner.f_code = outer.f_code = &code;
    inner.previous = &outer;
    outer.previous = &inner;
}

int main(int argc, char **argv)
{
    _PyRuntime.core_initialized = _PyRuntime.initialized = 1;
    _PyRuntime.interpreters.head = _PyRuntime.interpreters.main = &one;
    switch (argc > 1 ? argv[1][0] : 0) {
    case 'i': interpreters(); break;
    case 's': strangers(); break;
    case 't': threads(); break;
    case 'f': frames(); break;
    }
    puts("ready");
    fflush(stdout);
    getchar();
    return 3;
}
"""
KNOWN = [python for python in pythons() if (3, 11) <= python.version <= (3, 12)]
REFUSED = {"interpreters": "does not end", "strangers": "threads were not found"}


@pytest.fixture(scope="module", params=KNOWN, ids=[python.name for python in KNOWN])
def liar(request, tmp_path_factory):
    """Made with the headers of a version whose layout Pyrometer has to know by itself."""
    folder = tmp_path_factory.mktemp("liar")
    headers = folder / "headers"
    subprocess.run([request.param.path, "-c", COPY_HEADERS, headers], check=True)
    (folder / "liar.c").write_text(SOURCE)
    subprocess.run(
        ["cc", "-w", "-rdynamic", f"-I{headers}", f"-I{headers}/internal", folder / "liar.c",
         "-o", folder / "liar"],
        check=True,
    )  # fmt: skip
    shutil.rmtree(headers)
    return folder / "liar"


@pytest.fixture(params=["interpreters", "strangers", "threads", "frames"])
def lie(request):
    return request.param


def test_attached_to(liar, lie, folder):
    with subprocess.Popen(
        [liar, lie], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            pid = process.pid
            output = folder / "a.pyro"
            done = command("attach", pid, "--duration", "0.5s", "-o", output, check=False)
            dumped = command("dump", pid, check=False)
            told = command("doctor", pid, check=False)
            if lie in REFUSED:
                assert (done.returncode, dumped.returncode, told.returncode) == (125, 125, 1)
                assert REFUSED[lie] in done.stderr and REFUSED[lie] in dumped.stderr
                assert REFUSED[lie] in told.stdout
                assert not output.exists()
            else:
                assert (done.returncode, dumped.returncode, told.returncode) == (0, 0, 0)
                assert "no Python function is running" in dumped.stdout
                assert report(output)["sampling"]["taken"] == 0
        finally:
            process.communicate("\n", timeout=HANG)
    assert process.returncode == 3


def test_started(liar, lie, folder):
    words = [PYROMETER, "run", "-o", folder / "a.pyro", "--", liar, lie]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)  # it is looked at more than once before it is refused
        _, said = process.communicate("\n", timeout=HANG)
    assert process.returncode == 3
    assert REFUSED.get(lie, "") in said
