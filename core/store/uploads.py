"""Files that were uploaded to be used more than once: a row each, which goes with its file after a day."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from core.errors import QuotaExceeded
from core.key_names import names_of
from core.media import Facts
from core.record import Record
from core.store.records import moment

UPLOAD_ID: Final = re.compile(r"upl_[0-9a-f]{40}")

KEEP_SECONDS: Final = 24 * 3600
MAX_UPLOADS: Final = 100
"""Of one owner at a time."""


class Upload(Record):
    """One file and what is known of it; `key` is its name in the result store. Times are aware UTC."""

    id: str
    owner: str
    key: str
    medium: str
    size_bytes: int
    facts: Facts
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When it is removed, with its file."""
        return self.created_at + timedelta(seconds=KEEP_SECONDS)


def new_upload_id() -> str:
    """`upl_` and 160 random bits: an id cannot be guessed."""
    return f"upl_{secrets.token_hex(20)}"


class UploadStore:
    """Rows of uploads. An owner's files are theirs alone; who asks compares."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def check_room(self, owner: str) -> None:
        """Raise QuotaExceeded for an owner who has MAX_UPLOADS."""
        now = self._now_ms()
        self._redis.zremrangebyscore(self._names("uploads", owner), "-inf", now)
        known: Any = self._redis.zcard(self._names("uploads", owner))
        if known >= MAX_UPLOADS:
            soonest: Any = self._redis.zrange(self._names("uploads", owner), 0, 0, withscores=True)
            raise QuotaExceeded(
                f"you have {known} uploads, the most there may be: delete one, or wait until one expires",
                code="too_many_uploads",
                retry_after=max(1, round((soonest[0][1] - now) / 1000)),
            )

    def add(self, upload_id: str, owner: str, key: str, medium: str, size_bytes: int, facts: Facts) -> Upload:
        """Note a file that is stored already; the keeper removes it when its time is over."""
        now = self._now_ms()
        created_at = moment(str(now))
        assert created_at is not None  # noqa: S101 - a number is a moment
        upload = Upload(
            id=upload_id, owner=owner, key=key, medium=medium, size_bytes=size_bytes, facts=facts, created_at=created_at
        )
        until = now + KEEP_SECONDS * 1000
        with self._redis.pipeline() as pipe:
            pipe.set(self._names("upload", upload_id), upload.model_dump_json(), ex=KEEP_SECONDS)
            pipe.zadd(self._names("uploads", owner), {upload_id: until})
            pipe.expire(self._names("uploads", owner), KEEP_SECONDS)
            pipe.zadd(self._names("expiries"), {upload_id: until})
            pipe.execute()
        return upload

    def get(self, upload_id: str) -> Upload | None:
        """The upload of that id, anybody's; None if there is none."""
        kept: Any = self._redis.get(self._names("upload", upload_id)) if UPLOAD_ID.fullmatch(upload_id) else None
        return None if kept is None else Upload.model_validate_json(kept)

    def delete(self, upload: Upload) -> None:
        """Forget it; its file is the caller's to delete before."""
        with self._redis.pipeline() as pipe:
            pipe.delete(self._names("upload", upload.id))
            pipe.zrem(self._names("uploads", upload.owner), upload.id)
            pipe.zrem(self._names("expiries"), upload.id)
            pipe.execute()

    def _now_ms(self) -> int:
        now: Any = self._redis.time()
        return int(now[0] * 1000 + now[1] // 1000)
