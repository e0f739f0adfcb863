"""Jobs whose waiting client hung up, by what it had asked: a retry finds its own. Knows no HTTP and ends no job."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis

KEEP_SECONDS: Final = 600


class Orphans:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def leave(self, owner: str, fingerprint: str, job_id: str) -> None:
        key = _key(owner, fingerprint)
        with self._redis.pipeline() as pipe:
            pipe.lrem(key, 0, job_id)
            pipe.rpush(key, job_id)
            pipe.expire(key, KEEP_SECONDS)
            pipe.execute()

    def adopt(self, owner: str, fingerprint: str) -> str | None:
        """The job that was left first, now the caller's; None if none is left."""
        job_id: Any = self._redis.lpop(_key(owner, fingerprint))
        return job_id.decode() if job_id else None

    def abandon(self, owner: str, fingerprint: str, job_id: str) -> bool:
        """Give it up. False if somebody has adopted it."""
        removed: Any = self._redis.lrem(_key(owner, fingerprint), 1, job_id)
        return bool(removed)


def _key(owner: str, fingerprint: str) -> str:
    return f"easel:orphans:{owner}:{fingerprint}"
