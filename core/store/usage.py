"""What an owner has used of the day, in UTC, and has under way; the scripts count it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

DAY_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Used:
    """What counts against an owner's day."""

    images: int
    worker_seconds: float


@dataclass(frozen=True, slots=True)
class Held:
    """Jobs of an owner that have not ended."""

    waiting: int
    running: int


class Usage:
    """Reads the day's counts, and how much is under way."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def today(self, owner: str) -> Used:
        """Pictures that came or may still come, and seconds of workers that ended jobs took."""
        now: Any = self._redis.time()
        row: Any = self._redis.hmget(self._names("usage", owner, now[0] // DAY_SECONDS), "images", "worker_seconds")
        return Used(images=int(float(row[0] or 0)), worker_seconds=float(row[1] or 0))

    def held(self, owner: str) -> Held:
        """How many jobs of the owner wait and run now."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.scard(self._names("waiting", owner))
            pipe.scard(self._names("running", owner))
            return Held(*pipe.execute())
