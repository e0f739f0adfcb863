"""The device that a worker of this machine would draw on, and its memory."""

from __future__ import annotations

import os
from typing import Any

import torch

from worker.pipelines.devices import device_named
from worker.pipelines.memory import free_memory


def machine(wanted: str) -> dict[str, Any]:
    """`device`, its `name`, and `total` and `free` bytes of its memory, None where they cannot be told."""
    device = device_named(wanted)
    if device.type == "cuda" and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info(device)
        return {"device": str(device), "name": torch.cuda.get_device_name(device), "total": total, "free": free}
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_PHYS_PAGES" in os.sysconf_names else None
    name = "the CPU" if device.type == "cpu" else device.type
    return {"device": str(device), "name": name, "total": whole, "free": free_memory(torch.device("cpu"))}
