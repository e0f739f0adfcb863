"""Previews show the colours of what is being drawn, no more often than asked."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from tests.worker.engine.drawings import a_request, events_of
from worker.contract import Event, Finished, Previewed
from worker.engine.engine import Engine
from worker.engine.previews import fit_colour_map
from worker.pipelines.models import Models


class LinearAutoencoder:
    """Averages 8x8 pixels and mixes three colours into four channels: the map can be exact."""

    config = SimpleNamespace(scaling_factor=0.5, shift_factor=0.25)

    def __init__(self) -> None:
        self.mix = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))

    def parameters(self) -> Any:
        return iter([self.mix])

    def encode(self, picture: torch.Tensor) -> Any:
        small = torch.nn.functional.avg_pool2d(picture, 8)
        return SimpleNamespace(latents=torch.einsum("oc,bchw->bohw", self.mix, small))


def test_the_map_gives_back_the_colours() -> None:
    # Given the latents of a picture that is orange on the left and blue on the right
    vae = LinearAutoencoder()
    picture = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1).repeat(1, 1, 64, 128)
    picture[..., 64:] = torch.tensor([-1.0, -1.0, 1.0]).view(3, 1, 1)
    latents = (vae.encode(picture).latents - 0.25) * 0.5
    # When they are shown
    colours = fit_colour_map(vae)
    preview = Image.open(io.BytesIO(colours.jpeg(latents * min(1.0, colours.spread / float(latents.std())))))
    # Then so is the preview
    assert preview.size == (256, 128)
    red, _, blue = preview.getpixel((40, 64))
    assert red > blue + 60
    red, _, blue = preview.getpixel((200, 64))
    assert blue > red + 60


@pytest.mark.parametrize("model", ["sd15", "sdxl", "sd3", "flux", "mini"])
def test_every_family_shows_previews_of_the_picture_s_shape(models: Models, model: str) -> None:
    engine = Engine(models, preview_seconds=0)
    drawing = engine.submit(a_request(model, width=64, height=32, num_inference_steps=4))
    engine.stop()
    engine.run()
    previews = [event for event in events_of(drawing) if isinstance(event, Previewed)]
    assert [preview.step for preview in previews] == [1, 2, 3]
    assert {Image.open(io.BytesIO(preview.paint())).size for preview in previews} == {(256, 128)}


def test_previews_are_throttled(models: Models) -> None:
    # Given a clock that moves a tenth of a second each time it is read
    readings = iter(range(10**6))
    engine = Engine(models, preview_seconds=1.0, clock=lambda: next(readings) / 10)
    drawing = engine.submit(a_request(num_inference_steps=40))
    engine.stop()
    engine.run()
    # Then fewer previews come than steps
    events: list[Event] = events_of(drawing)
    assert isinstance(events[-1], Finished)
    assert 3 <= sum(isinstance(event, Previewed) for event in events) <= 20


def test_a_preview_that_cannot_be_made_costs_no_picture(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engine.residents.fit_colour_map", lambda vae: 1 / 0)
    engine = Engine(models, preview_seconds=0)
    drawing = engine.submit(a_request())
    engine.stop()
    engine.run()
    assert isinstance(events_of(drawing)[-1], Finished)
