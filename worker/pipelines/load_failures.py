"""Models that could not be loaded: why, since when, and when one may be tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.catalog.catalog import Catalog
from core.catalog.hub_cache import snapshot_of
from core.catalog.model import Model
from core.catalog.model_failure import ModelFailure
from core.errors import JobFailure
from worker.faults import is_out_of_memory

FIRST_SECONDS: Final = 30.0
MOST_SECONDS: Final = 600.0

CODE: Final = "model_load_failed"


@dataclass(frozen=True, slots=True)
class _Remembered:
    told: ModelFailure
    state: Any
    until: float
    pause: float


class LoadFailures:
    """A failed model is left alone for 30 s, then twice as long each time, up to 10 minutes.

    A change of its row or of its files ends the pause at once. Any thread may ask.
    """

    def __init__(self, *, allow_downloads: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._allow_downloads = allow_downloads
        self._clock = clock
        self._known: dict[str, _Remembered] = {}

    def note(self, row: Model, catalog: Catalog, error: BaseException) -> ModelFailure:
        """Remember that `row` failed with `error`."""
        before = self._known.get(row.id)
        pause = min(MOST_SECONDS, before.pause * 2) if before else FIRST_SECONDS
        told = ModelFailure(message=words_for_job(row, error), reason=words_for_owner(error), since=time.time())
        if before and before.told.reason == told.reason:
            told = told.evolve(since=before.told.since)
        self._known[row.id] = _Remembered(told, state_of(row, catalog), self._clock() + pause, pause)
        return told

    def forget(self, model_id: str) -> None:
        """It has been loaded, or is none of ours any more."""
        self._known.pop(model_id, None)

    def of(self, row: Model, catalog: Catalog) -> ModelFailure | None:
        """Why `row` cannot be drawn as far as is known; None if it may go well."""
        known = self._known.get(row.id)
        if known is not None and known.state == state_of(row, catalog):
            return known.told
        if known is not None:
            self.forget(row.id)
        return self._missing(row, catalog)

    def pausing(self, row: Model, catalog: Catalog) -> ModelFailure | None:
        """The failure for which `row` is not to be tried now; None if it may be."""
        told = self.of(row, catalog)
        known = self._known.get(row.id)
        return None if known is not None and self._clock() >= known.until else told

    def _missing(self, row: Model, catalog: Catalog) -> ModelFailure | None:
        if (
            self._allow_downloads
            or catalog.local_path(row.source) is not None
            or snapshot_of(row.source, row.revision) is not None
        ):
            return None
        return ModelFailure(
            message=f"model '{row.id}' could not be loaded: its files are not on the worker's machine",
            reason=(
                f"there is no folder or file '{row.source}' beside the catalogue, and no such hub id in the cache: "
                f"run 'easel models add {row.source}', or set EASEL_ALLOW_DOWNLOADS=true"
            ),
            since=catalog.modified,
        )


def words_for_job(row: Model, error: BaseException) -> str:
    """What whoever asked for a picture may read: no paths."""
    cause = error.__cause__ or error
    if is_out_of_memory(cause):
        return f"model '{row.id}' does not fit into the worker's memory"
    if isinstance(error, JobFailure):
        return error.message
    return f"model '{row.id}' could not be loaded; the worker's log says why"


def words_for_owner(error: BaseException) -> str:
    """What the owner of the machine reads: the innermost reason, on one line."""
    cause = error.__cause__ or error
    if is_out_of_memory(cause):
        return f"its weights do not fit into the memory: {first_line(cause)}"
    return first_line(cause) if isinstance(cause, JobFailure) else f"{type(cause).__name__}: {first_line(cause)}"


def first_line(error: BaseException) -> str:
    """Of what it says, 400 characters at most."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason was given")[:400]


def state_of(row: Model, catalog: Catalog) -> Any:  # noqa: ANN401 - only ever compared
    """Differs once the row, or a file that it names, has changed."""
    named = (row.source, row.config, row.vae, row.text_encoder, *row.loras)
    paths = [catalog.local_path(name) for name in named if name]
    return (
        row,
        [stamp for path in paths if path is not None for stamp in stamps(path)],
        snapshot_of(row.source, row.revision) is not None,
    )


def stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    """Of the file, or of all files below the folder."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        try:
            seen = file.stat()
        except OSError:
            continue
        yield str(file), seen.st_mtime_ns, seen.st_size
