"""Server-sent events, as every wire sends them."""

from __future__ import annotations

from typing import Final

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Neither a cache nor nginx may hold an event back."""
