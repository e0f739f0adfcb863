"""What an operator counts: ends of jobs, waits, runs, deliveries, the line as it is now.

The scripts count in the transaction that makes it true, so a value is the same whichever process is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

BOUNDS: Final = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "300", "600", "+Inf")
"""Upper bounds of the histograms' buckets in seconds; prelude.lua has the same."""


@dataclass(slots=True)
class Histogram:
    """How many were in each bucket alone, and the seconds of all."""

    buckets: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BOUNDS, 0))
    sum: float = 0.0

    def cumulative(self) -> list[tuple[str, float]]:
        """Bucket by bucket, each with those before it."""
        total = 0
        return [(bound, total := total + count) for bound, count in self.buckets.items()]


@dataclass(slots=True)
class Counted:
    """Since this Redis began. Keys: (model, status), model, model, outcome."""

    jobs: dict[tuple[str, str], int] = field(default_factory=dict)
    waits: dict[str, Histogram] = field(default_factory=dict)
    runs: dict[str, Histogram] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A queue now: how many wait in it, and for how long the oldest has."""

    waiting: int
    oldest_seconds: float


class Counters:
    """The counts, and the gauges of this moment."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def counted(self) -> Counted:
        rows: Any = self._redis.hgetall(self._names("metrics"))
        found = Counted()
        for name, value in rows.items():
            kind, *labels = name.decode().split("|")
            if kind == "jobs":
                found.jobs[labels[0], labels[1]] = int(value)
            elif kind == "deliveries":
                found.deliveries[labels[0]] = int(value)
            else:
                histogram = (found.waits if kind == "wait" else found.runs).setdefault(labels[0], Histogram())
                if labels[1] == "sum":
                    histogram.sum = float(value)
                else:
                    histogram.buckets[labels[1]] = int(value)
        return found

    def lines(self, queues: Iterable[str]) -> dict[str, Line]:
        now: Any = self._redis.time()
        return {queue: self._line(queue, now[0] + now[1] / 1e6) for queue in queues}

    def _line(self, queue: str, now: float) -> Line:
        waiting: Any = self._redis.zcard(self._names("pending", queue))
        oldest: Any = self._redis.zrange(self._names("pending", queue), 0, 0)
        since: Any = self._redis.hget(self._names("job", oldest[0].decode()), "created_at") if oldest else None
        return Line(int(waiting), 0.0 if since is None else max(0.0, now - int(since) / 1000))

    def running(self) -> int:
        count: Any = self._redis.zcard(self._names("leases"))
        return int(count)

    def undelivered(self) -> int:
        """Webhooks that are still to be delivered."""
        count: Any = self._redis.zcard(self._names("outbox"))
        return int(count)
