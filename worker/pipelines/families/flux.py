"""How a request becomes a call of the Flux pipelines. Knows no other family.

Flux differs from Stable Diffusion in three things: its guidance is distilled, so there is no negative prompt; its
latents travel packed, 2x2 patches in a row; every task takes width and height.
"""

from __future__ import annotations

from typing import Any, Final

import torch

from worker.contract import DrawRequest
from worker.pipelines.families.stable_diffusion import picture_arguments

TASKS: Final = frozenset({"text-to-image", "image-to-image"})


def call_arguments(request: DrawRequest) -> dict[str, Any]:
    """The keyword arguments of the pipeline's call, without seed, callback and output type."""
    return {
        "prompt": request.prompt,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "width": request.width,
        "height": request.height,
    } | picture_arguments(request)


def latent_grid(latents: torch.Tensor, request: DrawRequest) -> torch.Tensor:
    """Unpack [rows, patches, channels x 4] to [rows, channels, height, width]."""
    rows, patches, packed = latents.shape
    high = round((patches * request.height / request.width) ** 0.5)
    grid = latents.reshape(rows, high, patches // high, packed // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(rows, packed // 4, high * 2, patches // high * 2)
