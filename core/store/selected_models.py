"""The model that a key has chosen, for clients that choose once and then draw."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

from core.key_names import names_of

KEEP_SECONDS: Final = 30 * 24 * 3600


class SelectedModels:
    """The choice of each owner, until it has not been made anew for long."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def choose(self, owner: str, model: str) -> None:
        self._redis.set(self._names("choice", owner), model, ex=KEEP_SECONDS)

    def chosen(self, owner: str) -> str | None:
        kept: Any = self._redis.get(self._names("choice", owner))
        return kept.decode() if kept else None
