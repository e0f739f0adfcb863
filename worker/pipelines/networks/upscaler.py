"""Upscalers: ESRGAN's kind of networks, tile by tile, so that any picture fits and others are served in between."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from core.catalog.model import Model
from core.errors import JobFailure
from core.tasks.upscale import enlarged
from worker.contract import DrawRequest
from worker.nets.compact import Compact
from worker.nets.rrdb import FIRST, RRDB
from worker.pipelines.network import Network, Stepped, in_8_bits
from worker.pipelines.networks.spandrel_net import spandrel_net
from worker.pipelines.networks.weights import weights_in
from worker.pipelines.pixels import no_picture

TILE: Final = 192
"""Pixels of the given picture a side, without what is looked at around it."""

COMPACT: Final = re.compile(r"body\.\d+\.(weight|bias)")


class Upscaler(Network):
    """`module` enlarges [1, 3, height, width] in 0…1 by `scale`, and looks `margin` pixels around each.

    It takes `grid` x `grid` pixels in one: what it makes of a part is another thing where that begins in between.
    """

    def __init__(self, module: torch.nn.Module, scale: int, margin: int, grid: int = 1) -> None:
        super().__init__(module)
        self.grid = grid
        self.scale = scale
        self.margin = margin

    def __call__(self, request: DrawRequest, stepped: Stepped) -> torch.Tensor:
        """The picture of `request` as uint8 [height, width, 3]. Raises JobFailure (`nan_output`)."""
        picture = request.inputs["image"][0]
        wanted = enlarged(*picture.size, getattr(request.parameters, "scale", float(self.scale)))
        made = self._enlarged(picture, stepped)
        if wanted != (made.shape[1], made.shape[0]):
            smaller = Image.fromarray(made.numpy()).resize(wanted, Image.Resampling.LANCZOS)
            made = torch.from_numpy(np.array(smaller))
        return made

    def _enlarged(self, picture: Image.Image, stepped: Stepped) -> torch.Tensor:
        width, height = picture.size
        around = self.margin
        more = -width % self.grid, -height % self.grid
        pixels = functional.pad(
            self.pixels_of(picture), (around, around + more[0], around, around + more[1]), mode="replicate"
        )
        width, height = width + more[0], height + more[1]
        canvas = torch.empty(height * self.scale, width * self.scale, 3, dtype=torch.uint8)
        rows, columns = places(height, self.grid), places(width, self.grid)
        tall, wide = min(height, TILE), min(width, TILE)
        for number, (top, left) in enumerate((top, left) for top in rows for left in columns):
            tile = pixels[..., top : top + tall + 2 * around, left : left + wide + 2 * around].contiguous()
            inner = self.module(tile)[0, :, around * self.scale :, around * self.scale :]
            inner = inner[:, : tall * self.scale, : wide * self.scale].float()
            if not bool(torch.isfinite(inner).all()):
                raise no_picture()
            made = in_8_bits(inner)
            up, along = top * self.scale, left * self.scale
            canvas[up : up + made.shape[0], along : along + made.shape[1]] = made
            stepped(number + 1, len(rows) * len(columns), None)
        return canvas[: picture.height * self.scale, : picture.width * self.scale]


def places(length: int, grid: int = 1) -> list[int]:
    """Where tiles begin along a side of `length` pixels: equally large ones that overlap where they do not fit.

    Both are multiples of `grid`, and so are the places.
    """
    count = -(-length // TILE)
    last = max(0, length - TILE)
    return [round(last * place / max(1, count - 1)) // grid * grid for place in range(count)]


def opened(row: Model, path: Path, dtype: torch.dtype) -> Upscaler:
    """The upscaler in the file `path`. Raises JobFailure for a file of another kind, or of another scale."""
    state, _ = weights_in(path)
    net = network_of(state, path)
    if row.scale != net.scale:
        raise JobFailure(
            f"{path.name} makes pictures {net.scale} times as large, and the row of model '{row.id}' says "
            f"scale = {row.scale}",
            code="model_load_failed",
        )
    return Upscaler(
        net.to(dtype).eval().requires_grad_(requires_grad=False), net.scale, net.margin, getattr(net, "folded", 1)
    )


def network_of(state: dict[str, torch.Tensor], path: Path) -> Any:  # noqa: ANN401 - modules with a scale and a margin
    """The network whose weights these are, told by their names. Raises JobFailure if nothing knows it."""
    try:
        if all(COMPACT.fullmatch(name) for name in state):
            return Compact.of(state)
        if FIRST in state or "body.0.rdb1.conv1.weight" in state:
            return RRDB.of(state)
    except (RuntimeError, KeyError, ValueError) as error:
        raise JobFailure(
            f"{path.name} has names as an upscaler has, and other shapes: {str(error).splitlines()[0]}",
            code="model_load_failed",
        ) from error
    return spandrel_net(path)
