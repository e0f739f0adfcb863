"""Ports for servers that tests start, so that no two of them meet, in however many processes the tests run."""

from __future__ import annotations

import os
import random
import socket
from collections import deque
from contextlib import suppress
from typing import Final

FIRST: Final = 20_000
"""Below the ports of outgoing connections: one of these might take a port while its server is still starting."""

EACH: Final = 1_000
"""For each process of the tests."""


_given: deque[int] = deque(maxlen=EACH // 2)


def free_port() -> int:
    """One that is free now, that no other process of these tests is given, and that was not given of late."""
    first = FIRST + EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = random.randrange(first, first + EACH)
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port
