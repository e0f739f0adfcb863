"""What an exception out of a forward means for the others: memory ran out, or the device is lost.

PyTorch has one class for all that a device may report, most of which leaves it as it was: the words tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from core.errors import JobFailure

NO_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory", "_status_alloc_failed")
"""What the allocators of CUDA and MPS, of Linux and of Windows say in a plain RuntimeError, and CUDA's libraries."""

LOST: Final = (
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "device-side assert",
    "unspecified launch failure",
    "uncorrectable ecc",
    "_status_execution_failed",
)
"""After one of these nothing runs in the process's CUDA context any more (CUDA runtime API, `cudaError_t`)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less work at once may go well."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or says(error, NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Every further call of this process would fail: a worker that went on would fail all that come."""
    return says(error, LOST)


def says(error: BaseException, words: Sequence[str]) -> bool:
    """Whether it is a RuntimeError, as PyTorch's own all are, with one of `words` in its text."""
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def no_memory() -> JobFailure:
    """What the owner of a job is told that does not fit even alone (`out_of_memory`)."""
    return JobFailure("the picture does not fit into this worker's memory", code="out_of_memory")
