"""Loads what a row replaces: `vae` and `text_encoder`, each a folder, a single file or a hub id in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import load_file
from transformers import CLIPTextModel

from core.catalog.checkpoint_header import read_header
from core.catalog.checkpoint_parts import Tensors, split
from core.catalog.families import INDEX
from core.catalog.model import Model
from core.catalog.tensor_info import CheckpointError
from worker.pipelines.component_classes import class_of, component_config
from worker.pipelines.component_weights import build
from worker.pipelines.weights import check_weights

Locate = Callable[[str], Path | None]

USUAL: Final = {"vae": AutoencoderKL, "text_encoder": CLIPTextModel}
"""The class of a component whose configuration names none, as those of old models."""

NAMES: Final = ("vae", "text_encoder")


def load_overrides(
    row: Model, locate: Locate, dtype: torch.dtype, *, base: Path | None, local_only: bool
) -> dict[str, Any]:
    """The components that `row` names, by name, in `dtype`. `base` has the configurations for single files.

    Raises CheckpointError if one is not found or is no component of its name, JobFailure for unsafe weights.
    """
    named = {name: source for name in NAMES if (source := getattr(row, name))}
    return {
        name: _load(name, source, locate(source) or _cached(source, local_only=local_only), base, dtype)
        for name, source in named.items()
    }


def _load(name: str, source: str, path: Path | None, base: Path | None, dtype: torch.dtype) -> Any:  # noqa: ANN401
    if path is None:
        raise CheckpointError(f"`{name}` is '{source}': neither a folder, nor a file, nor a hub id in the cache")
    if path.is_file():
        return _from_file(name, path, base, dtype)
    folder = path / name if (path / INDEX).is_file() or (path / name / "config.json").is_file() else path
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"`{name}` is '{source}', which has no {name}: there is no {folder}/config.json")
    check_weights(folder)
    return class_in(folder, name).from_pretrained(str(folder), dtype=dtype, use_safetensors=True, local_files_only=True)


def _from_file(name: str, path: Path, base: Path | None, dtype: torch.dtype) -> Any:  # noqa: ANN401
    header = read_header(path)
    if header.format != "safetensors":
        raise CheckpointError(f"`{name}` is {path.name}: a component alone is read from safetensors only")

    tensors: Tensors = load_file(path)
    tensors = split(tensors).components.get(name, tensors)
    if base is None or not (base / name / "config.json").is_file():
        raise CheckpointError(
            f"`{name}` is the single file {path.name}, and nothing says how it is configured: "
            f"give it as a folder with its config.json, or name a folder with {name}/config.json as `config`"
        )
    kind = class_in(base / name, name)
    return build(kind, component_config(kind, base / name, name), tensors, dtype, name)


def class_in(folder: Path, name: str) -> Any:  # noqa: ANN401
    """The class that the configuration in `folder` names. Raises CheckpointError for one that no library has."""
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    diffusers_class, architectures = told.get("_class_name"), told.get("architectures")
    if diffusers_class:
        return class_of("diffusers", diffusers_class)
    return class_of("transformers", architectures[0]) if architectures else USUAL[name]


def _cached(source: str, *, local_only: bool) -> Path | None:
    try:
        return Path(snapshot_download(source, local_files_only=local_only, allow_patterns=["*.json", "*.safetensors"]))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None
