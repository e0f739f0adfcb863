"""When a webhook is tried again: the Standard Webhooks table, with jitter."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE

DELAYS: Final = (
    0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Seconds before attempt 1, 2, … 10: over three days in all."""

JITTER: Final = 0.1
MAX_RETRY_AFTER: Final = 24 * HOUR


def delay_after(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds from failed attempt number `attempts` to the next; None when there is none left.

    A receiver's Retry-After may put the next attempt off, for a day at most, but never bring it forward.
    """
    if attempts >= len(DELAYS):
        return None
    planned = DELAYS[attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing
    return max(planned, min(retry_after or 0.0, MAX_RETRY_AFTER))


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """A Retry-After header, in seconds or as an HTTP date; None if there is none that makes sense."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
