"""Which jobs started from which: a set of children a job. Parents stand in the request itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

KEEP_SECONDS: Final = 366 * 24 * 3600
"""Longer than any job is kept; a child that is gone is left out by whoever reads."""


class Lineage:
    """What was made of a job. A child is noted after it was submitted: lost with the process that dies in between."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def note(self, parents: Collection[str], child: str) -> None:
        """`child` started from outputs of `parents`."""
        with self._redis.pipeline() as pipe:
            for parent in parents:
                pipe.sadd(self._names("children", parent), child)
                pipe.expire(self._names("children", parent), KEEP_SECONDS)
            pipe.execute()

    def children(self, job_id: str) -> tuple[str, ...]:
        """The ids of the jobs that started from `job_id`, gone ones too, in no order."""
        found: Any = self._redis.smembers(self._names("children", job_id))
        return tuple(sorted(child.decode() for child in found))

    def forget(self, job_id: str) -> None:
        """The job is deleted."""
        self._redis.delete(self._names("children", job_id))
