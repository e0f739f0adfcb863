"""Tells files of small networks, which enlarge pictures, cut them out or describe them, and what their rows need."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

from core.catalog.checkpoint_header import Header
from core.catalog.tensor_info import CheckpointError, TensorInfo

Tensors = dict[str, TensorInfo]

COMPACT: Final = re.compile(r"body\.\d{1,4}\.(weight|bias)")
OLDER_FIRST: Final = "model.0.weight"
FIRST: Final = "conv_first.weight"
DENSE: Final = "body.0.rdb1.conv1.weight"

TASKS: Final = {"upscaler": "upscale", "matte": "remove-background", "describer": "image-to-text"}
TITLES: Final = {
    "upscaler": "an upscaler of pictures",
    "matte": "a matte network, which cuts pictures out",
    "describer": "a describer of pictures",
}


def network_of(header: Header) -> dict[str, Any] | None:
    """Fields of `Checkpoint` for a file of a network whose names are known; None for any other.

    The kind is the family of its row. Raises CheckpointError for an upscaler whose shapes are no upscaler's.
    """
    tensors = header.tensors
    scale = None
    if all(COMPACT.fullmatch(name) for name in tensors):
        kind, scale = "upscaler", _compact_scale(tensors, header.path.name)
    elif _is_older_rrdb(tensors) or {FIRST, DENSE} <= tensors.keys():
        kind, scale = "upscaler", _rrdb_scale(tensors, header.path.name)
    elif {"down.0.0.weight", "up.0.0.weight", "last.weight"} <= tensors.keys():
        kind = "matte"
    elif {"motifs.weight", "styles.weight", "colours.weight"} <= tensors.keys() and "vocabulary" in header.metadata:
        kind = "describer"
    else:
        return None
    title = TITLES[kind] if scale is None else f"{TITLES[kind]}, {scale} times as wide and high"
    return {"kind": kind, "title": title, "family": kind, "tasks": (TASKS[kind],), "scale": scale}


def _compact_scale(tensors: Tensors, name: str) -> int:
    """Its last convolution gives a square of pixels for each: Real-ESRGAN's SRVGGNetCompact."""
    last = max(tensors, key=lambda each: (int(each.split(".")[1]), each.endswith(".weight")))
    shape = tensors[last].shape
    return _root(shape[0] / 3 if len(shape) == 4 else 0, name)


def _is_older_rrdb(tensors: Tensors) -> bool:
    return OLDER_FIRST in tensors and any(re.match(r"model\.1\.sub\.0\.RDB1\.", name) for name in tensors)


def _rrdb_scale(tensors: Tensors, name: str) -> int:
    """Its picture is doubled again and again; one that is given pixels folded 2x2 or 4x4 has as much to undo."""
    older = OLDER_FIRST in tensors
    outer = _numbered(r"model\.(\d{1,4})\.weight", tensors) if older else _numbered(r"conv_up(\d)\.weight", tensors)
    doublings = len(outer) - 3 if older else len(outer)  # besides them: the first, and two after the last
    first = tensors[OLDER_FIRST if older else FIRST].shape
    folded = _root(first[1] / 3 if len(first) == 4 else 0, name)
    if doublings < 0 or 2**doublings < folded:
        raise CheckpointError(f"{name} has names as an upscaler has, and too few layers for one: it is not whole")
    return int(2**doublings) // folded


def _numbered(pattern: str, names: Iterable[str]) -> set[str]:
    return {found[1] for name in names if (found := re.fullmatch(pattern, name))}


def _root(square: float, name: str) -> int:
    root = round(math.sqrt(square))
    if root < 1 or root * root != square:
        raise CheckpointError(f"{name} has names as an upscaler has, and other shapes")
    return root
