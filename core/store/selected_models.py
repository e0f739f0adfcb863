"""The model that a key has chosen, for clients that choose once and then draw."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

KEEP_SECONDS: Final = 30 * 24 * 3600


class SelectedModels:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def choose(self, owner: str, model: str) -> None:
        self._redis.set(f"easel:choice:{owner}", model, ex=KEEP_SECONDS)

    def chosen(self, owner: str) -> str | None:
        kept: Any = self._redis.get(f"easel:choice:{owner}")
        return kept.decode() if kept else None
