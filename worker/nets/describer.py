"""Describer: which of the motifs that it knows a picture shows, in which style, on which colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import nn

SIDE: Final = 64
"""Pixels a side of the pictures that it is given."""

WIDTHS: Final = (32, 64, 128, 256)
"""Channels at each level, each half as wide and high as the one before."""


class Seen(NamedTuple):
    """Logits [rows, motifs], [rows, styles] and [rows, colours]."""

    motifs: torch.Tensor
    styles: torch.Tensor
    colours: torch.Tensor


class Describer(nn.Module):
    """Looks at [rows, 3, SIDE, SIDE] in 0…1."""

    def __init__(self, motifs: int, styles: int, colours: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for given, made in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(given, made, 3, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.motifs = nn.Linear(2 * widths[-1], motifs)
        self.styles = nn.Linear(2 * widths[-1], styles)
        self.colours = nn.Linear(2 * widths[-1], colours)

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> Describer:
        """A net with the weights in `state`, of their shape. Raises RuntimeError if they do not fit."""
        kernels = {name: weights for name, weights in state.items() if name.startswith("layers.") and weights.ndim == 4}
        widths = [kernels[name].shape[0] for name in sorted(kernels, key=lambda name: int(name.split(".")[1]))]
        motifs, styles, colours = (len(state[f"{head}.bias"]) for head in Seen._fields)
        net = cls(motifs, styles, colours, widths)
        net.load_state_dict(dict(state))
        return net.eval()

    def forward(self, pixels: torch.Tensor) -> Seen:
        """What it takes them for."""
        grid = self.layers(pixels * 2 - 1)
        known = torch.cat([grid.mean(dim=(2, 3)), grid.amax(dim=(2, 3))], 1)
        return Seen(self.motifs(known), self.styles(known), self.colours(known))
