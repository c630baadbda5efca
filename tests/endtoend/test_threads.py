"""Threads have the names that Python gives them, whole, whatever the system is told."""

from running import report, run_code

CODE = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
class Mine(threading.Thread):
    def __init__(self):
        self.set_before_the_others = 1
        super().__init__(name="Mine \\N{LATIN SMALL LETTER E WITH ACUTE}")
    def run(self):
        time.sleep(0.3)
def renamed():
    threading.current_thread().name = "renamed at a length that no system takes"
    time.sleep(0.3)
sleeps = threading.Thread(target=time.sleep, args=(0.3,))
threads = [threading.Thread(target=renamed), sleeps, Mine()]
for thread in threads:
    thread.start()
with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
    pool.submit(time.sleep, 0.3).result()
"""


def test_names(python, folder):
    recording = folder / "a.pyro"
    assert run_code(python, CODE, recording).returncode == 0
    names = [thread["name"] for thread in report(recording)["threads"]]
    renamed = "renamed at a length that no system takes"
    assert sorted(names) == ["MainThread", "Mine \u00e9", "Thread-1 (sleep)", "pool_0", renamed]
