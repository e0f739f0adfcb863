"""Adapters of one kind beside one model: read when a request first asks for them; the least used leave."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.tensor_info import CheckpointError
from core.errors import JobFailure, NotFound
from worker.allocator import free
from worker.faults import is_device_lost, is_out_of_memory
from worker.pipelines.adapter_places import place_of

logger = logging.getLogger(__name__)

MOST_FAILURES: Final = 64


class Sized(Protocol):
    """What is kept, by what it takes of memory."""

    @property
    def size_bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Version(NamedTuple):
    """Equal for what is the same still."""

    adapter: str
    row: str
    written: int
    size_bytes: int


class AdapterCache(ABC, Generic[T]):
    """Adapters by their versions. Beyond `max_bytes` those go that no request has asked for longest.

    Who holds one that has left may use it to the end. A file that could not be read is not tried again until it is
    another one. With `local_only` nothing is fetched from the hub.
    """

    def __init__(self, catalog: Callable[[], Catalog], max_bytes: int, *, local_only: bool) -> None:
        self._catalog = catalog
        self._max_bytes = max_bytes
        self._local_only = local_only
        self._kept: OrderedDict[Version, T] = OrderedDict()
        self._failed: OrderedDict[Version, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, row: AdapterRow) -> Path:
        """Where it lies. Raises CheckpointError where it is not there."""
        return place_of(row.source, self._catalog().local_path, local_only=self._local_only)

    @abstractmethod
    def read(self, row: AdapterRow, place: Path) -> T:
        """What lies there. Raises CheckpointError, or whatever else, for what is none for this model."""

    def get(self, adapter_id: str) -> T:
        """The adapter of that id, read now if need be.

        Raises JobFailure: `adapter_not_fitting` for what is none for this model, `adapter_missing` for what is not
        there.
        """
        try:
            row = self._catalog().adapter(adapter_id)
            place = self.find(row)
            version = version_of(row, place)
        except (NotFound, CheckpointError, OSError) as error:
            raise JobFailure(f"the adapter '{adapter_id}' is not there: {error}", code="adapter_missing") from error
        if version in self._failed:
            raise JobFailure(self._failed[version], code="adapter_not_fitting")
        if version not in self._kept:
            self._kept[version] = self._read(row, version, place)
        self._kept.move_to_end(version)
        return self._kept[version]

    def make_room(self, held: int) -> None:
        """Let the least used go, but for the last `held` ones: a request has them now."""
        total, left = sum(kept.size_bytes for kept in self._kept.values()), 0
        while total > self._max_bytes and len(self._kept) > max(1, held):
            total -= self._kept.popitem(last=False)[1].size_bytes
            left += 1
        if left:
            free()

    def _read(self, row: AdapterRow, version: Version, place: Path) -> T:
        try:
            return self.read(row, place)
        except Exception as error:  # whatever libraries raise for a file that they were not made for
            if is_device_lost(error) or is_out_of_memory(error):
                raise
            if isinstance(error, JobFailure | OSError):  # which may be another time: nothing is remembered
                raise JobFailure(
                    f"the {row.kind} '{row.id}' cannot be read: {error}", code="adapter_missing"
                ) from error
            logger.info("an adapter was not read", exc_info=error, extra={"adapter": row.id})
            known = isinstance(error, CheckpointError)
            told = str(error) if known else f"the {row.kind} '{row.id}' cannot be read as one for this model"
            self._failed[version] = told
            while len(self._failed) > MOST_FAILURES:
                self._failed.popitem(last=False)
            raise JobFailure(told, code="adapter_not_fitting") from error


def version_of(row: AdapterRow, place: Path) -> Version:
    """By the file, or all files of the folder. Raises OSError where it is gone."""
    seen = [each.stat() for each in (sorted(place.iterdir()) if place.is_dir() else [place])]
    return Version(
        row.id,
        row.model_dump_json(),
        max((each.st_mtime_ns for each in seen), default=0),
        sum(each.st_size for each in seen),
    )
