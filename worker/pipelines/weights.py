"""Knows a safetensors file by its content and refuses a model folder with other weights. Loads nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from core.errors import JobFailure

MAX_HEADER_BYTES: Final = 100_000_000
"""The limit of the format itself (https://github.com/huggingface/safetensors)."""

WEIGHT_SUFFIXES: Final = frozenset(
    {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5", ".onnx"}
)


def check_weights(folder: Path) -> None:
    """Raise JobFailure (`model_load_failed`) unless every component's weights are safetensors by content.

    Other weight files may lie beside safetensors of the same component: they are never opened.
    """
    by_component: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in WEIGHT_SUFFIXES:
            by_component.setdefault(path.parent, []).append(path)
    for files in by_component.values():
        safe = [path for path in files if path.suffix == ".safetensors"]
        for path in safe:
            if not is_safetensors(path):
                raise JobFailure(
                    f"'{path.relative_to(folder)}' of the model is not a safetensors file, whatever its name says",
                    code="model_load_failed",
                )
        if not safe:
            raise JobFailure(
                f"'{files[0].relative_to(folder)}' of the model is not safetensors; load the model once where you "
                "trust it and save it again with save_pretrained(..., safe_serialization=True)",
                code="model_load_failed",
            )


def is_safetensors(path: Path) -> bool:
    """Whether the file starts with a safetensors header: its length as 8 bytes, then JSON that names tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            return False
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return False
    if not isinstance(header, dict):
        return False
    tensors = (entry for name, entry in header.items() if name != "__metadata__")
    return all(isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= entry.keys() for entry in tensors)
