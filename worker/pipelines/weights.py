"""Tells a safetensors file by its content, and refuses a model folder with other weights before any is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from core.errors import JobFailure

WEIGHT_SUFFIXES: Final = frozenset(
    {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5", ".onnx"}
)


def check_weights(folder: Path) -> None:
    """Raise JobFailure (`model_load_failed`) unless every component's weights are safetensors by content.

    Other weight files may lie beside safetensors of the same component: they are never opened.
    """
    for index in sorted(folder.rglob("*.safetensors.index.json")):
        if strange := strange_shards(index):
            raise JobFailure(
                f"'{index.relative_to(folder)}' of the model names '{strange[0]}': no safetensors file beside it",
                code="model_load_failed",
            )
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
    """Whether the format's own parser takes the header and finds all of what it names in the file, no more or less."""
    try:
        with safe_open(path, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def strange_shards(index: Path) -> list[str]:
    """What the index of a split file names besides safetensors: whoever loads it would open that too, by its name."""
    try:
        named = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return [index.name]
    return sorted(name for name in named if not name.endswith(".safetensors") or "/" in name or "\\" in name)
