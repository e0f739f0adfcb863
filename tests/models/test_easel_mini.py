"""The bundled model is an ordinary one: stock diffusers loads it, and it draws what its card says, on fixed seeds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from training import captions, features
from worker.pipelines.estimates import LastStep

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn(pipeline: StableDiffusionPipeline, prompt: str, seed: int = 1) -> Image.Image:
    image: Image.Image = pipeline(
        prompt, num_inference_steps=12, guidance_scale=3.0, generator=torch.Generator().manual_seed(seed)
    ).images[0]
    return image


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """CIE76; a just noticeable difference is about 2."""
    return float(np.linalg.norm(features.to_lab(one) - features.to_lab(other)))


def test_it_is_small_and_safe() -> None:
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 60_000_000
    weights = {path.suffix for path in files if path.stat().st_size > 1_000_000}
    assert weights == {".safetensors"}
    assert {"README.md", "LICENSE", "NOTICE"} <= {path.name for path in files}


def test_its_own_size_is_256(pipeline: StableDiffusionPipeline) -> None:
    assert drawn(pipeline, "a fox").size == (256, 256)


@pytest.mark.parametrize(
    ("motif", "colour"),
    [
        ("a red apple", "dark blue"),
        ("a red apple", "yellow"),
        ("a red apple", "white"),
        ("a fox", "dark blue"),
    ],
)
def test_the_background_is_as_asked(pipeline: StableDiffusionPipeline, motif: str, colour: str) -> None:
    image = drawn(pipeline, f"{motif} on a {colour} background")
    made = features.background_colour(np.asarray(image))
    assert apart(made, np.array(captions.COLOURS[colour])) < 25


def test_the_motif_is_as_asked(pipeline: StableDiffusionPipeline) -> None:
    # Given two fruits of one shape
    red, green = (drawn(pipeline, f"a {colour} apple") for colour in ("red", "green"))

    # Then each has its colour in the middle, and neither is a fox
    middles = [np.asarray(image)[108:148, 108:148].reshape(-1, 3).mean(axis=0) for image in (red, green)]
    assert middles[0][0] > middles[0][1] + 60
    assert middles[1][1] > middles[1][2] + 60
    describe = features.describe
    like, unlike = drawn(pipeline, "a red apple", seed=2), drawn(pipeline, "a fox")
    assert np.linalg.norm(describe(red) - describe(like)) < np.linalg.norm(describe(red) - describe(unlike))


def test_image_to_image_and_inpainting_are_the_stock_pipelines(pipeline: StableDiffusionPipeline) -> None:
    # Given
    start = drawn(pipeline, "a red apple")
    mask = Image.new("L", start.size)
    mask.paste(255, (0, 0, 256, 128))
    draw = partial(dict, prompt="a green apple", image=start, num_inference_steps=10)
    varied = AutoPipelineForImage2Image.from_pipe(pipeline)
    edited = AutoPipelineForInpainting.from_pipe(pipeline)
    assert (type(varied), type(edited)) == (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)
    for each in (varied, edited):
        each.set_progress_bar_config(disable=True)

    # When
    near = varied(**draw(strength=0.2, generator=torch.Generator().manual_seed(1))).images[0]
    far = varied(**draw(strength=1.0, generator=torch.Generator().manual_seed(1))).images[0]
    half = edited(**draw(mask_image=mask, strength=1.0, generator=torch.Generator().manual_seed(1))).images[0]

    # Then
    pixels = {name: np.asarray(image).astype(float) for name, image in (("near", near), ("far", far), ("half", half))}
    before = np.asarray(start).astype(float)
    assert np.abs(pixels["near"] - before).mean() < np.abs(pixels["far"] - before).mean()
    assert np.abs(pixels["half"] - before)[144:].mean() < np.abs(pixels["half"] - before)[:112].mean()


def test_the_picture_is_foreseen_long_before_it_is_done(pipeline: StableDiffusionPipeline) -> None:
    # Given what is shown after a quarter of the steps: the latents as they are, and as the model foresees them
    last, shown = LastStep(), {}

    def look(pipe: StableDiffusionPipeline, step: int, timestep: torch.Tensor, tensors: dict) -> dict:
        if step == 4:
            shown.update(noisy=tensors["latents"], foreseen=last.estimate())
        return {}

    generator = torch.Generator().manual_seed(1)
    with last.watching(pipeline.scheduler):
        done = pipeline(
            "a red apple",
            num_inference_steps=20,
            guidance_scale=3.0,
            generator=generator,
            output_type="latent",
            callback_on_step_end=look,
        ).images

    # Then the latter is most of the way there
    def left(latents: torch.Tensor) -> float:
        return float((latents - done).square().mean())

    assert left(shown["foreseen"]) < 0.3 * left(shown["noisy"])
