"""What stock diffusers draws of a request: the folder's own class and scheduler, called as its documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, DiffusionPipeline
from PIL import Image

from tests.zoo.entry import Entry
from worker.contract import DrawRequest

OTHER_TASKS: dict[str, Any] = {
    "image-to-image": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
}


def stock_picture(folder: Path, entry: Entry, request: DrawRequest) -> torch.Tensor:
    """[3, height, width] in 0-1, by a pipeline loaded anew for this request alone."""
    own: Any = DiffusionPipeline
    pipeline = own.from_pretrained(str(folder))
    if request.task != entry.tasks[0] and not entry.same_class:
        pipeline = OTHER_TASKS[request.task].from_pipe(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(request.seed)
    made = pipeline(**stock_arguments(entry, request), generator=generator, output_type="pt")[0]
    return made[0].detach().float().clamp(0, 1)


def stock_arguments(entry: Entry, request: DrawRequest) -> dict[str, Any]:
    told: Any = request.parameters
    size = (told.width, told.height)
    arguments: dict[str, Any] = {"prompt": told.prompt, "num_inference_steps": told.num_inference_steps}
    if entry.guidance is not None:
        arguments[entry.guidance] = told.guidance_scale
    if entry.negative:
        arguments["negative_prompt"] = told.negative_prompt
    if entry.sized:
        arguments |= {"width": told.width, "height": told.height}
    if request.task != "text-to-image":
        (picture,) = request.inputs["image"]
        arguments["image"] = picture.resize(size, Image.Resampling.LANCZOS)
        if entry.strength:
            arguments["strength"] = told.strength
    if request.task == "inpaint":
        (mask,) = request.inputs["mask"]
        arguments["mask_image"] = mask.resize(size, Image.Resampling.NEAREST)
    return arguments | dict(entry.stock) | dict(entry.by_size(*size))
