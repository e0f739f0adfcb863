"""`<lora:name:0.8>` in a prompt, AUTOMATIC1111's way to ask for LoRAs: read from prompts, and written into recipes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from core.catalog.model import MOST_LORA_SCALE
from core.jobs import Adapter

TAG: Final = re.compile(r"<lora:(?P<name>[^:<>]+)(?::(?P<weight>[^:<>]*))?(?::[^<>]*)?>")
SPACES: Final = re.compile(r"[ \t]{2,}")


class Tag(NamedTuple):
    """What one tag asks for; no `weight` where it says none, or no number."""

    name: str
    weight: float | None


def without_tags(prompt: str) -> tuple[str, tuple[Tag, ...]]:
    """The prompt's words, and its tags in order."""
    tags = tuple(Tag(found["name"].strip(), read_weight(found["weight"])) for found in TAG.finditer(prompt))
    return (SPACES.sub(" ", TAG.sub("", prompt)).strip(" ,"), tags) if tags else (prompt, ())


def with_tags(prompt: str, adapters: Iterable[Adapter]) -> str:
    """The prompt with a tag for each of `adapters` behind it."""
    return " ".join([prompt, *(f"<lora:{each.id}:{each.weight:g}>" for each in adapters)])


def read_weight(text: str | None) -> float | None:
    """A weight that people or tools wrote, brought to what a LoRA may have; None for what is no number."""
    try:
        weight = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(weight) else bounded(weight)


def bounded(weight: float) -> float:
    """The nearest weight that a LoRA may have."""
    return max(-MOST_LORA_SCALE, min(MOST_LORA_SCALE, weight))
