"""Jobs that were asked for together: a record each group, written with its jobs by submit.lua."""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime
from typing import Any, Final

from redis import Redis

from core.key_names import names_of
from core.record import Record
from core.store.records import moment

GROUP_ID: Final = re.compile(r"grp_[0-9a-f]{40}")

KEEP_SECONDS: Final = 366 * 24 * 3600
"""Longer than any job is kept; a member that is gone is shown as gone."""


class Member(Record):
    """A job of a group; `label` is what it has and the others have not, `outputs` is how many pictures it makes."""

    job: str
    label: str
    outputs: int


class Group(Record):
    """What one `prompt` asked for, in its order. Times are aware UTC."""

    id: str
    owner: str
    prompt: str
    members: tuple[Member, ...]
    created_at: datetime


def new_group_id() -> str:
    """`grp_` and 160 random bits: an id cannot be guessed."""
    return f"grp_{secrets.token_hex(20)}"


class GroupStore:
    """Records of groups. An owner's are theirs alone; who asks compares."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def get(self, group_id: str) -> Group | None:
        """The group of that id, anybody's; None if there is none."""
        if not GROUP_ID.fullmatch(group_id):
            return None
        raw: Any = self._redis.hgetall(self._names("group", group_id))
        return _group(raw)

    def list(self, owner: str, *, before: int | None, limit: int) -> tuple[tuple[Group, ...], int | None]:
        """The owner's groups, newest first, made before the ms `before`; and the `before` of the next page."""
        top = "+inf" if before is None else f"({before}"
        rows: Any = self._redis.zrevrangebyscore(
            self._names("groups", owner), top, "-inf", start=0, num=limit + 1, withscores=True
        )
        with self._redis.pipeline(transaction=False) as pipe:
            for group_id, _ in rows[:limit]:
                pipe.hgetall(self._names("group", group_id.decode()))
            found = [_group(raw) for raw in pipe.execute()]
        groups = tuple(group for group in found if group is not None)
        return groups, int(rows[limit - 1][1]) if len(rows) > limit else None

    def delete(self, group: Group) -> None:
        """Forget it; its jobs are the caller's to delete before."""
        with self._redis.pipeline() as pipe:
            pipe.delete(self._names("group", group.id))
            pipe.zrem(self._names("groups", group.owner), group.id)
            pipe.execute()


def _group(raw: Any) -> Group | None:  # noqa: ANN401 - a hash as HGETALL gives it
    if not raw:
        return None
    field = {name.decode(): value.decode() for name, value in raw.items()}
    return Group.model_validate(
        {**field, "members": json.loads(field["members"]), "created_at": moment(field["created_at"])}
    )
