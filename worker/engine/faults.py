"""Knows what an exception out of a forward means for the others: memory ran out, or the device is lost."""

from __future__ import annotations

from typing import Final

import torch

from core.errors import JobFailure

SIGNS: Final = ("out of memory", "can't allocate memory", "not enough memory")
"""What the allocators of CUDA and MPS, of Linux and of Windows say in a plain RuntimeError."""


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def is_device_lost(error: BaseException) -> bool:
    """After an illegal access or a failed assertion on the device every further call of this process fails as well.

    No request is at fault, and a worker that went on would fail all that come: its process has to end.
    """
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def no_memory() -> JobFailure:
    return JobFailure("the picture does not fit into this worker's memory", code="out_of_memory")
