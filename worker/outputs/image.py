"""Pixels to PNG, JPEG or WebP, with the recipe inside the file. Knows no store and no model."""

from __future__ import annotations

import io
import json
from importlib.metadata import version
from typing import Final

import torch
from PIL import Image, PngImagePlugin

from core.jobs import GenerationRequest

DEFAULT_QUALITY: Final = 90
EXIF_SOFTWARE: Final = 0x0131
EXIF_IMAGE_DESCRIPTION: Final = 0x010E


def encode(pixels: torch.Tensor, request: GenerationRequest, seed: int) -> bytes:
    """The file of one picture; `pixels` is uint8 [height, width, 3] on the CPU.

    PNG carries text chunks: `seed`, `easel` (the whole recipe as JSON) and `parameters` (the line that other
    tools read). JPEG and WebP carry the JSON recipe as the EXIF description.
    """
    height, width, _ = pixels.shape
    image = Image.frombytes("RGB", (width, height), pixels.numpy().tobytes())
    software = f"Easel {version('easel')}"
    file = io.BytesIO()
    if request.output.format == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", software)
        text.add_text("seed", str(seed))
        text.add_itxt("parameters", parameters(request, seed))
        text.add_itxt("easel", recipe(request, seed))
        image.save(file, "PNG", pnginfo=text)
    else:
        exif = Image.Exif()
        exif[EXIF_SOFTWARE] = software
        exif[EXIF_IMAGE_DESCRIPTION] = recipe(request, seed)
        quality = request.output.quality or DEFAULT_QUALITY
        image.save(file, request.output.format.value.upper(), quality=quality, exif=exif)
    return file.getvalue()


def recipe(request: GenerationRequest, seed: int) -> str:
    """Everything that is needed to draw this picture again, as JSON in ASCII."""
    fields = request.model_dump(mode="json", exclude={"seeds", "output"}, exclude_none=True)
    return json.dumps({**fields, "seed": seed})


def parameters(request: GenerationRequest, seed: int) -> str:
    """The recipe in the form that AUTOMATIC1111's `parameters` chunk made customary."""
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    lines.append(
        f"Steps: {request.num_inference_steps}, Sampler: {request.scheduler}, CFG scale: {request.guidance_scale:g}, "
        f"Seed: {seed}, Size: {request.width}x{request.height}, Model: {request.model}"
    )
    return "\n".join(lines)
