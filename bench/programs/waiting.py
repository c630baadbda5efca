"""waiting.py THREADS SECONDS: threads that wait, a dozen frames deep, and a main one that sleeps."""

import sys
import threading
import time


def waits(event):
    event.wait()


def descend(depth, event):
    if depth:
        descend(depth - 1, event)
    else:
        waits(event)


def main():
    never = threading.Event()
    for _ in range(int(sys.argv[1])):
        threading.Thread(target=descend, args=(10, never), daemon=True).start()
    time.sleep(float(sys.argv[2]))


main()
