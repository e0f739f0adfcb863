"""RRDB: the network of ESRGAN and of Real-ESRGAN's large models, which enlarges a picture.

Wang et al. 2018, arXiv:1809.00219, and 2021, arXiv:2107.10833. Files come with two sets of names: those of its first
implementation (`model.1.sub.0.RDB1.conv1.0.weight`) and of BasicSR's (`body.0.rdb1.conv1.weight`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import nn
from torch.nn import functional

GROWTH: Final = 32
SLOPE: Final = 0.2
SHARE: Final = 0.2
"""Of what a block computes that is added to what it was given."""

FIRST: Final = "model.0.weight"
"""A tensor that only files with the older names have."""


class DenseBlock(nn.Module):
    """Five convolutions, each of which is given what all before it were."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            made = growth if number < 5 else width
            setattr(self, f"conv{number}", nn.Conv2d(width + (number - 1) * growth, made, 3, padding=1))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        known = [given]
        for number in range(1, 5):
            made = getattr(self, f"conv{number}")(torch.cat(known, 1))
            known.append(functional.leaky_relu(made, SLOPE))
        last: nn.Module = self.get_submodule("conv5")
        added: torch.Tensor = last(torch.cat(known, 1))
        return given + added * SHARE


class ResidualBlock(nn.Module):
    """Three dense blocks."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = self.rdb3(self.rdb2(self.rdb1(given)))
        return given + added * SHARE


class RRDB(nn.Module):
    """Enlarges [rows, 3, height, width] in 0…1 by `scale`: 1, 2, 4 or 8.

    Those that enlarge less than their `doublings` say are given the picture as `folded` pixels: 2x2 or 4x4 in one.
    """

    def __init__(self, width: int, depth: int, growth: int, doublings: int, folded: int) -> None:
        super().__init__()
        self.folded = folded
        self.doublings = doublings
        self.scale = 2**doublings // folded
        self.conv_first = nn.Conv2d(3 * folded * folded, width, 3, padding=1)
        self.body = nn.ModuleList(ResidualBlock(width, growth) for _ in range(depth))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        for number in range(1, doublings + 1):
            setattr(self, f"conv_up{number}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> RRDB:
        """A net of the shape that the weights in `state` have, with them. Raises RuntimeError if they do not fit."""
        named = renamed(state)
        width, seen = named["conv_first.weight"].shape[:2]
        net = cls(
            width,
            1 + max(int(name.split(".")[1]) for name in named if name.startswith("body.")),
            named["body.0.rdb1.conv1.weight"].shape[0],
            len({name for name in named if re.fullmatch(r"conv_up\d\.weight", name)}),
            round((seen / 3) ** 0.5),
        )
        net.load_state_dict(named)
        return net

    @property
    def margin(self) -> int:
        """How far, in pixels of the given picture, a pixel looks: beyond this nothing was seen to change."""
        return 16 * self.folded

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The picture, `scale` times as wide and high."""
        if self.folded > 1:
            height, width = pixels.shape[-2:]
            more = (0, -width % self.folded, 0, -height % self.folded)
            grown = self._grown(functional.pixel_unshuffle(functional.pad(pixels, more, "replicate"), self.folded))
            return grown[..., : height * self.scale, : width * self.scale]
        return self._grown(pixels)

    def _grown(self, pixels: torch.Tensor) -> torch.Tensor:
        first = self.conv_first(pixels)
        out = first
        for block in self.body:
            out = block(out)
        out = first + self.conv_body(out)
        for number in range(1, self.doublings + 1):
            larger = functional.interpolate(out, scale_factor=2, mode="nearest")
            out = functional.leaky_relu(getattr(self, f"conv_up{number}")(larger), SLOPE)
        made: torch.Tensor = self.conv_last(functional.leaky_relu(self.conv_hr(out), SLOPE))
        return made


def renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`state` under BasicSR's names."""
    if FIRST not in state:
        return dict(state)
    tops = sorted({int(name.split(".")[1]) for name in state if re.match(r"model\.\d+\.(weight|bias)$", name)})
    first, *ups, hr, last = tops
    places = {first: "conv_first", hr: "conv_hr", last: "conv_last"}
    places |= {place: f"conv_up{number}" for number, place in enumerate(ups, 1)}
    depth = max(int(name.split(".")[3]) for name in state if name.startswith("model.1.sub."))
    found: dict[str, torch.Tensor] = {}
    for name, weights in state.items():
        if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(weight|bias)", name):
            found[f"body.{match[1]}.rdb{match[2]}.conv{match[3]}.{match[4]}"] = weights
        elif name.startswith(f"model.1.sub.{depth}."):
            found[f"conv_body.{name.rpartition('.')[2]}"] = weights
        else:
            _, place, kind = name.split(".")
            found[f"{places[int(place)]}.{kind}"] = weights
    return found
