"""How often each owner may ask: a token bucket in Redis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from redis import Redis

from core.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request; `retry_after` is None if the request may pass. Both times are whole seconds."""

    limit: int
    remaining: int
    full_after: int
    retry_after: int | None


class Rates:
    """The buckets, one an owner."""

    def __init__(self, redis: Redis) -> None:
        self._run = Scripts(redis)

    def take(self, owner: str, per_minute: int) -> Allowance:
        """Count a request of `owner`; one that is refused costs nothing."""
        answer: Any = self._run("take_token", owner, per_minute)
        taken, remaining, until_full, until_next = answer
        return Allowance(
            limit=per_minute,
            remaining=remaining,
            full_after=math.ceil(until_full / 1000),
            retry_after=None if taken else max(1, math.ceil(until_next / 1000)),
        )
