"""Many outputs as one file: a ZIP that is written while it is read, a picture at a time."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from obstore.exceptions import BaseError

from core.jobs import Job
from core.media import Artifact
from core.results import ResultStore

logger = logging.getLogger(__name__)

RECIPES: Final = "recipes.json"
NAME_LETTERS: Final = 48


@dataclass(frozen=True, slots=True)
class Entry:
    """One output, as the archive holds it; without a job it was deleted after it was asked for."""

    generation: str
    index: int
    job: Job | None
    output: Artifact | None


class _Tail(io.RawIOBase):
    """Takes what is written, until it is taken away. It cannot be sought in: ZIP writes sizes after the files."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def zipped(entries: Iterable[Entry], results: ResultStore) -> Iterator[bytes]:
    """The archive in parts, each about a file. Files are stored as they are: pictures are packed already.

    Last comes `recipes.json`: what made each file, and which were gone when their turn came.
    """
    tail, recipes, gone = _Tail(), [], []
    with zipfile.ZipFile(tail, "w", zipfile.ZIP_STORED) as archive:
        for number, entry in enumerate(entries, start=1):
            content = _content(entry, results)
            if content is None or entry.job is None or entry.output is None:
                gone.append({"generation": entry.generation, "index": entry.index})
                continue
            name = name_of(number, entry.job, entry.output)
            archive.writestr(_info(name, entry.job), content)
            recipes.append(_recipe(name, entry.job, entry.output))
            yield tail.take()
        document = json.dumps({"files": recipes, "gone": gone}, indent=2, ensure_ascii=False)
        archive.writestr(RECIPES, document, zipfile.ZIP_DEFLATED)
    yield tail.take()


def name_of(number: int, job: Job, output: Artifact) -> str:
    """`0001-a-red-apple-3f9a1c20-0.png`: in order, to be read by a person, and found again by its generation."""
    said = str(job.request.parameters.model_dump().get("prompt") or job.request.task)
    words = re.sub(r"[^\w]+", "-", said.lower()).strip("-_")[:NAME_LETTERS].strip("-")
    return f"{number:04d}-{words or 'picture'}-{job.id[-8:]}-{output.index}.{output.extension}"


def _content(entry: Entry, results: ResultStore) -> bytes | None:
    if entry.output is None:
        return None
    try:
        return results.read(entry.output.key)
    except FileNotFoundError:
        return None
    except (BaseError, OSError):  # what is on its way already cannot be answered otherwise
        logger.exception("a file is left out of an archive", extra={"job_id": entry.generation})
        return None


def _info(name: str, job: Job) -> zipfile.ZipInfo:
    made = job.finished_at or job.created_at
    return zipfile.ZipInfo(name, (made.year, made.month, made.day, made.hour, made.minute, made.second))


def _recipe(name: str, job: Job, output: Artifact) -> dict[str, Any]:
    request = job.request
    return {
        "file": name,
        "generation": job.id,
        "index": output.index,
        "task": request.task,
        "model": request.model,
        "seed": output.seed,
        "parameters": request.parameters.model_dump(mode="json"),
        "adapters": [adapter.model_dump(mode="json") for adapter in request.adapters],
        "parents": [parent.model_dump(mode="json") for parent in request.parents],
        "created_at": job.created_at.isoformat(),
    }
