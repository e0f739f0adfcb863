"""Reads the names of models and LoRAs: which words stand in them, and how many steps they say."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

from core.catalog.hub_cache import hub_file

WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
VERSION: Final = re.compile(r"(?<=[A-Z])[vV](?=[0-9])")
STEPS: Final = re.compile(r"(?<![0-9.])([0-9]{1,2})[-_ ]?steps?(?![a-z])", re.IGNORECASE)

SAYS_NOTHING: Final = frozenset(
    {"pytorch_lora_weights", "adapter_model", "diffusion_pytorch_model", "model", "lora", "unet", "transformer"}
)
"""File names that libraries give: the folder tells what is in them."""

FILES: Final = (".safetensors", ".gguf")


def words_of(name: str) -> str:
    """The words of a name, small and with a space between: `sdxl lightning 4 step` of `SDXLLightning_4step`."""
    return " ".join(WORD.findall(VERSION.sub(" v", name))).lower()


def steps_in(name: str) -> int | None:
    """The number of steps that a name says, as `8steps` or `4-Step`; None if it says none."""
    found = STEPS.search(name)
    return max(1, int(found[1])) if found else None


def names_in(source: str) -> tuple[str, ...]:
    """What a folder, file or hub id is called, the most telling name first; never who made it."""
    path = PurePath(source if source.startswith(("/", "~")) else source.partition("@")[0])
    own = path.stem if path.suffix in FILES else path.name
    if (named := hub_file(source)) is not None:
        return own, named.repo.rpartition("/")[2]
    cached = next((part for part in path.parts if part.startswith("models--")), None)
    if cached is not None:  # the hub's cache: models--owner--name/snapshots/commit/file
        repository = cached.rpartition("--")[2]
        return (own, repository) if path.suffix in FILES else (repository,)
    return (own, path.parent.name) if own.lower() in SAYS_NOTHING else (own,)
