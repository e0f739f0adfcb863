"""Whether a keeper lives: one key that expires unless refreshed."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

from core.key_names import names_of

TTL_SECONDS: Final = 15


class KeeperHeartbeat:
    """Beaten by the keeper, asked by health checks."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def beat(self) -> None:
        self._redis.set(self._names("keeper"), "1", ex=TTL_SECONDS)

    def is_alive(self) -> bool:
        """Whether a keeper did its round within the last 15 seconds."""
        answer: Any = self._redis.exists(self._names("keeper"))
        return bool(answer)
