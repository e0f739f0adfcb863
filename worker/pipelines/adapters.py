"""The adapters of one resident model: read when a request first asks for them; the least used leave beyond a bound."""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

import torch

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.tensor_info import CheckpointError
from core.errors import JobFailure, NotFound
from core.jobs import Adapter
from worker.faults import is_device_lost
from worker.pipelines.lora_factors import Twin, bytes_of, guided_modules
from worker.pipelines.lora_rows import Chosen, Lora, Running, cover, heed_rows, tell_rows
from worker.pipelines.loras import check_takes_loras, lora_file

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 2**30
"""Of all LoRAs of a model that no request uses; those that are in use stay."""
MOST_FAILURES: Final = 64

NUMBERS: Final = itertools.count(1)
"""Of LoRAs in calls: one that is read again is another one, so that no memory of an earlier one is taken for its."""


class Version(NamedTuple):
    """Equal for a file that is the same still."""

    adapter: str
    source: str
    written: int
    size_bytes: int


class Adapters:
    """Those that the catalogue has for `pipeline`, whose layers heed them from now on.

    `has_graphs` says that its forwards may be compiled: then calls without adapters keep to themselves, since graphs
    answer them and not those with.
    """

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        device: torch.device,
        catalog: Callable[[], Catalog],
        *,
        allow_downloads: bool = False,
        has_graphs: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._pipeline = pipeline
        self._device = device
        self._catalog = catalog
        self._local_only = not allow_downloads
        self._max_bytes = max_bytes
        self._twin = Twin(pipeline)
        self._running = Running()
        self._kept: OrderedDict[Version, Lora] = OrderedDict()
        self._known: WeakValueDictionary[int, Lora] = WeakValueDictionary()
        self._failed: OrderedDict[Version, str] = OrderedDict()
        self._modules = guided_modules(pipeline)
        for module in self._modules.values():
            heed_rows(module, self._running, self._known.__getitem__, has_graphs=has_graphs)
            tell_rows(module, lambda: bool(self._known) and not has_graphs)

    def __len__(self) -> int:
        return len(self._kept)

    def choose(self, asked: Sequence[Adapter]) -> Chosen:
        """What a request asks for, read now if need be. Hold it for as long as the request runs.

        Raises JobFailure: `adapter_not_fitting` for a file that is none for this model, `adapter_missing` for one that
        is not there.
        """
        chosen = tuple((self._get(each.id), each.weight) for each in asked)
        self._make_room()
        return chosen

    def _get(self, adapter_id: str) -> Lora:
        catalog = self._catalog()
        try:
            row = catalog.adapter(adapter_id)
            check_takes_loras(self._pipeline)
            file = lora_file(row.source, catalog.local_path, local_only=self._local_only)
            version = version_of(row, file)
        except (NotFound, CheckpointError, OSError) as error:
            raise JobFailure(f"the adapter '{adapter_id}' is not there: {error}", code="adapter_missing") from error
        if version in self._failed:
            raise JobFailure(self._failed[version], code="adapter_not_fitting")
        if version not in self._kept:
            self._kept[version] = self._read(row, file, version)
        self._kept.move_to_end(version)
        return self._kept[version]

    def _read(self, row: AdapterRow, file: Path, version: Version) -> Lora:
        try:
            factors, notes = self._twin.read(file, row.id, self._device)
        except Exception as error:  # whatever converters raise for a file that they were not made for
            if is_device_lost(error) or isinstance(error, torch.OutOfMemoryError):
                raise
            logger.info("an adapter was not read", exc_info=error, extra={"adapter": row.id})
            told = str(error) if isinstance(error, CheckpointError) else f"the LoRA '{row.id}' cannot be read"
            self._failed[version] = told
            while len(self._failed) > MOST_FAILURES:
                self._failed.popitem(last=False)
            raise JobFailure(told, code="adapter_not_fitting") from error
        for path in factors:
            part, _, inner = path.partition(".")
            cover(self._modules[part].get_submodule(inner), path, self._running)
        lora = Lora(next(NUMBERS), factors, bytes_of([*factors.values()]), notes)
        self._known[lora.number] = lora
        return lora

    def _make_room(self) -> None:
        """The last one that was used stays in any case."""
        total = sum(lora.size_bytes for lora in self._kept.values())
        while total > self._max_bytes and len(self._kept) > 1:
            total -= self._kept.popitem(last=False)[1].size_bytes


def version_of(row: AdapterRow, file: Path) -> Version:
    """Raises OSError where the file is gone."""
    seen = file.stat()
    return Version(row.id, row.source, seen.st_mtime_ns, seen.st_size)


def notes_of(chosen: Chosen) -> Iterator[str]:
    """What the job is to be told of its adapters."""
    for lora, _ in chosen:
        yield from lora.notes
