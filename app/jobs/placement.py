"""Where an earlier picture stands on a new canvas: panned, zoomed out, or brought to another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from app.media.conversion import Box
from core.catalog.model import SizeGrid

Direction = Literal["left", "right", "up", "down"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A canvas of `width` x `height` pixels, and the part of it, `box`, that the picture covers."""

    width: int
    height: int
    box: Box


def panned(size: tuple[int, int], grid: SizeGrid, direction: Direction, by: float) -> Placement:
    """The picture on a canvas that goes on in one direction, by a share of its side.

    As far as the model draws, the canvas grows; beyond that it moves on, and leaves the far side behind.
    """
    width, height = size
    across = direction in ("left", "right")
    side = width if across else height
    new = max(grid.multiple, math.ceil(side * by / grid.multiple) * grid.multiple)
    grown = min(grid.nearest(side + new), side + new)
    lost = side + new - grown
    start = new if direction in ("left", "up") else -lost
    if across:
        return Placement(grown, height, (start, 0, width, height))
    return Placement(width, grown, (0, start, width, height))


def zoomed(size: tuple[int, int], factor: float) -> Placement:
    """The picture in the middle of a canvas of its own size, `factor` times as small."""
    width, height = size
    inner = max(1, round(width / factor)), max(1, round(height / factor))
    return Placement(width, height, ((width - inner[0]) // 2, (height - inner[1]) // 2, *inner))


def reframed(size: tuple[int, int], grid: SizeGrid, ratio: float) -> Placement:
    """The picture in the middle of a canvas whose width is `ratio` times its height; no part of it is left out.

    It stays as large as it is where the model draws so large a canvas, else it is made smaller.
    """
    width, height = size
    wanted = (height * ratio, float(height)) if ratio * height > width else (float(width), width / ratio)
    most = grid.nearest(1 << 20)
    scale = min(1.0, most / max(wanted))
    canvas = grid.nearest(round(wanted[0] * scale)), grid.nearest(round(wanted[1] * scale))
    scale = min(scale, canvas[0] / width, canvas[1] / height)
    inner = min(canvas[0], round(width * scale)), min(canvas[1], round(height * scale))
    return Placement(*canvas, ((canvas[0] - inner[0]) // 2, (canvas[1] - inner[1]) // 2, *inner))
