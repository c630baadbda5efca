"""Processes that start others, in every way there is.  Each of them tells FILE.PID who it is, works
in a function of its own name for SECONDS and ends.

FILE SECONDS SHAPE [orphan]
"""

import glob
import json
import os
import subprocess
import sys
import time

OUT, SECONDS, SHAPE = sys.argv[1], float(sys.argv[2]), sys.argv[3]


def parent(end):
    while time.perf_counter() < end:
        pass


def child(end):
    while time.perf_counter() < end:
        pass


def grandchild(end):
    while time.perf_counter() < end:
        pass


def work(role, seconds=SECONDS):
    with open(f"{OUT}.{os.getpid()}", "w", encoding="utf-8") as to:
        json.dump({"pid": os.getpid(), "ppid": os.getppid(), "role": role}, to)
    globals()[role](time.perf_counter() + seconds)


def work_as_orphan(role):
    """Nobody waits for it: it tells when it has ended."""
    work(role)
    os.rename(f"{OUT}.{os.getpid()}", f"{OUT}.{os.getpid()}.ended")


def wait_for_orphan():
    while not glob.glob(f"{glob.escape(OUT)}.*.ended"):
        time.sleep(0.01)


def leaf_command(role, *how):
    return [sys.executable, os.path.abspath(__file__), OUT, str(SECONDS), role, *how]


def fork(*then):
    pid = os.fork()
    if pid == 0:
        for each in then:
            each()
        os._exit(0)
    return pid


def child_work():
    work("child")


def forks():
    for pid in [fork(child_work), fork(child_work)]:
        os.waitpid(pid, 0)


def subprocesses():
    subprocess.run(leaf_command("child"), check=True)


def shell():
    command = " ".join(f"'{word}'" for word in leaf_command("child"))
    subprocess.run(f"sleep 0.1; {command}; true", shell=True, check=True)


def nested():
    def middle():
        subprocess.run(leaf_command("grandchild"), check=True)

    os.waitpid(fork(child_work, middle), 0)


def double_fork():
    """The parent of the one that works ends at once."""

    def daemon():
        os.setsid()
        work_as_orphan("grandchild")

    os.waitpid(fork(lambda: fork(daemon)), 0)
    wait_for_orphan()


def double_fork_exec():
    """The same, and then it executes something."""

    def execute():
        os.execv(sys.executable, leaf_command("grandchild", "orphan"))

    os.waitpid(fork(lambda: fork(execute)), 0)
    wait_for_orphan()


def background():
    """What a shell leaves behind."""
    command = " ".join(f"'{word}'" for word in leaf_command("child", "orphan"))
    subprocess.run(f"{command} &", shell=True, check=True)
    wait_for_orphan()


def executes():
    os.waitpid(fork(child_work, lambda: os.execv(sys.executable, leaf_command("child"))), 0)


def hundred():
    """100 children of 30 ms, two at a time."""
    for _ in range(50):
        for pid in [fork(lambda: work("child", 0.03)), fork(lambda: work("child", 0.03))]:
            os.waitpid(pid, 0)


def processes(method):
    import multiprocessing

    context = multiprocessing.get_context(method)
    all_of_them = [context.Process(target=child_work) for _ in range(2)]
    for process in all_of_them:
        process.start()
    for process in all_of_them:
        process.join()


def pool_of(method):
    """Each of the workers works when it begins."""
    import multiprocessing

    workers = multiprocessing.get_context(method).Pool(2, initializer=child_work)
    assert workers.map(abs, [-1, -2]) == [1, 2]
    workers.close()
    workers.join()


def fork_pool():
    pool_of("fork")


def spawn_pool():
    pool_of("spawn")


def pool():
    import concurrent.futures
    import multiprocessing

    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as workers:
        for done in [workers.submit(child_work) for _ in range(4)]:
            done.result()


if __name__ == "__main__":
    if sys.argv[4:] == ["orphan"]:
        work_as_orphan(SHAPE)
    elif SHAPE in ("child", "grandchild"):
        work(SHAPE)
    else:
        work("parent")
        if SHAPE in ("fork", "forkserver", "spawn"):
            processes(SHAPE)
        else:
            globals()[SHAPE]()
