"""What is to be in an archive: names of outputs, for as long as its address is good."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.key_names import names_of

ARCHIVE_ID: Final = re.compile(r"arc_[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Archive:
    """`items` are pairs of a job's id and the index of one of its outputs, in the order of the archive."""

    id: str
    owner: str
    items: tuple[tuple[str, int], ...]


class ArchiveStore:
    """Lists of names only: the files stay where they are, and are read when somebody fetches the archive."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._names = names_of(redis)

    def add(self, owner: str, items: Sequence[tuple[str, int]], seconds: int) -> Archive:
        """Keep the list for so many seconds."""
        archive = Archive(id=f"arc_{secrets.token_hex(20)}", owner=owner, items=tuple(items))
        document = json.dumps({"owner": owner, "items": archive.items})
        self._redis.set(self._names("archive", archive.id), document, ex=seconds)
        return archive

    def get(self, archive_id: str) -> Archive | None:
        kept: Any = self._redis.get(self._names("archive", archive_id))
        if kept is None:
            return None
        document = json.loads(kept)
        items = tuple((str(job), int(index)) for job, index in document["items"])
        return Archive(id=archive_id, owner=document["owner"], items=items)
