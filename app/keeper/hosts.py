"""How many deliveries are under way to each host, so that one which hangs cannot hold every sender. Knows no HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

MAX_PER_HOST: Final = 5
"""Half of the keeper's senders."""


class Hosts:
    """Shared by the sending threads of one keeper."""

    def __init__(self, limit: int = MAX_PER_HOST) -> None:
        self._limit = limit
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def visit(self, url: str) -> Iterator[bool]:
        """Whether there is room for one more delivery to the host of `url`, which then counts inside the block."""
        host = _host(url)
        with self._lock:
            welcome = self._busy[host] < self._limit
            self._busy[host] += welcome
        try:
            yield welcome
        finally:
            with self._lock:
                self._busy[host] -= welcome
                if not self._busy[host]:
                    del self._busy[host]


def _host(url: str) -> str:
    """Ports do not count: they are the receiver's to choose."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
