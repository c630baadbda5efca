"""COUNT threads, each in a function of its own: one is busy, the others sleep, wait for an event,
for a lock or for a queue. Says how long each lived."""

import queue
import threading
import time

from known import ARGUMENTS, SECONDS, burn, codes, get_native_id, perf_counter, tell

COUNT = int(ARGUMENTS[0])
FILE = "<threads>"
WAYS = ("event.wait()", "time.sleep(seconds)", "with lock: pass", "waiting.get()")
TEXT = "".join(
    f"def idle{i}(seconds):  # <- lib\n    {WAYS[i % 4]}  # -> lib\n" for i in range(COUNT - 1)
)
event, lock, waiting = threading.Event(), threading.Lock(), queue.Queue()  # -> lib
space = {"event": event, "time": time, "lock": lock, "waiting": waiting}
exec(compile(TEXT, FILE, "exec"), space)  # -> <module>
lives = []


def busy(seconds):  # <- lib
    end = perf_counter() + seconds
    while perf_counter() < end:
        many()  # -> many
        few()  # -> few


def many():
    burn("many", 0.0006, 0.0010)  # -> burn


def few():
    burn("few", 0.0001, 0.0003)  # -> burn


class Thread(threading.Thread):  # -> Thread
    def run(self):  # = run <- lib
        begin = perf_counter()
        super().run()  # -> lib
        lives.append((self.name, get_native_id(), begin, perf_counter()))  # -> lib


begin = perf_counter()
lock.acquire()
functions = [space[f"idle{i}"] for i in range(COUNT - 1)] + [busy]
threads = [Thread(target=f, args=(SECONDS,), name=f.__name__) for f in functions]  # -> lib
for thread in threads:
    thread.start()  # -> lib
threads[-1].join()  # -> lib
event.set()  # -> lib
for i in range(COUNT - 1):
    if i % 4 == 3:
        waiting.put(1)  # -> lib
lock.release()
for thread in threads:
    thread.join()  # -> lib
tell(
    codes(compile(TEXT, FILE, "exec"), []),
    sources=[[FILE, TEXT]],
    inclusive={"busy": ["many", "few"], "many": ["many"], "few": ["few"]},
    lives=lives,
    idle=[f.__name__ for f in functions[:-1]],
)
