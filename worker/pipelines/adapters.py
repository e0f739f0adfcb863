"""The adapters of one resident model: what of them a request asks for, read now if need be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import torch

from core.catalog.adapter import IN_WORDS, AdapterRow
from core.catalog.catalog import Catalog
from core.jobs import Adapter
from worker.pipelines.adapter_cache import AdapterCache
from worker.pipelines.control_nets import ControlNets
from worker.pipelines.describers import Describers
from worker.pipelines.image_adapters import ImageAdapters
from worker.pipelines.lora_factors import Twin, bytes_of, guided_modules
from worker.pipelines.lora_rows import Lora, cover
from worker.pipelines.loras import check_takes_loras, lora_file
from worker.pipelines.row_guides import NUMBERS, Guide, Running, heed_rows, tell_rows

MAX_BYTES: Final = 2**30
"""Of all LoRAs of a model that no request uses; those that are in use stay."""

Loras = tuple[tuple[Lora, float], ...]
"""Those of one request, each with how strongly."""


class LoraCache(AdapterCache[Lora]):
    """LoRAs beside `pipeline`, whose layers heed what a forward that is `running` asks of them."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        device: torch.device,
        catalog: Callable[[], Catalog],
        running: Running,
        guides: MutableMapping[int, Guide],
        max_bytes: int,
        *,
        local_only: bool,
    ) -> None:
        super().__init__(catalog, max_bytes, local_only=local_only)
        self._pipeline = pipeline
        self._device = device
        self._running = running
        self._guides = guides
        self._modules = guided_modules(pipeline)
        self._twin = Twin(pipeline)

    def find(self, row: AdapterRow) -> Path:
        check_takes_loras(self._pipeline)
        return lora_file(row.source, self._catalog().local_path, local_only=self._local_only)

    def read(self, row: AdapterRow, place: Path) -> Lora:
        factors, notes = self._twin.read(place, row.id, self._device)
        for path in factors:
            part, _, inner = path.partition(".")
            cover(self._modules[part].get_submodule(inner), path, self._running)
        lora = Lora(next(NUMBERS), factors, bytes_of([*factors.values()]), notes)
        self._guides[lora.number] = lora
        return lora


class Adapters:
    """Those that the catalogue has for `pipeline`, whose layers heed them from now on.

    `has_graphs` says that its forwards may be compiled: then calls without adapters keep to themselves, since graphs
    answer them and not those with. `controls` and `images` are those that a picture is given to.
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
        self._catalog = catalog
        self._running = Running()
        self._guides: WeakValueDictionary[int, Guide] = WeakValueDictionary()
        self._loras = LoraCache(
            pipeline, device, catalog, self._running, self._guides, max_bytes, local_only=not allow_downloads
        )
        self.controls = ControlNets(pipeline, device, catalog, local_only=not allow_downloads)
        self.describers = Describers(pipeline, device, catalog, local_only=not allow_downloads)
        self.images = ImageAdapters(
            pipeline, device, catalog, self._running, self._guides, local_only=not allow_downloads
        )
        for name, module in guided_modules(pipeline).items():
            denoises = not name.startswith("text_encoder")
            heed_rows(module, self._running, self._guides.__getitem__, has_graphs=has_graphs)
            tell_rows(module, lambda: bool(self._guides) and not has_graphs, denoises=denoises)

    def __len__(self) -> int:
        return len(self._loras)

    def is_describer(self, adapter_id: str) -> bool:
        """Whether the adapter of that id, if there is one, puts pictures into words."""
        return any(row.id == adapter_id and row.kind in IN_WORDS for row in self._catalog().adapters)

    def loras(self, asked: Sequence[Adapter]) -> Loras:
        """What a request asks for, read now if need be. Hold it for as long as the request runs.

        Raises JobFailure: `adapter_not_fitting` for a file that is none for this model, `adapter_missing` for one that
        is not there.
        """
        chosen = tuple((self._loras.get(each.id), each.weight) for each in asked)
        self._loras.make_room(len(chosen))
        return chosen


def notes_of(loras: Loras) -> Iterator[str]:
    """What the job is to be told of its LoRAs."""
    for lora, _ in loras:
        yield from lora.notes
