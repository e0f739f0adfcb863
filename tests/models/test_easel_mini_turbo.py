"""The few-step form of the bundled model is an ordinary LoRA: stock diffusers draws with it in four steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline
from PIL import Image

from core.catalog.catalog import Catalog
from training import captions, features

MODELS = Path(__file__).parents[2] / "models"
BUNDLED_BYTES = 76_000_000


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        MODELS / "easel-mini", dtype=torch.float32
    )
    loaded.scheduler = LCMScheduler.from_config(loaded.scheduler.config)
    loaded.load_lora_weights(MODELS / "easel-mini-turbo")
    loaded.fuse_lora()
    loaded.unload_lora_weights()
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn(pipeline: StableDiffusionPipeline, prompt: str, steps: int = 4, seed: int = 1) -> Image.Image:
    image: Image.Image = pipeline(
        prompt, num_inference_steps=steps, guidance_scale=1.0, generator=torch.Generator().manual_seed(seed)
    ).images[0]
    return image


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """CIE76; a just noticeable difference is about 2."""
    return float(np.linalg.norm(features.to_lab(one) - features.to_lab(other)))


def test_all_that_is_bundled_is_small_and_the_row_asks_for_few_rows() -> None:
    # Given the rows of the catalogue
    catalog = Catalog.load(MODELS / "catalog.toml")
    row, fine = catalog.model(None), catalog.model("easel-mini")
    # Then the default draws a picture with four rows of the denoiser where the fine one takes forty
    assert (row.id, row.num_inference_steps, row.guidance_scale, row.scheduler) == ("easel-mini-turbo", 4, 1.0, "lcm")
    assert (fine.num_inference_steps, fine.guidance_scale) == (20, 3.0)
    # And everything together is no large download
    files = [path for path in MODELS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUNDLED_BYTES


@pytest.mark.parametrize(("motif", "colour"), [("a red apple", "yellow"), ("a red apple", "white"), ("a fox", "blue")])
def test_the_background_is_as_asked(pipeline: StableDiffusionPipeline, motif: str, colour: str) -> None:
    made = features.background_colour(np.asarray(drawn(pipeline, f"{motif} on a {colour} background")))
    assert apart(made, np.array(captions.COLOURS[colour])) < 25


@pytest.mark.parametrize("steps", [4, 8])
def test_the_motif_is_as_asked(pipeline: StableDiffusionPipeline, steps: int) -> None:
    # Given two apples, another red one, and a fox
    red, green = (drawn(pipeline, f"a {colour} apple", steps) for colour in ("red", "green"))
    like, unlike = drawn(pipeline, "a red apple", steps, seed=2), drawn(pipeline, "a fox", steps)
    # Then the apples have their colours in the middle, and an apple is more like an apple than like a fox
    middles = [np.asarray(image)[108:148, 108:148].reshape(-1, 3).mean(axis=0) for image in (red, green)]
    assert middles[0][0] > middles[0][1] + 60
    assert middles[1][1] > middles[1][2] + 60
    describe = features.describe
    assert np.linalg.norm(describe(red) - describe(like)) < np.linalg.norm(describe(red) - describe(unlike))
