"""Pictures that are shown to whoever has their address, until their owner withdraws them or they go."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from redis import Redis

from core.errors import QuotaExceeded
from core.key_names import names_of
from core.record import Record
from core.store.marks import no_output
from core.store.records import moment
from core.store.scripts import Scripts

SHARE_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")

MAX_SHARES: Final = 1000
"""Of one owner."""


class Share(Record):
    """Output `index` of the job `job`, shown to all who know `id`; `listed`: in the gallery, too. Times are UTC."""

    id: str
    owner: str
    job: str
    index: int
    listed: bool
    number: int
    created_at: datetime


class ShareStore:
    """Shares by id and by owner. They hold no word of a prompt: the job is read when one is looked at."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)

    def share(self, owner: str, job_id: str, index: int, *, listed: bool) -> Share:
        """Share an output; one that is shared already keeps its id. Raises NotFound or QuotaExceeded."""
        asked = {
            "id": secrets.token_urlsafe(16),
            "owner": owner,
            "job": job_id,
            "index": index,
            "listed": listed,
            "most": MAX_SHARES,
        }
        answer: Any = self._run("share", json.dumps(asked))
        if answer[0] == b"full":
            raise QuotaExceeded(
                f"you share {answer[1]} pictures, the most there may be: withdraw some", code="too_many_shares"
            )
        share = self.get(answer[1].decode()) if answer[0] == b"shared" else None
        if share is None:
            raise no_output(index)
        return share

    def get(self, share_id: str) -> Share | None:
        """The share of that id, anybody's; None if there is none."""
        return self._several([share_id])[0] if SHARE_ID.fullmatch(share_id) else None

    def was_withdrawn(self, share_id: str) -> bool:
        """Whether there was one of that id within the last month."""
        return bool(SHARE_ID.fullmatch(share_id) and self._redis.exists(self._names("withdrawn", share_id)))

    def of(self, owner: str) -> tuple[Share, ...]:
        """All that the owner shares, newest first."""
        ids: Any = self._redis.zrevrange(self._names("shares", owner), 0, -1)
        return tuple(share for share in self._several([share_id.decode() for share_id in ids]) if share is not None)

    def listed(self, *, before: int | None, limit: int) -> tuple[tuple[Share, ...], int | None]:
        """Those that everybody may find, newest first, with a number below `before`; and that of the next page."""
        top = "+inf" if before is None else f"({before}"
        rows: Any = self._redis.zrevrangebyscore(
            self._names("gallery"), top, "-inf", start=0, num=limit + 1, withscores=True
        )
        found = self._several([share_id.decode() for share_id, _ in rows[:limit]])
        following = int(rows[limit - 1][1]) if len(rows) > limit else None
        return tuple(share for share in found if share is not None), following

    def withdraw(self, share_id: str) -> bool:
        """End it at once, for everybody; False if there is none."""
        return bool(SHARE_ID.fullmatch(share_id) and self._run("withdraw", share_id))

    def withdraw_all(self, owner: str) -> int:
        """End all that the owner shares; returns how many."""
        count: Any = self._run("withdraw_all", owner)
        return int(count)

    def _several(self, share_ids: Sequence[str]) -> list[Share | None]:
        with self._redis.pipeline(transaction=False) as pipe:
            for share_id in share_ids:
                pipe.hgetall(self._names("share", share_id))
            return [_share(share_id, raw) for share_id, raw in zip(share_ids, pipe.execute(), strict=True)]


def _share(share_id: str, raw: Any) -> Share | None:  # noqa: ANN401 - a hash as HGETALL gives it
    if not raw:
        return None
    field = {name.decode(): value.decode() for name, value in raw.items()}
    return Share.model_validate(
        {**field, "id": share_id, "listed": field["listed"] == "1", "created_at": moment(field["created_at"])}
    )
