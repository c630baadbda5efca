#!/usr/bin/env python3
"""Servers under load, with and without `pyrometer run`: is every worker seen, does a request fail,
what happens to the slowest ones?

    tests/servers/try_servers.py [NAME...]      gunicorn uvicorn django celery xdist

Each is started twice in turns A B B A, reloaded in the middle as its users do (HUP, or a file that
changes), and stopped.  Not part of `make test`: it asks a real machine for a real time, and needs
build/venvs/servers, which it makes.  Exit status 1 if a worker was not seen, a request failed, or
nobody new answered after the reload.
"""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PYROMETER = os.environ.get("PYROMETER") or str(REPO / "build" / "pyrometer")
VENV = REPO / "build" / "venvs" / "servers"
PACKAGES = [
    "gunicorn==23.0.0", "uvicorn==0.34.0", "watchfiles==1.0.4", "django==5.1.5", "celery==5.4.0",
    "pytest==8.3.4", "pytest-xdist==3.6.1",
]  # fmt: skip
PORT = 18473
CLIENTS = 2
SECONDS = 10.0  # of load
RELOAD = 3.0  # after its begin
GAP = 5.0  # after the reload: time for it to be noticed, and for the program to be loaded anew
START = 30.0  # until the first answer

WORK = """
import os
def work():
    total = 0
    for i in range(20000):
        total += i * i
    return str(os.getpid()).encode()
"""
FILES = {
    "gunicorn": {"app.py": WORK + """
def app(environ, start):
    body = work()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""},
    "uvicorn": {"app.py": WORK + """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = work()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""},
    "django": {"app.py": WORK + """
import sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
urlpatterns = [path("", lambda request: HttpResponse(work()))]
if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""},
    "celery": {"tasks.py": WORK + """
import celery
here = os.environ["QUEUE"]
app = celery.Celery("tasks", broker="filesystem://", backend="file://" + here)
app.conf.broker_transport_options = {
    "data_folder_in": here, "data_folder_out": here, "control_folder": here + "/control"}
app.conf.worker_hijack_root_logger = False
@app.task
def do():
    return work().decode()
""", "client.py": """
import json, sys, time, tasks
end, pids, times, failed = time.monotonic() + float(sys.argv[1]), set(), [], 0
while time.monotonic() < end:
    begin = time.monotonic()
    try:
        pids.add(int(tasks.do.delay().get(timeout=20)))
    except Exception as error:
        print(error, file=sys.stderr)
        failed += 1
    times.append(time.monotonic() - begin)
print(json.dumps([sorted(pids), times, failed]))
"""},
    "xdist": {"test_work.py": WORK + """
import pytest
@pytest.mark.parametrize("i", range(400))
def test_work(i):
    pid = work().decode()
    with open(os.environ["QUEUE"] + "/pids", "a") as file:
        file.write(pid + "\\n")
"""},
}  # fmt: skip
COMMANDS = {
    "gunicorn": ["gunicorn", "-w", "2", "-b", f"127.0.0.1:{PORT}", "app:app"],
    "uvicorn": ["uvicorn", "--reload", "--log-level", "warning", "--port", str(PORT), "app:app"],
    "django": ["python", "app.py", "runserver", f"127.0.0.1:{PORT}"],
    "celery": ["celery", "-A", "tasks", "worker", "-c", "2", "-l", "error", "-P", "prefork"],
    "xdist": ["pytest", "-q", "-n", "2", "-p", "no:cacheprovider"],
}
# These drop the listening socket, and what they were answering, while they load the program anew: a
# connection that is refused, reset or cut short then is theirs, with or without us, and made again.
RELOADS_WITH_A_GAP = {"uvicorn", "django"}


def prepare():
    if (VENV / "bin" / "celery").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([VENV / "bin" / "pip", "install", "-q", *PACKAGES], check=True)


class Load:
    """Requests by CLIENTS threads, one connection each."""

    def __init__(self):
        self.answers, self.times, self.errors = [], [], []
        self.end = time.monotonic() + SECONDS
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while time.monotonic() < self.end:
            begin = time.monotonic()
            try:
                self.answers.append((ask(), begin))
                self.times.append(time.monotonic() - begin)
            except OSError as error:
                self.errors.append((error, begin))
                time.sleep(0.02)

    def pids(self):
        return {pid for pid, _ in self.answers}

    def failed(self, reloaded, with_a_gap):
        """What went wrong, where the reload was asked for at that time."""
        before = {pid for pid, begin in self.answers if begin < reloaded}
        failed = [] if self.pids() - before else ["nobody new answered after the reload"]
        for error, begin in self.errors:
            of_the_gap = isinstance(error, (ConnectionRefusedError, ConnectionResetError))
            if not (with_a_gap and of_the_gap and reloaded - 1 < begin < reloaded + GAP):
                failed.append(repr(error))
        return failed

    def join(self):
        for thread in self.threads:
            thread.join()


def ask():
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        if not body:
            raise ConnectionResetError("cut short before the body")
        return int(body)
    except ConnectionResetError:  # one kind of them is an HTTPException too
        raise
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(repr(error)) from error
    finally:
        connection.close()


def wait_for_answer():
    end = time.monotonic() + START
    while True:
        try:
            return ask()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)


def main_process(process, wrapped):
    """The server's own: our child, or the recorder's."""
    if not wrapped:
        return process.pid
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        children = [int(word) for word in file.read().split()]
    for child in children:  # the other is the recorder's own, for signals
        with open(f"/proc/{child}/comm") as file:
            if not file.read().startswith("pyrometer"):
                return child
    raise AssertionError("the recorder has started nothing")


def reload(name, folder, pid):
    if name == "gunicorn":
        os.kill(pid, signal.SIGHUP)
    else:
        with open(folder / "app.py", "a", encoding="utf-8") as file:
            file.write("\n")


def once(name, wrapped):
    """(pids that worked, seconds of each request, failures, recording's pids with samples)."""
    with tempfile.TemporaryDirectory(prefix="pyrometer-servers-") as text:
        folder = Path(text)
        for file, content in FILES[name].items():
            (folder / file).write_text(content, encoding="utf-8")
        (folder / "queue" / "control").mkdir(parents=True)
        bin = VENV / "bin"
        words = [str(bin / COMMANDS[name][0]), *COMMANDS[name][1:]]
        if wrapped:
            words = [PYROMETER, "run", "-q", "-o", "rec.pyro", "--", *words]
        process = subprocess.Popen(
            words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"QUEUE": str(folder / "queue"), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        begin = time.monotonic()
        if name == "xdist":
            status = process.wait()
            pids = set(map(int, (folder / "queue" / "pids").read_text().split()))
            times, failed = [time.monotonic() - begin], [f"status {status}"] if status else []
        elif name == "celery":
            client = subprocess.run(
                [bin / "python", "client.py", str(SECONDS)], cwd=folder, capture_output=True,
                text=True, env=os.environ | {"QUEUE": str(folder / "queue")},
            )  # fmt: skip
            pids, times, count = json.loads(client.stdout)
            failed = [client.stderr] if count else []
            process.terminate()
            if status := process.wait():
                failed.append(f"status {status}")
        else:
            wait_for_answer()
            load = Load()
            time.sleep(RELOAD)
            reloaded = time.monotonic()
            reload(name, folder, main_process(process, wrapped))
            load.join()
            pids, times = load.pids(), load.times
            failed = load.failed(reloaded, name in RELOADS_WITH_A_GAP)
            process.terminate()
            process.wait()
        seen = set()
        if wrapped:
            told = subprocess.run(
                [PYROMETER, "report", folder / "rec.pyro", "--json"],
                capture_output=True,
                check=True,
            )
            threads = json.loads(told.stdout)["threads"]
            seen = {thread["process"] for thread in threads if thread["samples"] > 0}
        return set(pids), times, failed, seen


def p99(times):
    return statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]


def main():
    prepare()
    bad = False
    for name in sys.argv[1:] or COMMANDS:
        times, unseen, failed, workers = {False: [], True: []}, set(), [], 0
        for wrapped in (False, True, True, False):
            pids, each, failures, seen = once(name, wrapped)
            times[wrapped].append(p99(each))
            failed += [f"{'with' if wrapped else 'without'}: {why}" for why in failures]
            if wrapped:
                workers += len(pids)
                unseen |= pids - seen
        with_us, without = (statistics.mean(times[wrapped]) for wrapped in (True, False))
        print(
            f"{name}: {workers - len(unseen)} of {workers} workers seen, {len(failed)} failures, "
            f"p99 {without * 1e3:.1f} ms alone, {with_us * 1e3:.1f} ms under run "
            f"({with_us / without - 1:+.1%})",
            flush=True,
        )
        for why in failed[:3]:
            print(f"  {why}")
        bad |= bool(unseen) or bool(failed)
    return bad


if __name__ == "__main__":
    sys.exit(main())
