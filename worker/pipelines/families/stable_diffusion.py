"""How a request becomes a call of the Stable Diffusion 1.5 and XL pipelines. Knows no other family."""

from __future__ import annotations

from typing import Any, Final

import torch
from PIL import Image

from core.errors import JobFailure
from worker.contract import DrawRequest

TASKS: Final = frozenset({"text-to-image", "image-to-image", "inpaint"})
JUST_OVER: Final = 1 + 1e-6


def call_arguments(request: DrawRequest) -> dict[str, Any]:
    """The keyword arguments of the pipeline's call, without seed, callback and output type."""
    arguments: dict[str, Any] = {
        "prompt": request.prompt,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "negative_prompt": request.negative_prompt,
    }
    if request.task != "image-to-image":
        arguments |= {"width": request.width, "height": request.height}
    return arguments | picture_arguments(request)


def picture_arguments(request: DrawRequest) -> dict[str, Any]:
    """What the tasks that start from a picture add: it and its mask at the size asked for, and the strength."""
    if request.task == "text-to-image":
        return {}
    steps, strength = request.num_inference_steps, request.strength
    arguments: dict[str, Any] = {
        "image": sized(request.image, request, "RGB"),
        # Pipelines run int(steps * strength) steps and break on none.
        "strength": strength if steps * strength >= 1 else min(1.0, JUST_OVER / steps),
    }
    if request.task == "inpaint":
        arguments["mask_image"] = sized(request.mask, request, "L")
    return arguments


def sized(picture: Image.Image | None, request: DrawRequest, mode: str) -> Image.Image:
    if picture is None:
        raise JobFailure(f"the task {request.task} needs {'a mask' if mode == 'L' else 'an image'}")
    return picture.convert(mode).resize((request.width, request.height), Image.Resampling.LANCZOS)


def latent_grid(latents: torch.Tensor, request: DrawRequest) -> torch.Tensor:
    """The pipeline's latents as [rows, channels, height, width]."""
    return latents
