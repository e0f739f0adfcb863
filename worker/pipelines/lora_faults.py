"""Says why a file is no LoRA, or none for this model, in words for the owner of the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from core.catalog.checkpoint import read_checkpoint
from core.catalog.checkpoint_adapters import FAMILY_TITLES, LORA
from core.catalog.checkpoint_header import read_header
from core.catalog.tensor_info import CheckpointError
from worker.pipelines.weights import WAY_OUT, damage_of, is_safetensors

UNREAD: Final = {
    ".hada_": "a LoHa (LyCORIS)",
    ".oft_": "an OFT (LyCORIS)",
    ".dora_scale": "a DoRA in the layout of kohya's scripts",
}
"""Kinds that diffusers refuses, or worse, loads without the part that makes them."""

OTHER: Final = "; it was made for another kind of model"

SIZES: Final = re.compile(
    r"size mismatch for (?P<layer>[\w.]+?)\.(?:lora_|weight).*?Size\(\[(?P<given>[\d, ]*)\]\)"
    r".*?Size\(\[(?P<taken>[\d, ]*)\]\)",
    re.DOTALL,
)


def check_lora(file: Path, name: str) -> None:
    """Raise CheckpointError unless `file`, called `name`, is safetensors by content and holds a LoRA that is read."""
    if not is_safetensors(file):
        raise CheckpointError(
            f"the LoRA '{name}' is not safetensors, whatever its name says{damage_of(file)}; {WAY_OUT}"
        )
    tensors = read_header(file).tensors
    if not any(LORA.search(tensor) or "lora" in tensor for tensor in tensors):
        raise CheckpointError(f"'{name}' is no LoRA: it is {what_is(file)}")
    for mark, kind in UNREAD.items():
        if any(mark in tensor for tensor in tensors):
            raise CheckpointError(f"the LoRA '{name}' is {kind}, which diffusers cannot load: look for a plain LoRA")


def what_is(file: Path) -> str:
    """The kind of a file of weights, with an article."""
    try:
        return read_checkpoint(file).title
    except CheckpointError:
        return "of a kind that is not known"


def why_not(error: Exception, file: Path) -> str:
    """What diffusers or PEFT said against the file, as the end of a sentence about it."""
    said = str(error)
    if found := SIZES.search(said):
        return (
            f"does not fit: its {found['layer']} is {found['given']} where the model takes {found['taken']}"
            f"{family_told(file) or OTHER}"
        )
    if "not found in the base model" in said:
        return no_layer_fits(file)
    first = next((line.strip() for line in said.splitlines() if line.strip()), "no reason was given")[:200]
    return f"cannot be read by diffusers ({type(error).__name__}: {first}){family_told(file)}"


def no_layer_fits(file: Path) -> str:
    """That it changes nothing, as the end of a sentence."""
    return f"does not fit: the model has none of the layers that it changes{family_told(file) or OTHER}"


def family_told(file: Path) -> str:
    """What the file was made for, as the end of a sentence; empty where its shapes do not tell."""
    try:
        family = FAMILY_TITLES.get(read_checkpoint(file).family)
    except CheckpointError:
        family = None
    return f"; it was made for {family}" if family else ""
