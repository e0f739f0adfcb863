"""Compact: a chain of convolutions that enlarges a picture, as Real-ESRGAN's small models are made.

Wang et al. 2021, arXiv:2107.10833; the layers and their names are those of SRVGGNetCompact, so files go either way.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional


class Compact(nn.Module):
    """Enlarges [rows, 3, height, width] in 0…1 by `scale`: what it computes is added to the nearest neighbours."""

    def __init__(self, width: int, depth: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        self.body = nn.ModuleList([*layers, nn.Conv2d(width, 3 * scale * scale, 3, padding=1)])

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> Compact:
        """A net of the shape that the weights in `state` have, with them. Raises RuntimeError if they do not fit."""
        last = max(int(name.split(".")[1]) for name in state)
        width = state["body.0.weight"].shape[0]
        scale = round((state[f"body.{last}.weight"].shape[0] / 3) ** 0.5)
        net = cls(width, (last - 2) // 2, scale)
        net.load_state_dict(dict(state))
        return net

    @property
    def margin(self) -> int:
        """How far, in pixels of the given picture, a pixel looks."""
        return sum(isinstance(layer, nn.Conv2d) for layer in self.body)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The picture, `scale` times as wide and high."""
        out = pixels
        for layer in self.body:
            out = layer(out)
        return functional.pixel_shuffle(out, self.scale) + functional.interpolate(pixels, scale_factor=self.scale)
