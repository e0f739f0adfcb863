"""Reads the weights of a network: safetensors, by content."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open

from core.errors import JobFailure
from worker.pipelines.weights import is_safetensors


def weights_in(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of the file in float32, by name, and its metadata. Raises JobFailure for any other file."""
    if not path.is_file() or not is_safetensors(path):
        raise JobFailure(
            f"{path.name} is not a safetensors file, and no other weights are read", code="model_load_failed"
        )
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).float() for name in file.keys()}, dict(file.metadata() or {})
