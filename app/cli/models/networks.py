"""Files of small networks, which draw nothing: the row that fits one, and what of the options means something."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.cli.client import AskedWrongly
from app.cli.models.proposals import Proposal
from core.catalog.checkpoint import Checkpoint, CheckpointError, read_checkpoint

OF_DRAWING: Final = ("config", "vae", "text_encoder", "pipeline")
"""Options that say something of models that draw."""

MIB: Final = 2**20


def network_at(place: Path) -> Checkpoint | None:
    """What a file of a network is; None for folders and for files of other kinds."""
    if not place.is_file():
        return None
    try:
        checkpoint = read_checkpoint(place)
    except CheckpointError:
        return None  # that is told, in words, where it is looked at as a model that draws
    return checkpoint if checkpoint.is_network else None


def network_row(checkpoint: Checkpoint, source: Mapping[str, Any], asked: Mapping[str, Any]) -> Proposal:
    """Its row; its tasks and its precision are its family's."""
    row = {**source, "family": checkpoint.family, "scale": checkpoint.scale, **asked}
    told = {key: value for key, value in row.items() if value not in ("", None, [], {})}
    return Proposal(told, (f"{checkpoint.title}, in {checkpoint.precision}",))


def check_asked(checkpoint: Checkpoint, asked: Mapping[str, Any], *, size: object, loras: object) -> None:
    """Raise AskedWrongly for an option that says how a model draws, and for what no task of ours is done by."""
    if checkpoint.scale == 1:
        raise AskedWrongly(f"{checkpoint.title}: it makes pictures no larger, and nothing here asks for that")
    named = [f"--{name.replace('_', '-')}" for name in OF_DRAWING if asked.get(name)]
    named += ["--size"] if size else []
    named += ["--lora"] if loras else []
    if named:
        raise AskedWrongly(f"{named[0]} means nothing for {checkpoint.title}, which draws nothing: leave it out")


def fit_of(checkpoint: Checkpoint) -> str:
    """How large it is: what it takes besides depends on the picture, tile by tile."""
    return f"fits: {checkpoint.bytes / MIB:.1f} MiB of weights"
