"""Finding jobs by their words and marks: a walk down an index of the owner's, filtered where the records lie."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from redis import Redis

from core.jobs import Status
from core.key_names import names_of
from core.record import Record
from core.store.jobs import JobStore, Page
from core.store.scripts import Scripts
from core.store.searched_text import folded

SCANNED: Final = 1000
"""Members of an index that one call looks at: a few milliseconds in which Redis does nothing else."""

CALLS: Final = 60
"""Of which one page takes so many at most; what it has found by then is a short page."""


class Filter(Record):
    """Which jobs: every word of `q` must occur in prompts, model, id or folders; None asks for nothing."""

    q: str = ""
    task: str | None = None
    model: str | None = None
    status: Status | None = None
    favourite: bool = False
    folder: str | None = None


class JobSearch:
    """Reads the owner's indexes."""

    def __init__(self, redis: Redis, jobs: JobStore) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._run = Scripts(redis)
        self._jobs = jobs

    def page(self, owner: str, wanted: Filter, *, before: int | None, limit: int) -> Page:
        """The owner's jobs that fit, newest first, older than cursor `before`; may be short where few fit."""
        question = self._question(owner, wanted)
        found: list[str] = []
        for _ in range(CALLS):
            asked = {**question, "limit": limit - len(found)}
            if before is not None:
                asked["before"] = before
            before, *ids = self._run("search", json.dumps(asked, ensure_ascii=False))
            found += [job_id.decode() for job_id in ids]
            if before is None or len(found) == limit:
                break
        jobs = tuple(job for job in self._jobs.several(found) if job is not None)
        return Page(jobs=jobs, cursor=before)

    def _question(self, owner: str, wanted: Filter) -> dict[str, Any]:
        indexes = []
        if wanted.folder is not None:
            indexes.append(self._names("folder", owner, wanted.folder))
        if wanted.favourite:
            indexes.append(self._names("favourites", owner))
        indexes = indexes or [self._names("jobs", owner)]
        words = folded(wanted.q).split()
        folders = self._folders(owner) if words else ()
        question: dict[str, Any] = {
            "owner": owner,
            "index": indexes[0],
            "scan": SCANNED,
            "words": [{"text": word, "folders": [name for name in folders if word in folded(name)]} for word in words],
            **wanted.model_dump(mode="json", include={"task", "model", "status"}, exclude_none=True),
        }
        return question if len(indexes) == 1 else {**question, "both": indexes[1]}

    def _folders(self, owner: str) -> Iterable[str]:
        members: Any = self._redis.smembers(self._names("folders", owner))
        return [member.decode() for member in members]
