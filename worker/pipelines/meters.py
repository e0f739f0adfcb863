"""How much memory forwards take on a device, and how much is left."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from worker.contract import Meter
from worker.pipelines.memory import free_memory

STATM: Final = Path("/proc/self/statm")
LOOK_SECONDS: Final = 0.5
"""Between two looks at what the machine has free: a look reads some ten files, and the engine asks at every turn."""


class CudaMeter:
    """The allocator of PyTorch counts to the byte; what it holds unused is free."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = 0

    def start_over(self) -> None:
        """Nothing to note: every forward is counted by itself."""

    def begin(self) -> None:
        """Count from what is allocated now."""
        torch.cuda.reset_peak_memory_stats(self._device)
        self._before = torch.cuda.memory_allocated(self._device)

    def taken(self) -> int:
        """Bytes at the peak since `begin`, beyond what was allocated then."""
        return torch.cuda.max_memory_allocated(self._device) - self._before

    def free(self) -> int | None:
        """Bytes that the driver has free, and those that the allocator holds unused."""
        held = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return (free_memory(self._device) or 0) + held


class ProcessMeter:
    """On the CPU freed blocks stay with the process (`worker.allocator`): what it has grown by is what forwards took.

    That counts all modules together, so it errs to the safe side.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_first = resident_bytes()
        self._free: int | None = None
        self._looked_at = -math.inf

    def start_over(self) -> None:
        """Growth is counted from now on: the allocator has just given back what a dropped model had."""
        self._at_first = resident_bytes()

    def begin(self) -> None:
        """Nothing to note: growth is counted from the start."""

    def taken(self) -> int:
        """Bytes by which the process has grown."""
        return max(0, resident_bytes() - self._at_first)

    def free(self) -> int | None:
        """Bytes that the machine has to give, and those that the process has grown by; None if it does not say."""
        now = self._clock()
        if now - self._looked_at >= LOOK_SECONDS:
            available = free_memory(torch.device("cpu"))
            self._free = None if available is None else available + self.taken()
            self._looked_at = now
        return self._free


def meter_of(device: torch.device) -> Meter | None:
    """The meter of `device`; None where the platform does not count."""
    if device.type == "cuda":
        return CudaMeter(device)
    return ProcessMeter() if device.type == "cpu" and STATM.exists() else None


def resident_bytes() -> int:
    """The resident set of this process (proc(5), `statm`)."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
