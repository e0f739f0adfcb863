"""The resident models: loaded when they are first asked for, and dropped to make room for others."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final

import torch

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.catalog.watched import WatchedCatalog
from core.errors import JobFailure
from worker.allocator import free
from worker.backends.backends import Backends
from worker.faults import is_device_lost
from worker.pipelines.adapters import Adapters
from worker.pipelines.components import is_hookable, lay_out_vae
from worker.pipelines.devices import device_named
from worker.pipelines.load_failures import CODE, LoadFailures
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.loading import load, quiet_libraries
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.row_padding import let_denoisers_wrap

logger = logging.getLogger(__name__)

FOR_REQUESTS: Final = frozenset(
    {"description", "license", "aliases", "queue", "size", "num_inference_steps", "max_steps", "guidance_scale"}
    | {"schedulers", "max_images", "max_work", "reference_pixels", "references", "styles"}
)
"""What of a row is used up when a request is accepted: a change of anything else means another model."""


class Models:
    """The resident models: loaded once; the least recently used leaves when there are more than `max_resident`.

    Small networks are not counted, and stay.

    The catalogue may change: a model whose row is another now is loaded anew once it is not in use, and one that has
    no row any more leaves. A model that could not be loaded is left alone for a while, as `failures` says.
    `backends` says what computes the forwards of a model whose calls may be parked; without, torch does.
    `device` auto is the best that this machine has; without `allow_downloads` hub ids load from the local cache only.
    """

    def __init__(
        self,
        catalog: Catalog | WatchedCatalog,
        memory: MemoryOptions | None = None,
        device: torch.device | str = "auto",
        *,
        max_resident: int = 1,
        allow_downloads: bool = False,
        backends: Backends | None = None,
    ) -> None:
        self._catalog = catalog
        self.device = device_named(device)
        self.max_resident = max_resident
        self.failures = LoadFailures(allow_downloads=allow_downloads)
        self.loading: str | None = None
        self._memory = memory or MemoryOptions()
        self._allow_downloads = allow_downloads
        self._backends = backends
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        quiet_libraries()

    @property
    def catalog(self) -> Catalog:
        """The catalogue that is in force now."""
        return self._catalog.current() if isinstance(self._catalog, WatchedCatalog) else self._catalog

    @property
    def loaded(self) -> tuple[str, ...]:
        """Ids of the resident models, the most recently used last."""
        return tuple(self._loaded)

    @property
    def backends(self) -> dict[str, str]:
        """What computes each of the resident models, in words; any thread may ask."""
        return {model_id: str(model.backend) for model_id, model in list(self._loaded.items())}

    def preload(self, model_ids: Iterable[str]) -> None:
        """Load those that are not resident yet and can be; of the others `failures` knows why."""
        for model_id in model_ids:
            try:
                self.get(model_id)
            except JobFailure as failure:
                logger.error("a model is not served: %s", failure)

    def has_room_for(self, model_id: str, in_use: Collection[str]) -> bool:
        """Whether `model_id` is resident, or can be loaded without dropping a model that is in use."""
        if model_id in self._loaded:
            return model_id not in in_use or not self._is_stale(self._loaded[model_id], self.catalog)
        small = any(row.id == model_id and row.is_small for row in self.catalog.models)
        return small or len(self._large(in_use)) < self.max_resident

    def get(self, model_id: str, in_use: Collection[str] = ()) -> LoadedModel:
        """The model, loaded now if need be; models `in_use` are not dropped for it.

        Raises JobFailure (`model_load_failed`) and NotFound (`model_not_found`).
        """
        catalog = self.catalog
        row = catalog.model(model_id)
        self.drop_stale(in_use)
        if row.id not in self._loaded:
            if told := self.failures.pausing(row, catalog):
                raise JobFailure(told.message, code=CODE)
            if not row.is_small:
                self._make_room(in_use)
            self._loaded[row.id] = self._load(row, catalog)
        self._loaded.move_to_end(row.id)
        return self._loaded[row.id]

    def drop_stale(self, in_use: Collection[str] = ()) -> None:
        """Let go of models that have no row any more, or another one, unless they are in use."""
        catalog = self.catalog
        for model_id, model in [*self._loaded.items()]:
            if model_id not in in_use and self._is_stale(model, catalog):
                self._drop(model_id)

    def _load(self, row: Model, catalog: Catalog) -> LoadedModel:
        """Raises JobFailure, once what was loaded until then is freed: the next model must still fit."""
        self.loading = row.id
        try:
            model = load(row, catalog.local_path, self.device, self._memory, allow_downloads=self._allow_downloads)
        except Exception as error:
            if is_device_lost(error):
                raise
            if not isinstance(error, JobFailure):
                logger.exception("model load failed", extra={"model": row.id})
            told = self.failures.note(row, catalog, error)
        else:
            self.failures.forget(row.id)
            if self._backends is not None and row.draws and is_hookable(model.pipeline):
                model.backend = self._backends.install(model.pipeline, row.backend)
            let_denoisers_wrap(model.pipeline)
            if model.backend.name == "eager":
                lay_out_vae(model.pipeline, self.device)
            if hasattr(model.pipeline, "load_lora_weights"):
                model.adapters = self._adapters(model)
            return model
        finally:
            self.loading = None
        free()
        raise JobFailure(told.message, code=CODE)

    def _adapters(self, model: LoadedModel) -> Adapters:
        return Adapters(
            model.pipeline,
            self.device,
            lambda: self.catalog,
            allow_downloads=self._allow_downloads,
            has_graphs=model.backend.name != "eager",
        )

    def _make_room(self, in_use: Collection[str]) -> None:
        large = self._large(self._loaded)
        idle = [model_id for model_id in large if model_id not in in_use]
        for model_id in idle[: max(0, len(large) - self.max_resident + 1)]:
            self._drop(model_id)

    def _large(self, model_ids: Iterable[str]) -> list[str]:
        """Those that are counted, each once."""
        loaded = (self._loaded[model_id] for model_id in dict.fromkeys(model_ids) if model_id in self._loaded)
        return [model.row.id for model in loaded if not model.row.is_small]

    def _drop(self, model_id: str) -> None:
        del self._loaded[model_id]
        free()
        logger.info("model dropped", extra={"model": model_id})

    def _is_stale(self, model: LoadedModel, catalog: Catalog) -> bool:
        row = next((row for row in catalog.models if row.id == model.row.id), None)
        return row is None or row.model_dump(exclude={*FOR_REQUESTS}) != model.row.model_dump(exclude={*FOR_REQUESTS})
