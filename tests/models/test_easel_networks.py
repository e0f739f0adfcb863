"""The bundled networks: pictures larger than Lanczos makes them, cut out, and told apart; small, all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from core.catalog.catalog import Catalog
from core.jobs import GenerationRequest
from tests.worker.engine.drawings import draw_all
from worker.contract import DrawRequest, Finished
from worker.pipelines.models import Models

MODELS = Path(__file__).parents[2] / "models"
UPSCALERS_BYTES, NETWORKS_BYTES = 3_000_000, 5_000_000
LEAST_GAIN = 2.0
"""Decibels over Lanczos."""

MOTIFS = ("apple", "fox", "pizza", "car", "cat", "pear", "banana", "house", "lion", "rocket")


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(Catalog.load(MODELS / "catalog.toml"), device="cpu")


def run(models: Models, task: str, model: str, picture: Image.Image, **told: float) -> torch.Tensor | str:
    request = GenerationRequest(task=task, model=model, parameters=told, seeds=(1,))
    event = draw_all(models, [DrawRequest(request=request, seed=1, inputs={"image": (picture,)})])[0]
    assert isinstance(event, Finished), event
    result: torch.Tensor | str = event.result
    return result


@pytest.fixture(scope="module")
def drawn(models: Models) -> dict[str, Image.Image]:
    """One picture of each of MOTIFS by the default model, half of them on blue."""
    row = models.catalog.model(None)
    requests = []
    for seed, motif in enumerate(MOTIFS):
        words = f"{motif} on a blue background" if seed % 2 else motif
        told = {"prompt": words, "width": 256, "height": 256, "num_inference_steps": row.num_inference_steps}
        told |= {"guidance_scale": row.guidance_scale, "scheduler": row.scheduler}
        request = GenerationRequest(task="text-to-image", model=row.id, parameters=told, seeds=(seed,))
        requests.append(DrawRequest(request=request, seed=seed))
    events = draw_all(models, requests)
    return {
        motif: Image.fromarray(event.result.numpy())
        for motif, event in zip(MOTIFS, events, strict=True)
        if isinstance(event, Finished)
    }


def shapes(seed: int) -> Image.Image:
    """A picture of our own, 256 pixels: discs, triangles and lines, with smooth edges. Nobody was taught by it."""
    rng = np.random.default_rng(seed)
    large = Image.new("RGB", (1024, 1024), tuple(rng.integers(160, 256, 3).tolist()))
    pen = ImageDraw.Draw(large)
    for number in range(9):
        x, y, size = (int(value) for value in rng.integers(100, 900, 3) // (1, 1, 3))
        colour = tuple(rng.integers(0, 256, 3).tolist())
        if number % 3 == 0:
            pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        elif number % 3 == 1:
            pen.polygon([(x, y - size), (x + size, y + size), (x - size, y + size)], fill=colour)
        else:
            pen.line((x, y, 1024 - x, y + size), fill=colour, width=16)
    return large.resize((256, 256), Image.Resampling.BOX)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


@pytest.mark.parametrize("scale", [2, 4])
def test_pictures_become_larger_than_lanczos_makes_them(models: Models, scale: int) -> None:
    # Given pictures that were made smaller
    gains = []
    for seed in range(6):
        truth = shapes(seed)
        small = truth.resize((256 // scale,) * 2, Image.Resampling.BICUBIC)
        # When they are made larger again
        made = run(models, "upscale", f"easel-upscale-{scale}x", small, scale=float(scale))
        assert isinstance(made, torch.Tensor)
        plain = small.resize(truth.size, Image.Resampling.LANCZOS)
        gains.append(decibels(made.numpy(), np.asarray(truth)) - decibels(np.asarray(plain), np.asarray(truth)))
    # Then they are nearer to what they were than Lanczos comes
    assert np.mean(gains) >= LEAST_GAIN, gains


def test_what_is_shown_is_opaque_and_what_is_behind_is_not(models: Models, drawn: dict[str, Image.Image]) -> None:
    # When pictures of the bundled model are cut out
    for motif, picture in drawn.items():
        made = run(models, "remove-background", "easel-matte", picture)
        assert isinstance(made, torch.Tensor)
        opacity = made.numpy()[..., 3]
        # Then their corners are clear, their middle is not, and hardly anything is between
        assert max(opacity[y, x] for y in (2, -3) for x in (2, -3)) < 40, motif
        assert opacity[96:160, 96:160].mean() > 150, motif
        assert ((opacity > 40) & (opacity < 215)).mean() < 0.12, motif


def test_pictures_are_told_apart(models: Models, drawn: dict[str, Image.Image]) -> None:
    told = {motif: run(models, "image-to-text", "easel-describer", picture) for motif, picture in drawn.items()}
    words = {"car": ("car", "automobile"), "apple": ("apple",)}
    right = [motif for motif, text in told.items() if any(word in str(text) for word in words.get(motif, (motif,)))]
    assert len(right) >= 8, told
    on_blue = [text for text in told.values() if "blue background" in str(text)]
    assert 4 <= len(on_blue) <= 6, told


def test_they_are_small() -> None:
    folder = MODELS / "easel-networks"
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.safetensors")}
    assert set(sizes) == {
        "upscale-2x.safetensors",
        "upscale-4x.safetensors",
        "matte.safetensors",
        "describer.safetensors",
    }
    assert sum(size for name, size in sizes.items() if name.startswith("upscale")) <= UPSCALERS_BYTES
    assert sum(sizes.values()) <= NETWORKS_BYTES
