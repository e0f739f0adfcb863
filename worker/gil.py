"""How often Python's lock changes hands in a worker.

The engine's thread gives the lock away at each of the hundreds of operations of a forward, and may wait a whole
interval for a busy slot to give it back; 5 ms, as Python has it, is longer than most of the operations.
"""

from __future__ import annotations

import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005


def shorten_switch_interval() -> None:
    """For this process."""
    sys.setswitchinterval(SWITCH_SECONDS)
