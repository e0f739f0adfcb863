"""Ends a worker whose engine hangs: a stuck kernel cannot be interrupted, only its process can.

The jobs that it held come back by their leases; whoever supervises the process starts it again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

EXIT_HUNG: Final = 70
"""EX_SOFTWARE of sysexits.h."""


def end_process() -> None:
    """Leave at once: nothing that is stuck gets to clean up."""
    os._exit(EXIT_HUNG)


class Watchdog(threading.Thread):
    """Calls `on_hang` when there is work and nothing was heard of it for `limit_seconds`."""

    def __init__(
        self,
        is_busy: Callable[[], bool],
        limit_seconds: float,
        *,
        on_hang: Callable[[], None] = end_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._is_busy = is_busy
        self._limit_seconds = limit_seconds
        self._on_hang = on_hang
        self._clock = clock
        self._heard_at = clock()
        self._stopped = threading.Event()

    def on_activity(self) -> None:
        """The engine said something. Any thread may call it."""
        self._heard_at = self._clock()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def check(self) -> None:
        """Call `on_hang` if the silence has been too long; idle time does not count."""
        if not self._is_busy():
            self.on_activity()
        elif self._clock() - self._heard_at > self._limit_seconds:
            logger.critical("the engine hangs, ending the worker", extra={"seconds": self._limit_seconds})
            self._on_hang()

    def run(self) -> None:
        """The thread's body."""
        while not self._stopped.wait(min(1.0, self._limit_seconds / 4)):
            self.check()
