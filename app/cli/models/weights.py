"""How large a model is, and whether it fits: counted from the headers of its files, which name every tensor's shape."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.cli.models.facts import Facts, Machine

GIB: Final = 2**30
MAX_HEADER: Final = 100_000_000
"""Bytes; the format's own limit."""

BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2}
DRAWING_BYTES: Final = 1.5 * GIB
"""What drawing takes beside the weights, roughly."""

SHARE: Final = 0.9
"""Of the whole memory; the rest is the system's."""


def parameter_count(place: Path, part: str = "*") -> int:
    """How many numbers the weights of a folder's `part`, or of a safetensors file, are; of its variants, one counts."""
    return sum(_numbers_in(file) for file in weight_files(place, part))


def weight_files(place: Path, part: str = "*") -> list[Path]:
    """The files that would be loaded: plain ones before those of the fp16 variant."""
    if place.is_file():
        return [place]
    found = sorted(place.glob(f"{part}/*.safetensors"))
    plain = [file for file in found if "." not in file.stem.partition("-0000")[0]]
    homes = {file.parent for file in plain}
    return plain + [file for file in found if ".fp16" in file.name and file.parent not in homes]


def _numbers_in(file: Path) -> int:
    return sum(math.prod(shape) for shape in _shapes(file))


def _shapes(file: Path) -> Iterator[list[int]]:
    """The format: eight bytes of length, then JSON (github.com/huggingface/safetensors)."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if length <= MAX_HEADER else {}
        yield from (told["shape"] for name, told in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def precision_of(facts: Facts, dtype: str | None) -> str:
    """What the worker would load it in on this machine (worker/pipelines/devices.py)."""
    if dtype not in (None, "auto"):
        return str(dtype)
    if not facts.machine.device.startswith("cuda"):
        return "float32"
    return "bfloat16" if facts.half_overflows else "float16"


def fitting(numbers: int, facts: Facts, dtype: str | None, stored: int | None = None) -> tuple[str | None, str]:
    """The row's `dtype`, None to leave it to the worker, and in words how it fits this machine.

    `stored` are the bytes of weights that stay in a precision of their own, as those of GGUF do.
    """
    precision, machine = precision_of(facts, dtype), facts.machine
    if stored is not None:
        fits = machine.total is None or stored + DRAWING_BYTES <= SHARE * machine.total
        there = f"; {machine.name} has {gib(machine.total)}" if machine.total is not None else ""
        return dtype, f"{'fits' if fits else 'DOES NOT FIT'}: {gib(stored)} of weights as they are stored{there}"
    if machine.total is None or not numbers:
        return dtype, f"{gib(numbers * BYTES[precision])} of weights in {precision}"
    proposed = dtype
    if dtype is None and precision == "float32" and not _fits(numbers, 4, machine) and _fits(numbers, 2, machine):
        precision = proposed = "bfloat16"
    size = BYTES[precision]
    told = f"{gib(numbers * size)} of weights in {precision}; {machine.name} has {gib(machine.total)}"
    if not _fits(numbers, size, machine):
        return proposed, f"DOES NOT FIT: {told}. The row can be written, but this machine will not load it"
    if machine.free is not None and numbers * size + DRAWING_BYTES > machine.free:
        return proposed, f"fits when other programs are closed: {told}, {gib(machine.free)} free now"
    return proposed, f"fits: {told}"


def _fits(numbers: int, size: int, machine: Machine) -> bool:
    return numbers * size + DRAWING_BYTES <= SHARE * (machine.total or 0)


def gib(size: float) -> str:
    """Bytes as people say them."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"
