"""Secrets that all processes share: made once, kept in Redis."""

from __future__ import annotations

import secrets
from typing import Any

from redis import Redis

from core.key_names import names_of


class Secrets:
    """Secrets by name; who asks first makes one."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def get(self, name: str) -> bytes:
        """The 32 bytes of that name."""
        key = self._names("secret", name)
        self._redis.set(key, secrets.token_bytes(32), nx=True)
        kept: Any = self._redis.get(key)
        return bytes(kept)
