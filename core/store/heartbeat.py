"""Whether a keeper lives: one key that expires unless refreshed."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

KEEPER: Final = "easel:keeper"
TTL_SECONDS: Final = 15


class KeeperHeartbeat:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def beat(self) -> None:
        self._redis.set(KEEPER, "1", ex=TTL_SECONDS)

    def heard(self) -> bool:
        """Whether a keeper did its round within the last 15 seconds."""
        answer: Any = self._redis.exists(KEEPER)
        return bool(answer)
