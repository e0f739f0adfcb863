"""Every family has a file, and its calls are what its pipelines take."""

from __future__ import annotations

import inspect

import pytest
import torch
from diffusers import (
    FluxImg2ImgPipeline,
    FluxPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3InpaintPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from core.errors import JobFailure
from tests.worker.engine.drawings import a_request
from worker.pipelines.families import FAMILIES

PIPELINES = {
    (Family.SD15, "text-to-image"): StableDiffusionPipeline,
    (Family.SD15, "image-to-image"): StableDiffusionImg2ImgPipeline,
    (Family.SD15, "inpaint"): StableDiffusionInpaintPipeline,
    (Family.SDXL, "text-to-image"): StableDiffusionXLPipeline,
    (Family.SDXL, "image-to-image"): StableDiffusionXLImg2ImgPipeline,
    (Family.SDXL, "inpaint"): StableDiffusionXLInpaintPipeline,
    (Family.SD3, "text-to-image"): StableDiffusion3Pipeline,
    (Family.SD3, "image-to-image"): StableDiffusion3Img2ImgPipeline,
    (Family.SD3, "inpaint"): StableDiffusion3InpaintPipeline,
    (Family.FLUX, "text-to-image"): FluxPipeline,
    (Family.FLUX, "image-to-image"): FluxImg2ImgPipeline,
}


def test_every_family_has_a_file_and_every_task_of_it_a_pipeline() -> None:
    assert set(FAMILIES) == set(Family)
    assert {(family, task) for family, calls in FAMILIES.items() for task in calls.TASKS} == set(PIPELINES)


@pytest.mark.parametrize(("family", "task"), list(PIPELINES))
def test_the_pipeline_takes_every_argument_of_the_call(family: Family, task: Task) -> None:
    arguments = FAMILIES[family].call_arguments(a_request(family, task=task))
    parameters = inspect.signature(PIPELINES[family, task].__call__).parameters
    assert set(arguments) <= set(parameters)
    # A pipeline that can be told a size is told: its own default is another
    assert ("width" in parameters) == ("width" in arguments)


@pytest.mark.parametrize(
    ("steps", "strength", "drawn"), [(20, 0.8, 16), (4, 0.1, 1), (1, 0.0, 1), (2, 0.5, 1), (3, 1.0, 3)]
)
def test_some_step_is_always_drawn(steps: int, strength: float, drawn: int) -> None:
    request = a_request(task="image-to-image", num_inference_steps=steps, strength=strength)
    assert int(steps * FAMILIES[Family.SD15].call_arguments(request)["strength"]) == drawn


def test_pictures_come_in_the_size_and_colours_asked_for() -> None:
    picture, mask = Image.new("RGBA", (30, 20)), Image.new("1", (7, 7))
    request = a_request(task="inpaint", image=picture, mask=mask, width=64, height=32)
    arguments = FAMILIES[Family.SDXL].call_arguments(request)
    assert (arguments["image"].size, arguments["image"].mode) == ((64, 32), "RGB")
    assert (arguments["mask_image"].size, arguments["mask_image"].mode) == ((64, 32), "L")


@pytest.mark.parametrize("missing", ["image", "mask"])
def test_a_picture_that_is_missing_is_named(missing: str) -> None:
    request = a_request(task="inpaint", **{missing: None})
    with pytest.raises(JobFailure, match=f"needs an? {missing}"):
        FAMILIES[Family.SD15].call_arguments(request)


def test_flux_has_no_negative_prompt() -> None:
    assert "negative_prompt" not in FAMILIES[Family.FLUX].call_arguments(a_request("flux"))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 32), (32, 128)])
def test_flux_latents_are_unpacked_as_flux_packs_them(width: int, height: int) -> None:
    grid = torch.randn(2, 4, height // 8, width // 8)
    packed = FluxPipeline._pack_latents(grid, 2, 4, height // 8, width // 8)
    request = a_request("flux", width=width, height=height)
    assert torch.equal(FAMILIES[Family.FLUX].latent_grid(packed, request), grid)
