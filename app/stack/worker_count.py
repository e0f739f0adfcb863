"""How many workers a machine is worth.

One engine cannot keep several cores busy: a third of a small model's forward is work for one thread, and threads of
one forward wait for each other at every layer. Two workers, each taking the threads that the other leaves idle
(worker/threads.py), draw more where there is much to do and no slower where there is little. With compiled graphs that
is not so: one worker draws as much as two, and takes half the memory.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

from app.stack.memory import GIB, WORKER_BYTES, read_memory
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.settings import Settings

SHARERS: Final = 2
SMALL_BYTES: Final = GIB
"""Of files: models that may be loaded twice without asking. They take twice as much in the CPU's precision."""

ACCELERATORS: Final = ("nvidia[0-9]*", "kfd", "dxg")
"""What Linux calls the devices of CUDA, ROCm and of Windows' GPU under WSL."""


def count_workers(settings: Settings, catalog: Catalog) -> int:
    """As many as were asked for; else two where torch draws with small models on cores of a CPU, and one elsewhere."""
    if settings.workers:
        return settings.workers
    if draws_on_cpu(settings.device) and compiles(settings):
        return 1
    served = [model for model in catalog.drawing if model.queue == settings.queue]
    shares = threads_adapt(settings) and draws_on_cpu(settings.device) and are_small(served, catalog)
    return SHARERS if shares else 1


def compiles(settings: Settings) -> bool:
    """Whether the workers will draw with compiled graphs, which keep all cores busy by themselves."""
    return settings.backend != "eager" and importlib.util.find_spec("openvino") is not None


def threads_adapt(settings: Settings) -> bool:
    """Whether several workers would leave each other room, and have cores to share."""
    return sys.platform == "linux" and not settings.torch_threads and len(os.sched_getaffinity(0)) >= SHARERS


def draws_on_cpu(device: str, devices: Path = Path("/dev")) -> bool:
    """Whether `device` will be the CPU, told without torch: only workers may spend seconds on importing it."""
    return device == "cpu" or (device == "auto" and not any(any(devices.glob(name)) for name in ACCELERATORS))


def are_small(models: list[Model], catalog: Catalog) -> bool:
    """Whether all of them lie here, and two workers with the largest take half of the free memory at most."""
    folders = [catalog.local_path(model.source) for model in models]
    if None in folders:
        return False  # a hub's may be anything
    largest = max((bytes_in(folder) for folder in folders if folder is not None), default=0)
    memory = read_memory()
    wanted = SHARERS * (WORKER_BYTES + 2 * largest)
    return largest <= SMALL_BYTES and memory is not None and wanted <= memory.available / 2


def bytes_in(folder: Path) -> int:
    """The bytes of all files below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
