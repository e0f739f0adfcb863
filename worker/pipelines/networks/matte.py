"""Cuts out what a picture shows: its opacity by a network, sharpened along the picture's own edges."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch.nn import functional

from core.catalog.model import Model
from core.errors import JobFailure
from worker.contract import DrawRequest
from worker.nets.matte import GRID, Matte
from worker.pipelines.network import Network, Stepped, in_8_bits
from worker.pipelines.networks.weights import weights_in

SIDE: Final = 256
"""Pixels of the longer side of what the network looks at: that of the pictures that it was taught by."""

RADIUS: Final = 8
SMOOTHNESS: Final = 1e-4
"""Of the guided filter, in pixels of what the network looked at, and in squares of brightness."""


class Cutter(Network):
    """Its module gives the logits of opacity."""

    def __call__(self, request: DrawRequest, stepped: Stepped) -> torch.Tensor:
        """The picture of `request` as uint8 [height, width, 4]."""
        picture = request.inputs["image"][0]
        pixels = self.pixels_of(picture)
        small = functional.interpolate(pixels, looked_at(*picture.size), mode="bilinear", antialias=True)
        opacity = self.module(small.clamp(0, 1)).sigmoid()
        if opacity.shape[-2:] != pixels.shape[-2:]:
            opacity = along_edges(small, opacity, pixels)
        cut = torch.cat([without_background(pixels, opacity), opacity], 1)[0]
        stepped(1, 1, None)
        return in_8_bits(cut)


def looked_at(width: int, height: int) -> tuple[int, int]:
    """Height and width that a picture is looked at in: about its own shape, on the network's grid."""
    share = SIDE / max(width, height)
    sides = (max(GRID, round(side * share / GRID) * GRID) for side in (height, width))
    return (next(sides), next(sides))


def mean(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Of the square around each pixel, as much of it as lies within the picture."""
    return functional.avg_pool2d(values, 2 * radius + 1, 1, radius, count_include_pad=False)


def along_edges(small: torch.Tensor, opacity: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """`opacity` of the `small` picture in the size of `pixels`: a guided filter (He and Sun 2015, arXiv:1505.00996)."""
    guide = small.mean(1, keepdim=True)
    middle, level = mean(guide, RADIUS), mean(opacity, RADIUS)
    slope = (mean(guide * opacity, RADIUS) - middle * level) / (mean(guide * guide, RADIUS) - middle**2 + SMOOTHNESS)
    offset = level - slope * middle
    size = pixels.shape[-2:]
    slope, offset, plain = (
        functional.interpolate(each, size, mode="bilinear") for each in (mean(slope, 2), mean(offset, 2), opacity)
    )
    sharp = slope * pixels.mean(1, keepdim=True) + offset
    # Only along the outline: inside, a picture's own edges say nothing of what is behind it.
    near = 4 * plain * (1 - plain)
    return (sharp * near + plain * (1 - near)).clamp(0, 1)


def without_background(pixels: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
    """The colours of what is shown, without those behind it that shine through along its outline."""
    size = pixels.shape[-2:]
    # What is behind changes slowly: a small picture tells it, in a time that does not grow with the large one's.
    small = looked_at(size[1], size[0])
    behind = functional.interpolate(1 - opacity, small, mode="area") ** 4
    seen = mean(behind, RADIUS)
    background = mean(functional.interpolate(pixels, small, mode="area") * behind, RADIUS) / seen.clamp(min=1e-4)
    background, known = (
        functional.interpolate(each, size, mode="bilinear") for each in (background, (seen > 1e-3).to(pixels))
    )
    clean = (pixels - (1 - opacity) * background) / opacity.clamp(min=0.1)
    return (clean * known + pixels * (1 - known)).clamp(0, 1)


def opened(row: Model, path: Path, dtype: torch.dtype) -> Cutter:
    """The network in the file `path`. Raises JobFailure for a file of another kind."""
    state, _ = weights_in(path)
    try:
        net = Matte.of(state)
    except (RuntimeError, KeyError, ValueError) as error:
        raise JobFailure(f"{path.name} is no matte network", code="model_load_failed") from error
    return Cutter(net.to(dtype).eval().requires_grad_(requires_grad=False))
