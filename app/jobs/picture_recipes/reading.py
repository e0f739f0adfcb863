"""Which program wrote the words in a picture, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from app.jobs.picture_recipes import comfyui, easel, infotext
from app.jobs.picture_recipes.found import Found

COMFY_PREFIX: Final = "prompt:"
"""Before the graph where ComfyUI puts it into EXIF, which has no names for it."""


def found_in(texts: Mapping[str, str]) -> Found | None:
    """The recipe in the words of a picture, by their names in it, or None. Ours first: it says most.

    PNG names its text chunks; of EXIF they are `description`, `comment`, `make` and `model`.
    """
    for name in ("easel", "description"):
        ours = easel.read(_document(texts.get(name, "")))
        if ours is not None:
            return ours
    for name in ("prompt", "model", "make", "description"):
        graph = comfyui.read(_document(texts.get(name, "").removeprefix(COMFY_PREFIX)))
        if graph is not None:
            return graph
    for name in ("parameters", "comment", "description"):
        line = infotext.read(texts.get(name, ""))
        if line is not None:
            return line
    return None


def _document(text: str) -> dict[str, Any] | None:
    """A JSON object, or None for anything else."""
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
