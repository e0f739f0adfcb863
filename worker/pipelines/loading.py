"""Loads one model from a folder or the hub, in the precision and with the memory savers that fit the device."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline

from core.catalog.checkpoint import CheckpointError, read_checkpoint
from core.catalog.hub_cache import snapshot_of
from core.catalog.model import Model, Precision
from core.errors import JobFailure
from worker.faults import is_device_lost
from worker.pipelines.components import keep_vae_wide
from worker.pipelines.config_folders import config_folder
from worker.pipelines.devices import pick_dtype
from worker.pipelines.families import leaves_half, traits_of
from worker.pipelines.load_faults import reason_of
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.loras import load_loras
from worker.pipelines.memory import MemoryOptions, apply_savers, free_memory
from worker.pipelines.networks import open_network
from worker.pipelines.overrides import load_overrides
from worker.pipelines.schedulers import unknown_settings
from worker.pipelines.single_file import open_single_file
from worker.pipelines.textual_inversions import load_embeddings
from worker.pipelines.weights import check_weights

logger = logging.getLogger(__name__)

Locate = Callable[[str], Path | None]
"""The folder or file that a row's source names, None where it is a hub id: `Catalog.local_path`."""


def load(
    row: Model, locate: Locate, device: torch.device, memory: MemoryOptions, *, allow_downloads: bool
) -> LoadedModel:
    """The model of `row` on `device`; `locate` finds what its sources name here, else they are hub ids.

    Raises JobFailure (`model_load_failed`), or what a lost device says.
    """
    started = time.monotonic()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if not row.draws:
        return load_network(row, locate, device, memory.dtype)
    traits = traits_of(row.family)
    dtype = dtype_of(row, locate, device, memory.dtype)
    try:
        pipeline = open_model(row, locate, dtype, local_only=not allow_downloads).to(device)
        load_loras(pipeline, row, locate, local_only=not allow_downloads)
        load_embeddings(pipeline, row, locate)
        pipeline.set_progress_bar_config(disable=True)
        keep_vae_wide(pipeline)
        for adjust in traits.after_load:
            adjust(pipeline)
        apply_savers(pipeline, memory, row.size.width * row.size.height, free_memory(device))
    except JobFailure:
        raise
    except Exception as error:
        if is_device_lost(error):
            raise
        logger.exception("model load failed", extra={"model": row.id})
        raise JobFailure(
            f"model '{row.id}' could not be loaded: {reason_of(error, row)}", code="model_load_failed"
        ) from error
    if unknown := unknown_settings(row.scheduler_config, getattr(pipeline, "scheduler", None)):
        logger.warning("settings that no sampler has", extra={"model": row.id, "scheduler_config": unknown})
    logger.info("model loaded", extra={"model": row.id, "seconds": round(time.monotonic() - started, 2)})
    return LoadedModel(row, pipeline, device)


def load_network(row: Model, locate: Locate, device: torch.device, asked: Precision) -> LoadedModel:
    """A model that draws nothing. Raises JobFailure (`model_load_failed`), or what a lost device says."""
    try:
        network = open_network(row, locate, pick_dtype(device, row.dtype or asked, half_overflows=False))
        network.module.to(device)
    except JobFailure as error:
        raise JobFailure(f"model '{row.id}' could not be loaded: {error.message}", code="model_load_failed") from error
    except Exception as error:
        if is_device_lost(error):
            raise
        logger.exception("model load failed", extra={"model": row.id})
        raise JobFailure(
            f"model '{row.id}' could not be loaded: {reason_of(error, row)}", code="model_load_failed"
        ) from error
    return LoadedModel(row, network, device)


def dtype_of(row: Model, locate: Locate, device: torch.device, asked: Precision) -> torch.dtype:
    """What the weights of `row` are held in on `device`: as the row says, else as `asked` for."""
    folder = locate(row.source) or snapshot_of(row.source, row.revision)
    components = {part.name for part in folder.iterdir()} if folder is not None and folder.is_dir() else set()
    return pick_dtype(device, row.dtype or asked, half_overflows=leaves_half(row.family, components))


def quiet_libraries() -> None:
    """Keep progress bars and advice for notebooks out of a server's log."""
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


def open_model(row: Model, locate: Locate, dtype: torch.dtype, *, local_only: bool) -> Any:  # noqa: ANN401
    """The pipeline of `row` in `dtype`, on the CPU, from a folder, a hub id or a single file, with what it replaces.

    Raises CheckpointError and JobFailure in words for the owner of the machine, or what diffusers raises.
    """
    path = locate(row.source) or snapshot_of(row.source, row.revision)
    if path is None or path.is_dir():
        if path is not None:
            check_weights(path)
        given = load_overrides(row, locate, dtype, base=path, local_only=local_only)
        return open_pipeline(row, path, dtype, given, local_only=local_only)
    checkpoint = read_checkpoint(path)
    if checkpoint.refusal:
        raise CheckpointError(f"{path.name} cannot be loaded: {checkpoint.refusal}")
    folder = config_folder(row.config, checkpoint, path, locate, local_only=local_only)
    given = load_overrides(row, locate, dtype, base=folder, local_only=local_only)
    return open_single_file(row, path, checkpoint, folder, dtype, given)


def open_pipeline(
    row: Model, folder: Path | None, dtype: torch.dtype, given: Mapping[str, Any], *, local_only: bool
) -> Any:  # noqa: ANN401
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
        **given,
    )


def half_variant(folder: Path | None) -> str | None:
    """`fp16` if the folder has its weights in that variant only."""
    if folder is None or any(p for p in folder.glob("*/*.safetensors") if ".fp16." not in p.name):
        return None
    return "fp16" if any(folder.glob("*/*.fp16.safetensors")) else None
