"""How each process connects to Redis. Knows time-outs and retries, and no key."""

from __future__ import annotations

from typing import Final

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

API_TIMEOUT_SECONDS: Final = 2.0
"""An api that cannot reach Redis must say 503 soon; redis-py's own defaults give up after a minute."""


def connect(url: str, *, patient: bool = False) -> Redis:
    """A client that returns bytes. `patient` is for workers and the keeper: long reads, many retries.

    The scripts may all be sent twice, so a retry after a lost reply is safe.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=API_TIMEOUT_SECONDS,
        socket_timeout=None if patient else API_TIMEOUT_SECONDS,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 8 if patient else 1),
        health_check_interval=15,
    )
