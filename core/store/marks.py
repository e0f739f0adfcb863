"""What owners mark: favourites and folders, which keep a job for good, and the outputs that they remove."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis

from core.errors import Conflict, NotFound, QuotaExceeded
from core.key_names import names_of
from core.store.limits import Limits
from core.store.schema_1 import upgraded_output
from core.store.scripts import Scripts

MAX_FOLDERS: Final = 500
"""Of one owner."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder and how many outputs are in it."""

    name: str
    count: int


class MarkStore:
    """Changes marks, each time in one atomic script. An owner's are theirs alone; who asks compares."""

    def __init__(self, redis: Redis, limits: Limits) -> None:
        self._redis = redis
        self._names = names_of(redis)
        self._limits = limits
        self._run = Scripts(redis)

    def mark(
        self, job_id: str, index: int, *, favourite: bool | None = None, folders: Sequence[str] | None = None
    ) -> None:
        """Set the marks of an output; what is None stays as it is. A marked output's job never expires.

        Raises NotFound for an output that there is not, Conflict where nothing is to be stored, and QuotaExceeded
        where the owner has as many marked outputs or folders as there may be.
        """
        asked: dict[str, Any] = {
            "id": job_id,
            "index": index,
            "max_kept": self._limits.max_kept_per_owner,
            "max_folders": MAX_FOLDERS,
        }
        if favourite is not None:
            asked["favourite"] = favourite
        if folders is not None:
            asked["folders"] = list(dict.fromkeys(folders))
        answer: Any = self._run("mark", json.dumps(asked, ensure_ascii=False))
        match answer[0].decode():
            case "gone":
                raise no_output(index)
            case "unstored":
                raise Conflict(
                    'this generation was asked for with "store": false and goes by itself: it cannot be kept',
                    code="not_stored",
                )
            case "kept":
                raise QuotaExceeded(
                    f"you keep {answer[1]} pictures, the most there may be: take some out of your favourites and "
                    "folders, or delete them",
                    code="too_many_kept",
                )
            case "folders":
                raise QuotaExceeded(
                    f"you have {answer[1]} folders, and there may be {MAX_FOLDERS}: use one of them, or remove some",
                    code="too_many_folders",
                    param="folders",
                )

    def kept(self, owner: str) -> int:
        """How many outputs the owner has marked."""
        count: Any = self._redis.zcard(self._names("kept", owner))
        return int(count)

    def folders(self, owner: str) -> tuple[Folder, ...]:
        """The owner's folders by name; one that is empty is none."""
        members: Any = self._redis.smembers(self._names("folders", owner))
        names = sorted((member.decode() for member in members), key=lambda name: (name.casefold(), name))
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zcard(self._names("folder", owner, name))
            return tuple(Folder(name, count) for name, count in zip(names, pipe.execute(), strict=True))

    def rename_folder(self, owner: str, name: str, new: str) -> None:
        """What is in `name` is in `new` from now on, beside what that has. Raises NotFound for one that is none."""
        if not self._run("rename_folder", owner, name, new):
            raise _no_folder(name)

    def remove_folder(self, owner: str, name: str) -> None:
        """What is in it stays, in no folder `name` any more. Raises NotFound for one that is none."""
        if not self._run("rename_folder", owner, name, ""):
            raise _no_folder(name)

    def remove_output(self, job_id: str, index: int) -> bool:
        """Take the output out of the job's record, with its marks; False, and nothing is done, if it is the only one.

        Its file is the caller's to delete before. Raises NotFound for an output that there is not.
        """
        key = self._names("job", job_id)
        while True:
            raw: Any = self._redis.hmget(key, "images", "outputs")
            before = raw[0] or raw[1]
            outputs: list[dict[str, Any]] = json.loads(before or "[]")
            left = [output for output in outputs if output["index"] != index]
            if len(left) == len(outputs):
                raise no_output(index)
            if not left:
                return False
            if raw[0]:
                left = [upgraded_output(image) for image in left]
            if self._run("remove_output", job_id, index, before, json.dumps(left)):
                return True


def no_output(index: int) -> NotFound:
    """The answer to who names an output that the job has not, or has no more."""
    return NotFound(f"this generation has no output {index}", code="output_not_found", param="index")


def _no_folder(name: str) -> NotFound:
    return NotFound(f"you have no folder '{name[:60]}'", code="folder_not_found", param="folder")
