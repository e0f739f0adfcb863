"""Tells glibc's allocator what to do with the large blocks that tensors on a CPU are.

Left alone it gives every large block back to the system when it is freed and asks for it anew at the next layer: each
forward then spends its time in page faults, the more the larger its batch (measured on the bundled model: decoding
eight pictures took half as long again).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_TOP_PAD: Final = -2
M_MMAP_MAX: Final = -4
"""Names and numbers of malloc.h."""

NEVER: Final = 2**31 - 1
STEP_BYTES: Final = 64 * 2**20
"""The heap grows by at least this much at a time."""


def keep_freed_memory() -> bool:
    """Let this process reuse freed blocks of any size instead of giving them back; false where it is not glibc's."""
    libc = glibc()
    if libc is None:
        return False
    wanted = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER, M_TOP_PAD: STEP_BYTES}
    return all([libc.mallopt(name, value) == 1 for name, value in wanted.items()])


def give_memory_back() -> None:
    """Give all that is free back to the system: after a model has left, say."""
    libc = glibc()
    if libc is not None:
        libc.malloc_trim(0)


def free() -> None:
    """Give back what nobody holds. Models hold themselves in cycles: they would stay until some later collection."""
    gc.collect()
    give_memory_back()


def glibc() -> ctypes.CDLL | None:
    """The C library of this process, if it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
