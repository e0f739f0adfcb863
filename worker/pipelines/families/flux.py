"""Flux: latents travel packed, 2x2 patches in a row."""

from __future__ import annotations

from typing import Any, Final

import torch

from worker.contract import DrawRequest
from worker.pipelines.traits import Traits


def unpacked(latents: torch.Tensor, request: DrawRequest) -> torch.Tensor:
    """[rows, patches, channels x 4] to [rows, channels, height, width]."""
    told: Any = request.parameters
    rows, patches, packed = latents.shape
    high = round((patches * told.height / told.width) ** 0.5)
    grid = latents.reshape(rows, high, patches // high, packed // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(rows, packed // 4, high * 2, patches // high * 2)


TRAITS: Final = Traits(
    families=frozenset({"flux", "flux-kontext"}),
    half_overflows=True,  # trained in bfloat16
    latent_grid=unpacked,
)
