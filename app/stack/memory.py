"""How much memory Linux says this machine has left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

GIB: Final = 2**30
MEMINFO: Final = Path("/proc/meminfo")
WORKER_BYTES: Final = GIB
"""What a worker takes beside its weights, and so the worker of the smallest model altogether."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. What the system would give up for a program counts as available."""

    total: int
    available: int


def read_memory(path: Path = MEMINFO) -> Memory | None:
    """None where the system does not tell it."""
    if not path.exists():
        return None
    rows = dict(row.split(":") for row in path.read_text(encoding="utf-8").splitlines())
    total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return Memory(total, available)
