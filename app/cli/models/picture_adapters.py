"""ControlNets, T2I-Adapters and IP-Adapters: which of them a file or folder is, and what its row would say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.cli.client import AskedWrongly
from core.catalog.adapter import AdapterKind
from core.catalog.checkpoint import CheckpointError, read_checkpoint
from core.catalog.checkpoint_adapters import FAMILIES, TITLES
from core.catalog.families import UNKNOWN

KINDS: Final[dict[str, AdapterKind]] = {"controlnet": "controlnet", "ip-adapter": "ip-adapter"}
"""Our word for the kinds of files."""

OTHERS: Final = {
    "FluxControlNetModel": "flux",
    "FluxMultiControlNetModel": "flux",
    "SD3ControlNetModel": "sd3",
    "QwenImageControlNetModel": "qwen-image",
}
"""Families by the class of a ControlNet that says nothing of the text that it attends to."""

UNION_MODES: Final = ("pose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint")
"""The kinds of control of union ControlNets for Stable Diffusion XL, by their numbers (xinsir's, and its ProMax)."""

FLUX_MODES: Final = ("canny", "tile", "depth", "blur", "pose", "gray", "lq")
"""Those of the union ControlNets for FLUX.1 (InstantX's, and Shakker's)."""


class PictureAdapter(NamedTuple):
    """What a row for it says: how it is called there, and the family that it goes with."""

    kind: AdapterKind
    family: str
    place: Path
    modes: tuple[str, ...] = ()


def picture_adapter_at(place: Path) -> PictureAdapter | None:
    """What a file or folder on this disk is; None for what is none of these."""
    if place.is_dir():
        return _folder(place)
    try:
        told = read_checkpoint(place) if place.is_file() and place.suffix == ".safetensors" else None
    except CheckpointError:
        return None
    if told is None or told.kind not in KINDS:
        return None
    return PictureAdapter(KINDS[told.kind], told.family, place.absolute())


def _folder(folder: Path) -> PictureAdapter | None:
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(told["_class_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if kind == "T2IAdapter":
        family = "sdxl" if str(told.get("adapter_type", "")).endswith("_xl") else "sd15"
        return PictureAdapter("t2i-adapter", family, folder.absolute())
    if "ControlNet" not in kind:
        return None
    family = OTHERS.get(kind) or FAMILIES.get(told.get("cross_attention_dim") or 0, UNKNOWN)
    return PictureAdapter("controlnet", family, folder.absolute(), _modes(kind, told))


def _modes(kind: str, told: dict[str, Any]) -> tuple[str, ...]:
    if kind == "ControlNetUnionModel":
        return UNION_MODES[: int(told.get("num_control_type") or 6)]
    return FLUX_MODES[: int(told.get("num_mode") or 0)] if kind == "FluxControlNetModel" else ()


def row_of(found: PictureAdapter, models: tuple[str, ...], notes: list[str]) -> dict[str, Any]:
    """The row of the catalogue for it. Raises AskedWrongly where nothing tells which models it goes with."""
    title = TITLES[found.kind]
    row: dict[str, Any] = {"kind": found.kind, "source": str(found.place)}
    if models:
        row["models"] = [*models]
    elif found.family == UNKNOWN:
        raise AskedWrongly(
            f"{found.place} is {title}, and nothing tells which models it goes with: name them, --for MODEL"
        )
    else:
        row["family"] = found.family
        notes.append(f"it is {title} for models of the family {found.family}")
    if found.kind == "controlnet" and "canny" in found.place.name.lower():
        row["preprocessor"] = "canny"
        notes.append("by its name it follows edges: pictures that are given to it are made edges first (canny)")
    if found.modes:
        row["modes"] = {name: number for number, name in enumerate(found.modes)}
        notes.append(f"it does several kinds of control: {', '.join(found.modes)}; see that its page numbers them so")
    if found.kind == "ip-adapter" and not any(
        (folder / "image_encoder").is_dir() for folder in (found.place.parent, found.place.parent.parent)
    ):
        notes.append("there is no image_encoder beside it: name the folder of one in its row (image_encoder)")
    return row
