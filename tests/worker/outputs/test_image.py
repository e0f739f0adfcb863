"""Files of images: every pixel or a good likeness, the recipe inside, and what the mask keeps."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image

from core.jobs import GenerationRequest
from core.media import Output
from tests.worker.engine.drawings import a_request
from worker.contract import Inputs
from worker.outputs.image import EXIF_IMAGE_DESCRIPTION, FEATHER_PIXELS, encode


def request(output: Output | None = None) -> GenerationRequest:
    asked = a_request(
        "easel-mini",
        prompt="ein roter Apfel, 赤いリンゴ",
        negative_prompt="text",
        width=48,
        height=32,
        num_inference_steps=20,
        scheduler="ddim",
    )
    return asked.request.evolve(seeds=(7, 8), output=output or Output())


def noise(low: int = 0) -> torch.Tensor:
    return torch.randint(low, 256, (32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def pixels_of(file: bytes) -> torch.Tensor:
    image = Image.open(io.BytesIO(file))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(image.height, image.width, 3)


def test_png_keeps_every_pixel_and_the_recipe() -> None:
    # Given pixels and their request
    pixels = noise()
    # When they are encoded as PNG
    encoded = encode(pixels, request(), 8, {})
    # Then nothing is lost, and the recipe is readable in each of its forms
    image = Image.open(io.BytesIO(encoded.content))
    assert (image.size, encoded.facts) == ((48, 32), {"width": 48, "height": 32})
    assert torch.equal(pixels_of(encoded.content), pixels)
    assert image.info["seed"] == "8"
    recipe = json.loads(image.info["easel"])
    assert recipe["prompt"] == "ein roter Apfel, 赤いリンゴ"
    assert (recipe["seed"], recipe["scheduler"], recipe["num_inference_steps"]) == (8, "ddim", 20)
    assert "Negative prompt: text\nSteps: 20, Sampler: DDIM" in image.info["parameters"]


def test_pixels_may_lie_in_memory_as_the_pipeline_left_them() -> None:
    planes = noise().permute(2, 0, 1).contiguous()
    assert torch.equal(pixels_of(encode(planes.permute(1, 2, 0), request(), 7, {}).content), noise())


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_lossy_formats_carry_the_recipe_and_obey_quality(kind: str) -> None:
    # Given the same picture at two qualities
    files = {
        quality: encode(noise(), request(Output(format=kind, quality=quality)), 7, {}).content for quality in (20, 95)
    }
    # When they are opened
    image: Any = Image.open(io.BytesIO(files[95]))
    # Then the better one is larger, and the recipe is in the EXIF description
    assert len(files[95]) > len(files[20])
    assert image.format == kind.upper()
    assert json.loads(image.getexif()[EXIF_IMAGE_DESCRIPTION])["seed"] == 7


def half_masked(size: tuple[int, int] = (48, 32)) -> Inputs:
    """Noise as a picture, its left half to be drawn anew."""
    mask = Image.new("L", (48, 32), 0)
    mask.paste(255, (0, 0, 24, 32))
    return {"image": (Image.fromarray(noise(low=1).numpy()).resize(size),), "mask": (mask.resize(size),)}


def test_outside_the_mask_every_pixel_stays() -> None:
    # When a drawing that is black everywhere and a picture of noise are put together
    whole = pixels_of(encode(torch.zeros(32, 48, 3, dtype=torch.uint8), request(), 7, half_masked()).content)
    # Then the right half is the picture, the left half the drawing, with a soft seam inside
    assert torch.equal(whole[:, 24:], noise(low=1)[:, 24:])
    assert whole[:, : 24 - 4 * FEATHER_PIXELS].max() == 0
    assert 0 < whole[:, 23].float().mean() < noise(low=1)[:, 23].float().mean()


def test_a_soft_edge_blends_by_its_shades() -> None:
    # Given a mask that fades from white to black over half of the picture
    mask = Image.new("L", (48, 32), 0)
    for x in range(24):
        mask.paste(255 - 10 * x, (x, 0, x + 1, 32))
    white = Image.new("RGB", (48, 32), "white")
    # When a black drawing is put into a white picture
    whole = pixels_of(
        encode(torch.zeros(32, 48, 3, dtype=torch.uint8), request(), 7, {"image": (white,), "mask": (mask,)}).content
    )
    # Then it fades as the mask does, with no step
    row = whole[16, :, 0].int()
    assert (row[24:] == 255).all()
    assert (row[4:20] - torch.arange(40, 200, 10)).abs().max() <= 8
    assert row.diff()[:20].max() <= 16


def test_a_picture_of_another_size_is_kept_at_the_size_drawn() -> None:
    whole = encode(torch.zeros(32, 48, 3, dtype=torch.uint8), request(), 7, half_masked((96, 64)))
    assert whole.facts == {"width": 48, "height": 32}
    assert pixels_of(whole.content)[:, 30:].float().mean() > 100


def test_without_a_mask_the_drawing_is_all() -> None:
    inputs: Inputs = {"image": half_masked()["image"]}
    black = torch.zeros(32, 48, 3, dtype=torch.uint8)
    assert torch.equal(pixels_of(encode(black, request(), 7, inputs).content), black)
