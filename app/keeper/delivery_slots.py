"""How many deliveries are under way to each host and for each owner: none that hangs can hold every sender."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

MAX_PER_HOST: Final = 5
"""Half of the keeper's senders."""

MAX_PER_OWNER: Final = 7
"""Whoever has many names for a host that hangs leaves some senders to the others."""


class DeliverySlots:
    """Shared by the sending threads of one keeper."""

    def __init__(self, per_host: int = MAX_PER_HOST, per_owner: int = MAX_PER_OWNER) -> None:
        self._per_host = per_host
        self._per_owner = per_owner
        self._busy: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, url: str, owner: str) -> Iterator[bool]:
        """Whether there is room for one more delivery to the host of `url`, which then counts inside the block."""
        host, tenant = ("host", _host(url)), ("owner", owner)
        with self._lock:
            free = self._busy[host] < self._per_host and self._busy[tenant] < self._per_owner
            self._busy.update({host: free, tenant: free})
        try:
            yield free
        finally:
            with self._lock:
                self._busy.subtract({host: free, tenant: free})
                self._busy = +self._busy


def _host(url: str) -> str:
    """Ports do not count: they are the receiver's to choose."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
