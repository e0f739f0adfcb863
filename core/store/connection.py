"""How each process connects to Redis."""

from __future__ import annotations

from typing import Final

from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry

from core.key_names import DEFAULT_PREFIX, NamedRedis, named

API_TIMEOUT_SECONDS: Final = 2.5
"""An api that cannot reach Redis must say 503 within 3 s; redis-py's own defaults give up after a minute."""

PATIENT_TIMEOUT_SECONDS: Final = 15.0
"""Longer than any wait for a ticket; a Redis that is silent for so long is asked anew, over another connection."""

PATIENT: Final = Retry(ExponentialBackoff(cap=1.0, base=0.05), 8)
AT_ONCE: Final = Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,))
"""A closed connection is opened again; a Redis that is silent would only be silent twice as long."""


def connect(url: str, *, patient: bool = False, prefix: str = DEFAULT_PREFIX) -> NamedRedis:
    """A client that returns bytes, with our names under `prefix`. `patient` is for workers: long reads, many retries.

    The scripts may all be sent twice, so a retry after a lost reply is safe.
    """
    client = NamedRedis.from_url(
        url,
        socket_connect_timeout=API_TIMEOUT_SECONDS,
        socket_timeout=PATIENT_TIMEOUT_SECONDS if patient else API_TIMEOUT_SECONDS,
        retry=PATIENT if patient else AT_ONCE,
        health_check_interval=15,
    )
    return named(client, prefix)
