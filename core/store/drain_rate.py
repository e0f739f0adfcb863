"""How fast a queue drains, as the scripts measured it."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

from core.key_names import names_of

UNKNOWN_SECONDS: Final = 10.0
"""Before the first job has ended."""

MAX_SECONDS: Final = 600


def drain_seconds(redis: Redis, queue: str, places: int = 1) -> int:
    """Seconds until `places` more jobs of `queue` have ended, from 1 to 600."""
    names = names_of(redis)
    with redis.pipeline(transaction=False) as pipe:
        pipe.lrange(names("gaps", queue), 0, -1)
        pipe.hmget(names("pace", queue), "ended_at", "waiting_since", "took")
        pipe.exists(names("pending", queue))
        pipe.time()
        gaps, seen, waiting, now = pipe.execute()
    return max(1, min(MAX_SECONDS, round(places * _seconds_a_job(gaps, seen, waiting, now[0] + now[1] / 1e6))))


def _seconds_a_job(gaps: list[bytes], seen: list[Any], waiting: int, now: float) -> float:
    """The mean gap between two ends while somebody waited; before there was one, what the last job took."""
    ended_at, waiting_since, took = (None if value is None else int(value) / 1000 for value in seen)
    known = [int(gap) / 1000 for gap in gaps]
    if not known:
        return UNKNOWN_SECONDS if took is None else took
    mean = sum(known) / len(known)
    if not waiting or ended_at is None or waiting_since is None:
        return mean
    # What has lasted longer than usual by now belongs to the pace too: the workers may be gone.
    since = now - max(ended_at, waiting_since)
    return mean if since <= mean else (sum(known) + since) / (len(known) + 1)
