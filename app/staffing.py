"""Knows how many workers a machine is worth; knows no process and no job.

One engine cannot keep several cores busy: a third of a small model's forward is work for one thread, and threads of
one forward wait for each other at every layer. Two workers, each taking the threads that the other leaves idle
(worker/threads.py), draw more where there is much to do and no slower where there is little.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Final

from core.catalog import Catalog
from core.settings import Settings

SMALL_BYTES: Final = 1_000_000_000
"""Weights on disk that may be loaded twice without asking."""

SHARERS: Final = 2

ACCELERATORS: Final = ("nvidia[0-9]*", "kfd", "dxg")
"""What Linux calls the devices of CUDA, ROCm and of Windows' GPU under WSL."""


def count_workers(settings: Settings, catalog: Catalog) -> int:
    """As many as were asked for; else two where CPU cores draw with a small model, and one anywhere else."""
    if settings.workers:
        return settings.workers
    cores = os.cpu_count() or 1
    if settings.torch_threads or cores < SHARERS or not draws_on_cpu(settings.device) or not is_small(catalog):
        return 1
    return SHARERS


def draws_on_cpu(device: str, devices: Path = Path("/dev")) -> bool:
    """Whether `device` will be the CPU, told without torch: only workers may spend seconds on importing it."""
    if device != "auto":
        return device == "cpu"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return False
    return not any(found for name in ACCELERATORS for found in devices.glob(name))


def is_small(catalog: Catalog) -> bool:
    """Whether the model that is loaded first lies here and is small; a hub's may be anything."""
    folder = catalog.local_folder(catalog.model(None))
    if folder is None:
        return False
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= SMALL_BYTES
