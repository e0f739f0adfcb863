"""The bundled LoRAs draw in their styles, with the words that name them or without, over the four-step model."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline

from core.catalog.catalog import Catalog
from training.styles import BLOCKS

MODELS = Path(__file__).parents[2] / "models"
PROMPTS = ("a red apple", "a fox on a blue background", "a sailboat")
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        MODELS / "easel-mini", dtype=torch.float32
    )
    loaded.scheduler = LCMScheduler.from_config(loaded.scheduler.config)
    loaded.load_lora_weights(MODELS / "easel-mini-turbo", adapter_name="turbo")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several are what is meant
        for row in Catalog.load(MODELS / "catalog.toml").adapters:
            if row.kind != "lora":
                continue
            loaded.load_lora_weights(MODELS / row.source, adapter_name=row.id)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def drawn(pipeline: StableDiffusionPipeline, *adapters: str) -> list[np.ndarray]:
    """The prompts with these LoRAs at full strength, as float arrays of 0-255."""
    pipeline.set_adapters(["turbo", *adapters])
    return [
        np.asarray(
            pipeline(prompt, num_inference_steps=4, guidance_scale=1.0, generator=torch.Generator().manual_seed(seed))
            .images[0]
            .convert("RGB"),
            dtype=np.float32,
        )
        for seed, prompt in enumerate(PROMPTS)
    ]


def unevenness(picture: np.ndarray) -> float:
    """How much colours differ inside blocks, as a share of how much they differ from block to block."""
    side = len(picture) // BLOCKS
    blocks = picture.reshape(BLOCKS, side, BLOCKS, side, 3).swapaxes(1, 2)
    inside = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    return float(inside.std() / blocks.mean(axis=(2, 3)).std())


def test_they_are_small_and_go_with_both_forms_of_the_model() -> None:
    catalog = Catalog.load(MODELS / "catalog.toml")
    assert {row.id for row in catalog.adapters if row.kind == "lora"} == {"pixel-art", "line-drawing"}
    for row in catalog.adapters:
        assert (MODELS / row.source).stat().st_size <= MOST_BYTES
        assert all(row.fits(catalog.model(name)) for name in ("easel-mini", "easel-mini-turbo"))


def test_line_drawings_are_gray_lines_on_white(pipeline: StableDiffusionPipeline) -> None:
    for plain, picture in zip(drawn(pipeline), drawn(pipeline, "line-drawing"), strict=True):
        colour = (picture.max(axis=2) - picture.min(axis=2)).mean()
        assert colour < 10 < (plain.max(axis=2) - plain.min(axis=2)).mean()
        assert np.median(picture) > 235  # even where the prompt asks for another background
        assert np.percentile(picture, 1) < 120  # and there are lines


def test_pixel_art_is_more_even_inside_its_blocks(pipeline: StableDiffusionPipeline) -> None:
    for plain, picture in zip(drawn(pipeline), drawn(pipeline, "pixel-art"), strict=True):
        assert unevenness(picture) < 0.75 * unevenness(plain)
