"""Loads pipelines from folders or the hub and keeps them resident. Knows nothing of batches or queues."""

from __future__ import annotations

import copy
import gc
import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    DiffusionPipeline,
)

from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import JobFailure
from core.schedulers import Scheduler
from worker.allocator import give_memory_back
from worker.contract import DrawRequest
from worker.engine.hooks import is_hookable
from worker.faults import is_device_lost
from worker.pipelines.devices import pick_device, pick_dtype
from worker.pipelines.families import FAMILIES, FamilyCalls
from worker.pipelines.memory import MemoryOptions, apply_savers, free_memory
from worker.pipelines.schedulers import build_scheduler
from worker.pipelines.weights import check_weights

logger = logging.getLogger(__name__)

AUTO_PIPELINES: Final[dict[Task, Any]] = {
    "text-to-image": AutoPipelineForText2Image,
    "image-to-image": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
}


SCHEDULERS_KEPT: Final = 32


class LoadedModel:
    """A resident pipeline; requests get shallow copies of it, with the components shared."""

    def __init__(self, row: Model, pipeline: Any, device: torch.device) -> None:  # noqa: ANN401 - diffusers is untyped
        self.row = row
        self.device = device
        self.pipeline = pipeline
        self._by_task: dict[Task, Any] = {}
        # Building one takes milliseconds; pipelines set every state of a scheduler anew before the first step.
        self._scheduler = lru_cache(maxsize=SCHEDULERS_KEPT)(self._new_scheduler)

    @property
    def family(self) -> Family:
        return self.row.family

    @property
    def calls(self) -> FamilyCalls:
        return FAMILIES[self.row.family]

    def pipeline_for(self, request: DrawRequest) -> Any:  # noqa: ANN401
        """A pipeline object of the request's own: shared components, a fresh scheduler.

        Raises JobFailure (`task_not_supported`) if no pipeline of the family does the task.
        """
        if request.task not in self._by_task:
            self._by_task[request.task] = self._build(request.task)
        pipeline = copy.copy(self._by_task[request.task])
        pipeline.scheduler = copy.copy(self._scheduler(request.scheduler, request.num_inference_steps))
        return pipeline

    def _new_scheduler(self, name: Scheduler, steps: int) -> Any:  # noqa: ANN401
        return build_scheduler(name, self.pipeline.scheduler.config, steps)

    def _build(self, task: Task) -> Any:  # noqa: ANN401
        if task not in self.calls.TASKS:
            raise JobFailure(f"model '{self.row.id}' does not do {task}", code="task_not_supported")
        pipeline = AUTO_PIPELINES[task].from_pipe(self.pipeline)
        pipeline.set_progress_bar_config(disable=True)
        return settled(pipeline, self.device) if is_hookable(pipeline) else pipeline


def settled(pipeline: Any, device: torch.device) -> Any:  # noqa: ANN401
    """`pipeline`, told where it runs.

    A stock pipeline looks for hooks that say so in every module it has, five times a call: milliseconds of Python in
    which no forward runs.
    """
    stock = type(pipeline)
    pipeline.__class__ = type(stock.__name__, (stock,), {"_execution_device": property(lambda self: device)})
    return pipeline


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
            self._loaded[model_id] = self._load(row)
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

    def _load(self, row: Model) -> LoadedModel:
        started = time.monotonic()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        folder = self.catalog.local_folder(row)
        if folder is not None:
            check_weights(folder)
        dtype = pick_dtype(self.device, row.family, self._memory.dtype)
        try:
            pipeline = open_pipeline(row, folder, dtype, local_only=not self._allow_downloads).to(self.device)
        except Exception as error:
            if is_device_lost(error):
                raise
            logger.exception("model load failed", extra={"model": row.id})
            raise JobFailure(
                f"model '{row.id}' could not be loaded; the worker's log says why", code="model_load_failed"
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        if row.family is Family.SDXL:
            keep_vae_wide(pipeline.vae)
        size = row.size
        apply_savers(pipeline, self._memory, size.width * size.height, free_memory(self.device))
        logger.info("model loaded", extra={"model": row.id, "seconds": round(time.monotonic() - started, 2)})
        return LoadedModel(row, pipeline, self.device)


def quiet_libraries() -> None:
    """Keep progress bars and advice for notebooks out of a server's log."""
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


def open_pipeline(row: Model, folder: Path | None, dtype: torch.dtype, *, local_only: bool) -> Any:  # noqa: ANN401
    """Stock diffusers loading: safetensors only, no code from the model's repository."""
    stock: Any = DiffusionPipeline
    return stock.from_pretrained(
        str(folder) if folder is not None else row.source,
        revision=row.revision,
        variant=half_variant(folder),
        dtype=dtype,
        use_safetensors=True,
        local_files_only=local_only,
        trust_remote_code=False,
    )


def half_variant(folder: Path | None) -> str | None:
    """`fp16` if the folder has its weights in that variant only."""
    if folder is None or any(p for p in folder.glob("*/*.safetensors") if ".fp16." not in p.name):
        return None
    return "fp16" if any(folder.glob("*/*.fp16.safetensors")) else None


def keep_vae_wide(vae: Any) -> None:  # noqa: ANN401
    """Hold an autoencoder that overflows in half precision in float32 for good.

    The SDXL pipelines move it to float32 and back around every call; with two requests under way one would move it
    under the other.
    """
    if vae.config.get("force_upcast"):
        if vae.dtype == torch.float16:
            vae.to(dtype=torch.float32)
        vae.register_to_config(force_upcast=False)
