"""Writes a model once as a diffusers folder in the precision that it runs in, so that it starts fast."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core.catalog.model import Model
from core.errors import EaselError, JobFailure
from worker.pipelines.load_faults import reason_of
from worker.pipelines.loading import open_model
from worker.pipelines.weights import check_weights

Locate = Callable[[str], Path | None]


def convert(row: Model, locate: Locate, folder: Path, dtype: torch.dtype, *, allow_downloads: bool = False) -> Path:
    """Write the model of `row`, with what it replaces, as the new folder `folder` in `dtype`, and return the folder.

    The folder is there whole or not at all. Raises JobFailure (`model_load_failed`) if the model cannot be loaded or
    the disk has no room, and EaselError if `folder` is there.
    """
    if folder.exists():
        raise EaselError(f"{folder} is there already: name another one, or remove it")
    try:
        pipeline = open_model(row, locate, dtype, local_only=not allow_downloads)
    except Exception as error:
        raise JobFailure(
            f"model '{row.id}' could not be loaded: {reason_of(error, row)}", code="model_load_failed"
        ) from error
    if any(getattr(part, "hf_quantizer", None) is not None for part in pipeline.components.values()):
        raise JobFailure(f"model '{row.id}' is quantised: it is loaded as it is", code="model_load_failed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed, free = size_of(pipeline), shutil.disk_usage(folder.parent).free
    if needed * 1.05 > free:
        raise JobFailure(
            f"no room for {folder}: it needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            code="model_load_failed",
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        whole = Path(made) / "model"
        pipeline.save_pretrained(whole, safe_serialization=True)
        check_weights(whole)
        whole.rename(folder)
    return folder


def size_of(pipeline: Any) -> int:  # noqa: ANN401 - any diffusers pipeline
    """The bytes of a pipeline's weights."""
    modules = [each for each in pipeline.components.values() if isinstance(each, torch.nn.Module)]
    return sum(tensor.numel() * tensor.element_size() for module in modules for tensor in module.state_dict().values())
