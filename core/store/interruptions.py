"""How often an owner has interrupted what their clients wait for: a call of several jobs learns from it to end."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

from core.key_names import names_of

KEEP_SECONDS: Final = 24 * 3600


class Interruptions:
    """A count for each owner, that goes up and is forgotten a day after the last."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def add(self, owner: str) -> None:
        """One more. To be said before the owner's jobs are looked through: one that begins later reads it."""
        key = self._names("interruptions", owner)
        with self._redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, KEEP_SECONDS)
            pipe.execute()

    def count(self, owner: str) -> int:
        """How many there were."""
        kept: Any = self._redis.get(self._names("interruptions", owner))
        return int(kept) if kept else 0
