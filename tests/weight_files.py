"""Writes files of weights that have a true header and no weights: sparse, so that their size costs nothing."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I64": 8, "U8": 1}

Shapes = Mapping[str, tuple[int, ...]]


def safetensors_of(
    path: Path, shapes: Shapes, dtype: str = "F16", metadata: dict[str, str] | None = None, **types: str
) -> Path:
    """A safetensors file of zeros of `shapes`, in `dtype` but for those named in `types` by how they end."""
    at, rows = 0, {"__metadata__": metadata} if metadata else {}
    for name, shape in shapes.items():
        kind = next((each for end, each in types.items() if name.endswith(end)), dtype)
        size = prod(shape) * BYTES[kind]
        rows[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size]}  # type: ignore[assignment]
        at += size
    text = json.dumps(rows).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
    return path


def gguf_of(path: Path, shapes: Shapes, metadata: Mapping[str, str]) -> Path:
    """A GGUF file (version 3) of F16 tensors of `shapes`, all zero."""
    text = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    for key, value in metadata.items():
        text += string(key) + struct.pack("<I", 8) + string(value)
    at = 0
    for name, shape in shapes.items():
        text += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), 1, at)
        at += -(-prod(shape) * 2 // 32) * 32
    with path.open("wb") as file:
        file.write(text)
        file.truncate(-(-len(text) // 32) * 32 + at)
    return path


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
