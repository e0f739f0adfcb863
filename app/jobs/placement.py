"""Where an earlier picture stands on a new canvas: panned, zoomed out, or brought to another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from app.media.conversion import Box
from core.catalog.model import SizeGrid
from core.errors import InvalidRequest

Direction = Literal["left", "right", "up", "down"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A canvas of `width` x `height` pixels, and the part of it, `box`, that the picture covers."""

    width: int
    height: int
    box: Box


@dataclass(frozen=True, slots=True)
class Margins:
    """What is drawn beside a picture, in its own pixels on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def framed(size: tuple[int, int], shown: tuple[int, int], grid: SizeGrid, margins: Margins) -> Placement:
    """The picture in a canvas that goes on by `margins` on its sides, made a little wider where the grid wants it.

    `size` is what the picture is drawn on in, `shown` what it is seen in and the margins are told in: other than
    `size` where it is larger than the model draws. Raises InvalidRequest where the canvas is.
    """
    left, width = _stretched("left", "right", size[0], shown[0], grid, (margins.left, margins.right))
    top, height = _stretched("top", "bottom", size[1], shown[1], grid, (margins.top, margins.bottom))
    return Placement(width, height, (left, top, *size))


def _stretched(
    before: str, after: str, side: int, shown: int, grid: SizeGrid, margins: tuple[int, int]
) -> tuple[int, int]:
    """Where the picture begins on that side of the canvas, and how long that is."""
    start, end = (math.ceil(margin * side / shown) for margin in margins)
    whole = math.ceil((side + start + end) / grid.multiple) * grid.multiple
    most = grid.nearest(1 << 20)
    if whole > most:
        room = (most - side) * shown // side
        raise InvalidRequest(
            f"'{before}' and '{after}' may be {room} pixels together: with {margins[0]} and {margins[1]} the canvas "
            f"has {whole}, and the model draws {most} at most",
            param=before if margins[0] >= margins[1] else after,
        )
    spare = whole - side - start - end
    return (start if end else start + spare), whole


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
