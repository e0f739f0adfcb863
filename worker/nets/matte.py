"""Matte: how much of each pixel belongs to what a picture shows, and not to what is behind it.

A U-Net (Ronneberger et al. 2015, arXiv:1505.04597) of few channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import nn
from torch.nn import functional

WIDTHS: Final = (8, 16, 32, 64, 96, 96)
"""Channels at each level, from the picture's own size to a thirty-second of it."""

GRID: Final = 2 ** (len(WIDTHS) - 1)
"""What width and height of a picture must be multiples of."""


def block(given: int, made: int) -> nn.Sequential:
    """Two convolutions."""
    return nn.Sequential(
        nn.Conv2d(given, made, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(made, made, 3, padding=1),
        nn.SiLU(),
    )


class Matte(nn.Module):
    """[rows, 3, height, width] in 0…1, on the grid, to the logits [rows, 1, height, width] of their opacity."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList(block(given, made) for given, made in zip((3, *widths), widths, strict=False))
        pairs = zip(reversed(widths[:-1]), reversed(widths[1:]), strict=True)
        self.up = nn.ModuleList(block(fine + coarse, fine) for fine, coarse in pairs)
        self.last = nn.Conv2d(widths[0], 1, 1)

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> Matte:
        """A net with the weights in `state`, as wide as they are. Raises RuntimeError if they do not fit."""
        levels = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("down."))
        net = cls([state[f"down.{level}.0.weight"].shape[0] for level in range(levels)])
        net.load_state_dict(dict(state))
        return net

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The logits: above 0 a pixel is more of what is shown than of what is behind."""
        seen: list[torch.Tensor] = []
        out = pixels * 2 - 1
        for level, down in enumerate(self.down):
            out = down(functional.avg_pool2d(out, 2) if level else out)
            seen.append(out)
        for up, fine in zip(self.up, reversed(seen[:-1]), strict=True):
            coarse = functional.interpolate(out, size=fine.shape[-2:], mode="bilinear")
            out = up(torch.cat([fine, coarse], 1))
        made: torch.Tensor = self.last(out)
        return made
