"""Reads the names of models and LoRAs: which words stand in them, and how many steps they say."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Final

from core.catalog.checkpoint_header import read_header
from core.catalog.hub_cache import cached_file, hub_file
from core.catalog.tensor_info import CheckpointError

WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
VERSION: Final = re.compile(r"(?<=[A-Z])[vV](?=[0-9])")
STEPS: Final = re.compile(r"(?<![0-9.])([0-9]{1,2})[-_ ]?steps?(?![a-z])", re.IGNORECASE)

SAYS_NOTHING: Final = frozenset(
    {"pytorch_lora_weights", "adapter_model", "diffusion_pytorch_model", "model", "lora", "unet", "transformer"}
)
"""File names that libraries give: the folder tells what is in them."""

TITLES: Final = ("modelspec.title", "ss_output_name")
"""Where a LoRA's own metadata has what it is called: ModelSpec's key, and that of kohya's scripts."""

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


def lora_names(source: str, local: Path | None) -> tuple[str, ...]:
    """What a LoRA is called: as its file is, and as its metadata says. `local` is its place, None if on the hub."""
    file = local or cached_file(source)
    try:
        metadata = read_header(file).metadata if file is not None else {}
    except CheckpointError:
        metadata = {}
    return (*names_in(source), *(metadata[key] for key in TITLES if metadata.get(key)))
