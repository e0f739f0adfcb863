from __future__ import annotations

import io
import json

import pytest
import torch
from PIL import Image

from core.jobs import GenerationRequest
from core.media import Output
from core.schedulers import Scheduler
from worker.outputs.image import EXIF_IMAGE_DESCRIPTION, encode


def request(**changes: object) -> GenerationRequest:
    asked = GenerationRequest(
        model="easel-mini",
        prompt="ein roter Apfel, 赤いリンゴ",
        negative_prompt="text",
        width=48,
        height=32,
        num_inference_steps=20,
        guidance_scale=4.0,
        scheduler=Scheduler.DDIM,
        seeds=(7, 8),
    )
    return asked.evolve(**changes)


def noise() -> torch.Tensor:
    return torch.randint(0, 256, (32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_png_keeps_every_pixel_and_the_recipe() -> None:
    # Given pixels and their request
    pixels = noise()
    # When they are encoded as PNG
    image = Image.open(io.BytesIO(encode(pixels, request(), seed=8)))
    # Then nothing is lost, and the recipe is readable in each of its forms
    assert image.size == (48, 32)
    assert torch.equal(torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(32, 48, 3), pixels)
    assert image.info["seed"] == "8"
    recipe = json.loads(image.info["easel"])
    assert recipe["prompt"] == "ein roter Apfel, 赤いリンゴ"
    assert (recipe["seed"], recipe["scheduler"], recipe["num_inference_steps"]) == (8, "ddim", 20)
    assert "Negative prompt: text\nSteps: 20, Sampler: ddim" in image.info["parameters"]


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_lossy_formats_carry_the_recipe_and_obey_quality(kind: ImageFormat) -> None:
    # Given the same picture at two qualities
    files = {
        quality: encode(noise(), request(output=Output(format=kind, quality=quality)), seed=7) for quality in (20, 95)
    }
    # When they are opened
    image = Image.open(io.BytesIO(files[95]))
    # Then the better one is larger, and the recipe is in the EXIF description
    assert len(files[95]) > len(files[20])
    assert image.format == kind.value.upper()
    assert json.loads(image.getexif()[EXIF_IMAGE_DESCRIPTION])["seed"] == 7
