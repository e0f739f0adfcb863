"""Reads the header of a GGUF file, versions 2 and 3, in bounded memory.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from math import prod
from typing import IO, Final

from core.catalog.tensor_info import CheckpointError, TensorInfo

GGUF_MAGIC: Final = b"GGUF"
MAX_TENSORS: Final = 65536
MAX_ENTRIES: Final = 65536
MAX_ITEMS: Final = 2**21
"""Strings and arrays within arrays in all of the metadata: a language model's vocabulary has some hundred thousand."""

MAX_TEXT: Final = 2**16
MAX_DEPTH: Final = 4

SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value, by the number of its type."""

STRING: Final = 8
ARRAY: Final = 9

TYPES: Final = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
}  # fmt: skip
"""Name, values in a block and bytes of a block, by the number of a tensor's type."""


class _Reader:
    """Reads little-endian values; every error is one of the file's."""

    def __init__(self, file: IO[bytes], length: int, name: str) -> None:
        self.file, self.length, self.name, self.items = file, length, name, 0

    def take(self, size: int) -> bytes:
        taken = self.file.read(size)
        if len(taken) < size:
            raise CheckpointError(f"{self.name} is cut short within its header: {self.length} bytes")
        return taken

    def skip(self, size: int) -> None:
        if self.file.tell() + size > self.length:
            raise CheckpointError(f"{self.name} is cut short within its header: {self.length} bytes")
        self.file.seek(size, 1)

    def number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(code)))[0])

    def text(self) -> str:
        size = self.number("Q")
        if size > MAX_TEXT:
            self.skip(size)
            return ""
        return self.take(size).decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> str:
        """A string or whole number, as text; whatever else there is is passed over."""
        self.items += 1
        if self.items > MAX_ITEMS or depth > MAX_DEPTH:
            raise CheckpointError(f"{self.name} has more metadata than a GGUF file of a model has")
        if kind == STRING:
            return self.text()
        if kind in (4, 10):
            return str(self.number("I" if kind == 4 else "Q"))
        if kind in SCALARS:
            self.skip(SCALARS[kind])
            return ""
        if kind != ARRAY:
            raise CheckpointError(f"{self.name} is damaged: metadata of the unknown type {kind}")
        of, count = self.number("I"), self.number("Q")
        if of in SCALARS:
            self.skip(count * SCALARS[of])
            return ""
        for _ in range(min(count, MAX_ITEMS + 1)):
            self.value(of, depth + 1)
        return ""


def read_gguf(file: IO[bytes], length: int, name: str) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Tensors and metadata of the GGUF file `file` of `length` bytes. Raises CheckpointError."""
    reader = _Reader(file, length, name)
    file.seek(len(GGUF_MAGIC))
    version = reader.number("I")
    if version not in (2, 3):
        raise CheckpointError(f"{name} is GGUF of version {version}; versions 2 and 3 are read")
    count, entries = reader.number("Q"), reader.number("Q")
    if count > MAX_TENSORS or entries > MAX_ENTRIES:
        raise CheckpointError(f"{name} is damaged: it claims {count} tensors and {entries} entries of metadata")
    metadata = {}
    for _ in range(entries):
        key = reader.text()
        metadata[key] = reader.value(reader.number("I"))
    rows = []
    for _ in range(count):
        key, axes = reader.text(), reader.number("I")
        if axes > 8:
            raise CheckpointError(f"{name} is damaged: the tensor '{key[:80]}' has {axes} axes")
        shape = tuple(reader.number("Q") for _ in range(axes))[::-1]
        rows.append((key, shape, reader.number("I"), reader.number("Q")))
    aligned = metadata.get("general.alignment", "32")
    alignment = int(aligned) if aligned.isdigit() and 0 < int(aligned) <= 2**20 else 32
    start = -(-file.tell() // alignment) * alignment
    tensors = {key: _tensor(key, shape, kind, start + offset, name) for key, shape, kind, offset in rows}
    ends = max((tensor.end for tensor in tensors.values()), default=start)
    if ends > length:
        raise CheckpointError(f"{name} is cut short: {length} of {ends} bytes; download it again")
    return tensors, {key: value for key, value in metadata.items() if value}


def _tensor(key: str, shape: tuple[int, ...], kind: int, begin: int, name: str) -> TensorInfo:
    if kind not in TYPES:
        raise CheckpointError(f"{name} has a tensor of the unknown GGUF type {kind}: '{key[:80]}'")
    dtype, values, size = TYPES[kind]
    return TensorInfo(dtype, shape, begin, begin + -(-prod(shape) // values) * size)
