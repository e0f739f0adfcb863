"""What a picture's own words say of how it was made, before it is known what this server has of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LARGEST: Final = 2**64
MOST_DIGITS: Final = 24


class Origin(StrEnum):
    """Which program wrote a recipe."""

    EASEL = "easel"
    AUTOMATIC1111 = "automatic1111"
    COMFYUI = "comfyui"


@dataclass(frozen=True, slots=True)
class FoundLora:
    """A LoRA by its file's or its row's name."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """A recipe in the words of the program that wrote it; None is what it does not say.

    Sizes are in pixels. `weighted` says whether brackets in its prompts are weights; `notes` tell what has no
    counterpart.
    """

    origin: Origin
    prompt: str = ""
    negative_prompt: str = ""
    model: str | None = None
    loras: tuple[FoundLora, ...] = ()
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    sampler: str | None = None
    schedule: str | None = None
    width: int | None = None
    height: int | None = None
    tiling: bool = False
    weighted: bool = True
    notes: tuple[str, ...] = ()


def number(value: object) -> float | None:
    """A finite number that a file says, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A whole number that a file says, or None; seeds may have 64 bits, and more has no sense."""
    exact = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str) and len(value) <= MOST_DIGITS and value.strip().removeprefix("-").isdecimal():
        value, exact = int(value), True
    found = value if exact else number(value)
    return round(found) if isinstance(found, int | float) and abs(found) < LARGEST else None
