"""Server-sent events, as every wire sends them."""

from __future__ import annotations

import asyncio
from typing import Final

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Neither a cache nor nginx may hold an event back."""

HEARTBEAT_SECONDS: Final = 15.0
STILL_HERE: Final = b": still here\n\n"
"""A comment, so that nobody on the way takes a silent stream for a dead one."""


class Heartbeat:
    """Tells when a stream has been silent for so long that it has to say something. Used inside the event loop."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._spoke = self._clock()

    def spoke(self) -> None:
        """Something was sent."""
        self._spoke = self._clock()

    @property
    def seconds(self) -> float:
        """Until it has to speak: 0 or less if that is now."""
        return HEARTBEAT_SECONDS - (self._clock() - self._spoke)
