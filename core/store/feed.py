"""Which of an owner's jobs have changed, in a stream that the scripts write: ids, and nothing of their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

BEGINNING: Final = "0-0"
"""The event id before all others."""

READ_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is the type of a job's event, `marked`, `deleted`, or `reset`, which is about more jobs than it names."""

    id: str
    job: str
    kind: str


class Feed:
    """Reads the log of an owner's changes, which reaches back a day, and 10,000 changes, at most."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def last(self, owner: str) -> str:
        """The id of the newest change."""
        rows: Any = self._redis.xrevrange(self._names("feed", owner), count=1)
        return rows[0][0].decode() if rows else BEGINNING

    def read(self, owner: str, after: str) -> tuple[Change, ...]:
        """The changes after event id `after`, oldest first, 1,000 at most."""
        rows: Any = self._redis.xrange(self._names("feed", owner), min=f"({after}", count=READ_AT_ONCE)
        return tuple(
            Change(id=change_id.decode(), job=entry[b"job"].decode(), kind=entry[b"kind"].decode())
            for change_id, entry in rows
        )

    def reaches(self, owner: str, after: str) -> bool:
        """Whether nothing that came after event id `after` is missing from the log."""
        key = self._names("feed", owner)
        if after != BEGINNING:
            return bool(self._redis.xrange(key, min=after, max=after))
        if not self._redis.exists(key):
            return True
        about: Any = self._redis.xinfo_stream(key)
        return bool(about["entries-added"] == about["length"])
