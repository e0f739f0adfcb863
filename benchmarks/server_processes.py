"""What the processes of a server take: memory, cores, and whether they have anything left to do.

A server's processes are those that this one has started, and theirs: one server runs at a time.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Final, Self

import psutil

LOOK_SECONDS: Final = 0.25
IDLE_CORES: Final = 0.1
"""Ray's processes and a worker that renews its row use a few hundredths of a core while nobody asks for anything."""
IDLE_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 1200.0
"""For what a server does beside its first answers, such as converting and compiling a large model."""


def megabytes() -> float:
    """The resident memory of all processes of the server, in MiB; pages that they share are counted in each."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may have ended by now
            total += process.memory_info().rss
    return total / 2**20


def cpu_seconds() -> dict[int, tuple[str, float]]:
    """By process id: what it runs (its module where it is Python's), and the CPU seconds that it has used so far."""
    used = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            command = process.cmdline()
            name = command[command.index("-m") + 1] if "-m" in command[:-1] else process.name()
            used[process.pid] = (name, sum(process.cpu_times()[:2]))
    return used


def wait_until_idle() -> None:
    """Until the server has hardly used a core for some seconds, or the patience is at its end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds()
        time.sleep(IDLE_SECONDS)
        after = cpu_seconds()
        used = sum(seconds - before.get(pid, ("", 0.0))[1] for pid, (_, seconds) in after.items())
        # One that has ended meanwhile was at work, and took its seconds with it.
        if used < IDLE_CORES * IDLE_SECONDS and before.keys() <= after.keys():
            return


class PeakMemory(threading.Thread):
    """Looks at the memory of the server's processes until it is left; `peak` is the most that was seen, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self._left = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self.join()

    def run(self) -> None:
        """The thread's body."""
        while not self._left.wait(LOOK_SECONDS):
            self.peak = max(self.peak, megabytes())
