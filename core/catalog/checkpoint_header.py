"""Reads what a file of weights says of itself, its tensors' names, types and shapes, without reading the weights.

Formats: safetensors (https://github.com/huggingface/safetensors#format) and GGUF versions 2 and 3
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeGuard

from core.catalog.gguf_header import GGUF_MAGIC, read_gguf
from core.catalog.tensor_info import CheckpointError, TensorInfo

MAX_HEADER: Final = 8 * 2**20
"""Bytes of a safetensors header: those of real models have some hundred thousand."""

BITS: Final = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}

PICKLES: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
LFS_POINTER: Final = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Header:
    """Format, tensors by name and the metadata, strings by name, of a file of `length` bytes."""

    path: Path
    format: Literal["safetensors", "gguf"]
    length: int
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str] = field(default_factory=dict)

    def values(self, name: str, most: int = 4096) -> bytes:
        """The bytes of the small tensor `name`. Raises CheckpointError if it is larger than `most` bytes."""
        tensor = self.tensors[name]
        size = tensor.end - tensor.begin
        if size > most:
            raise CheckpointError(f"'{name}' of {self.path.name} is no small tensor: {size} bytes")
        with self.path.open("rb") as file:
            file.seek(tensor.begin)
            return file.read(size)


def read_header(path: Path) -> Header:
    """The header of `path`, its format told by its first bytes. Raises CheckpointError, in words for people."""
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] == GGUF_MAGIC:
                tensors, metadata = read_gguf(file, length, path.name)
                return Header(path, "gguf", length, tensors, metadata)
            text = _safetensors_text(file, start, length, path.name)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    tensors, metadata = _safetensors(text, 8 + len(text), length, path.name)
    return Header(path, "safetensors", length, tensors, metadata)


def _safetensors_text(file: IO[bytes], start: bytes, length: int, name: str) -> bytes:
    """The JSON of the header, told by its length and its brace: a length alone can look like a pickle's beginning."""
    if length == 0:
        raise CheckpointError(f"{name} is empty")
    size = int.from_bytes(start, "little")
    if len(start) == 8 and size >= 2 and file.read(1) == b"{":
        if size > length - 8:
            raise CheckpointError(f"{name} is cut short: {length} of at least {8 + size} bytes")
        if size > MAX_HEADER:
            raise CheckpointError(f"{name} has a header of {size} bytes, over the {MAX_HEADER} that are read")
        return b"{" + file.read(size - 1)
    if start.startswith(PICKLES):
        raise CheckpointError(
            f"{name} is a pickle, whatever its name says, and a pickle can run code: it is never opened; "
            "convert it to safetensors where you trust it"
        )
    if start == LFS_POINTER[:8]:
        raise CheckpointError(f"{name} is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'")
    raise CheckpointError(f"{name} is neither safetensors nor GGUF")


def _safetensors(text: bytes, start: int, length: int, name: str) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{name} is not safetensors: its header is no JSON") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{name} is not safetensors: its header is no JSON object")
    told = document.pop("__metadata__", None) or {}
    metadata = {key: value for key, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
    tensors = {key: _tensor(key, row, start, name) for key, row in document.items()}
    at = start
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != at:
            raise CheckpointError(f"{name} is damaged: its tensors overlap or leave holes")
        at = tensor.end
    if at > length:
        raise CheckpointError(f"{name} is cut short: {length} of {at} bytes; download it again")
    if at < length:
        raise CheckpointError(f"{name} is damaged: {length - at} bytes follow its last tensor")
    return tensors, metadata


def _tensor(key: str, row: Any, start: int, name: str) -> TensorInfo:  # noqa: ANN401 - JSON
    wrong = CheckpointError(f"{name} is damaged: its header describes '{key[:80]}' wrongly")
    if not isinstance(row, dict):
        raise wrong
    dtype, shape, offsets = row.get("dtype"), row.get("shape"), row.get("data_offsets")
    if not (isinstance(dtype, str) and _sizes(shape) and _sizes(offsets) and len(offsets) == 2):
        raise wrong
    if dtype not in BITS:
        raise CheckpointError(f"{name} has a tensor of the unknown type '{dtype[:20]}'")
    if len(shape) > 8 or (offsets[1] - offsets[0]) * 8 != prod(shape) * BITS[dtype]:
        raise wrong
    return TensorInfo(dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _sizes(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 2**62 for each in value)
