"""Leaves the cores that others use to them: how many CPU threads the engine's forwards take, by Linux's /proc.

Threads of one forward wait for each other at every layer. When another process takes one's core, all wait: on two
cores beside one busy process two threads took two to five times as long as on an idle machine, and one thread did not
notice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

STAT: Final = Path("/proc/stat")
SECONDS: Final = 1.0
"""Between two looks."""


@dataclass(frozen=True, slots=True)
class Used:
    """Core-seconds since the machine began, of the `cores` that this process may use: everybody's and its own."""

    cores: int
    by_all: float
    by_us: float


class Threads:
    """Adapts torch's number of threads to what others leave; never more than there were at first.

    `adjust` belongs on the thread that runs the forwards: torch keeps its number of threads by thread.
    """

    def __init__(self, read: Callable[[], Used], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._most = torch.get_num_threads()
        self._used = read()
        self._looked_at = clock()

    def adjust(self) -> None:
        """Take as many threads as others have left idle since the last look, if that is a second ago."""
        passed = self._clock() - self._looked_at
        if passed < SECONDS:
            return
        used = self._read()
        others = (used.by_all - self._used.by_all - (used.by_us - self._used.by_us)) / passed
        self._used, self._looked_at = used, self._looked_at + passed
        wanted = max(1, min(self._most, round(used.cores - others)))
        if wanted != torch.get_num_threads():
            torch.set_num_threads(wanted)


def adaptive_threads() -> Callable[[], None]:
    """What the engine should call between forwards; nothing happens where there is no /proc or only one thread."""
    if not STAT.exists() or torch.get_num_threads() == 1:
        return lambda: None
    return Threads(used).adjust


def used() -> Used:
    """Fields of a line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, … in ticks."""
    mine = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in STAT.read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name in mine:
            user, nice, system = map(int, fields[:3])
            ticks += user + nice + system
    times = os.times()
    return Used(len(mine), ticks / os.sysconf("SC_CLK_TCK"), times.user + times.system)
