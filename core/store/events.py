"""The events of a job, in order, as a Redis stream; the channel only says that there is something to read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

EVENT_ID: Final = re.compile(r"\d{1,18}-\d{1,18}")


@dataclass(frozen=True, slots=True)
class Event:
    """`type` is queued, started, progress, canceling, or a terminal status."""

    id: str
    type: str
    data: dict[str, Any]


class EventLog:
    """Reads the events that the scripts write, and waits for the next."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def read(self, job_id: str, after: str | None = None) -> tuple[Event, ...]:
        """The events after event id `after`, or all that are kept (the last 2,000 or so)."""
        low = f"({after}" if after else "-"
        rows: Any = self._redis.xrange(self._names("events", job_id), min=low)
        return tuple(
            Event(id=event_id.decode(), type=entry[b"type"].decode(), data=json.loads(entry[b"data"]))
            for event_id, entry in rows
        )
