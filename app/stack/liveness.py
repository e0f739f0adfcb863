"""Notices a worker that lives and says nothing, and ends it.

A worker watches its own engine (worker/watchdog.py), but in a process that is stuck as a whole nothing is watched.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

from app.stack.process import Child
from core.store import WorkerRegistry

logger = logging.getLogger(__name__)

SILENT_SECONDS: Final = 30.0
"""After its row has run out and should have been renewed; its jobs run elsewhere by then."""

EVERY_SECONDS: Final = 2.0


class Liveness:
    """Kills `child` when its worker was heard before and is silent now, while Redis answers."""

    def __init__(
        self,
        child: Child,
        registry: WorkerRegistry,
        renew_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._child = child
        self._registry = registry
        self._silent_seconds = SILENT_SECONDS + renew_seconds
        self._clock = clock
        self._next_at = 0.0
        self._heard_pid: int | None = None
        self._silent_since: float | None = None

    def check(self) -> None:
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + EVERY_SECONDS
        pid = self._child.pid
        try:
            beats = any(worker.name.startswith(f"{socket.gethostname()}-{pid}-") for worker in self._registry.alive())
        except RedisError:
            self._silent_since = None  # who cannot tell is not silent
            return
        if beats:
            self._heard_pid, self._silent_since = pid, None
        elif pid is None or pid != self._heard_pid:
            self._silent_since = None  # it is loading its model
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= self._silent_seconds:
            logger.error("%s is stuck, killing it", self._child.name)
            self._child.kill()
            self._silent_since = None
