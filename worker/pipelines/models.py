"""The resident models: loaded when they are first asked for, and dropped to make room for others."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable

import torch

from core.catalog.catalog import Catalog
from worker.allocator import give_memory_back
from worker.pipelines.devices import pick_device
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.loading import load, quiet_libraries
from worker.pipelines.memory import MemoryOptions

logger = logging.getLogger(__name__)


class Models:
    """The resident models: loaded once; the least recently used leaves when there are more than `max_resident`.

    `device` auto is the best that this machine has; without `allow_downloads` hub ids load from the local cache only.
    """

    def __init__(
        self,
        catalog: Catalog,
        memory: MemoryOptions | None = None,
        device: torch.device | str = "auto",
        *,
        max_resident: int = 1,
        allow_downloads: bool = False,
    ) -> None:
        self.catalog = catalog
        self.device = pick_device() if device == "auto" else torch.device(device)
        self.max_resident = max_resident
        self._memory = memory or MemoryOptions()
        self._allow_downloads = allow_downloads
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        quiet_libraries()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Ids of the resident models, the most recently used last."""
        return tuple(self._loaded)

    def preload(self, model_ids: Iterable[str]) -> None:
        """Load those that are not resident yet. Raises as `get`."""
        for model_id in model_ids:
            self.get(model_id)

    def has_room_for(self, model_id: str, in_use: Collection[str]) -> bool:
        """Whether `model_id` is resident, or can be loaded without dropping a model that is in use."""
        return model_id in self._loaded or len(set(in_use)) < self.max_resident

    def get(self, model_id: str, in_use: Collection[str] = ()) -> LoadedModel:
        """The model, loaded now if need be; models `in_use` are not dropped for it.

        Raises JobFailure (`model_load_failed`) and NotFound (`model_not_found`).
        """
        if model_id not in self._loaded:
            row = self.catalog.model(model_id)
            self._make_room(in_use)
            self._loaded[model_id] = load(
                row,
                self.catalog.local_path,
                self.device,
                self._memory,
                allow_downloads=self._allow_downloads,
            )
        self._loaded.move_to_end(model_id)
        return self._loaded[model_id]

    def _make_room(self, in_use: Collection[str]) -> None:
        idle = [model_id for model_id in self._loaded if model_id not in in_use]
        for model_id in idle[: max(0, len(self._loaded) - self.max_resident + 1)]:
            del self._loaded[model_id]
            # Pipelines hold themselves in cycles: without this the weights would stay until some later collection.
            gc.collect()
            give_memory_back()
            logger.info("model dropped", extra={"model": model_id})
