"""Knows which file calls which model family: a new family is a file and a row here. Knows no weights."""

from __future__ import annotations

from typing import Any, Final, Protocol

import torch

from worker.contract import DrawRequest
from worker.pipelines.families import flux, stable_diffusion, stable_diffusion_3


class FamilyCalls(Protocol):
    """What a family's file has to say."""

    @property
    def TASKS(self) -> frozenset[Task]: ...

    def call_arguments(self, request: DrawRequest) -> dict[str, Any]: ...

    def latent_grid(self, latents: torch.Tensor, request: DrawRequest) -> torch.Tensor: ...


FAMILIES: Final[dict[Family, FamilyCalls]] = {
    Family.SD15: stable_diffusion,
    Family.SDXL: stable_diffusion,
    Family.SD3: stable_diffusion_3,
    Family.FLUX: flux,
}
