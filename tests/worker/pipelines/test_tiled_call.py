"""Creative upscale: the stock pipeline for each tile, joined on the light of the picture that was given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from core.jobs import Stage
from tests.worker.engine.drawings import PICTURE, a_request, draw_all, events_of
from worker.contract import Canceled, DrawRequest, Finished, Progressed
from worker.engine.engine import Engine
from worker.pipelines.models import Models
from worker.pipelines.tiled_call import fading, starts


def enlarging(seed: int = 1, **told: object) -> DrawRequest:
    request = a_request(task="creative-upscale", seed=seed, image=PICTURE, **told)
    assert request.inputs["image"] == (PICTURE,)
    return request


def picture(event: object) -> torch.Tensor:
    assert isinstance(event, Finished), event
    made: torch.Tensor = event.result
    return made


@pytest.mark.parametrize(("length", "tile", "expected"), [(64, 64, [0]), (100, 64, [0, 36]), (160, 64, [0, 48, 96])])
def test_tiles_cover_a_side_and_overlap(length: int, tile: int, expected: list[int]) -> None:
    assert starts(length, tile) == expected


def test_tiles_fade_where_they_overlap() -> None:
    weights = fading(64)
    assert weights.max() == 1
    assert 0 < weights[0] == weights[-1] < 0.1
    assert (weights[16:48] == 1).all()


def test_a_picture_is_drawn_over_tile_by_tile(models: Models) -> None:
    # When a picture of 64 pixels becomes 1.5 times as large by tiles of 64
    engine = Engine(models)
    drawing = engine.submit(enlarging(scale=1.5, strength=0.5))
    engine.stop()
    engine.run()
    # Then it has its size, and two steps of each of four tiles were told of
    events = events_of(drawing)
    assert tuple(picture(events[-1]).shape) == (96, 96, 3)
    told = [event for event in events if isinstance(event, Progressed) and event.stage is Stage.DENOISE and event.step]
    assert [(event.step, event.steps) for event in told] == [(step, 8) for step in range(1, 9)]


def test_its_light_is_that_of_the_given_picture_and_its_details_are_not(models: Models) -> None:
    # Given a picture drawn over almost as a whole, by a model that has learned nothing
    made = picture(draw_all(models, [enlarging(scale=2.0, strength=1.0)])[0]).numpy()
    given = np.asarray(PICTURE.resize((128, 128), Image.Resampling.LANCZOS))

    def coarse(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(pixels).resize((8, 8), Image.Resampling.BOX), dtype=float)

    # Then its light is near, and its details are others
    assert np.abs(coarse(made) - coarse(given)).mean() < 12
    assert np.abs(made.astype(float) - given).mean() > 2


def test_what_is_smaller_than_a_tile_is_drawn_as_large_as_one(models: Models) -> None:
    small = a_request(task="creative-upscale", image=PICTURE.resize((20, 12)), scale=2.0)
    assert tuple(picture(draw_all(models, [small])[0]).shape) == (24, 40, 3)


def test_it_is_the_same_beside_others(models: Models) -> None:
    alone = picture(draw_all(models, [enlarging(scale=1.5)])[0])
    beside = draw_all(models, [enlarging(scale=1.5), enlarging(seed=2, scale=1.5), a_request(seed=3)])
    assert (picture(beside[0]).int() - alone.int()).abs().max() <= 1
    assert not torch.equal(picture(beside[1]), alone)


def test_it_is_canceled_between_two_tiles(models: Models) -> None:
    engine = Engine(models)
    drawing = engine.submit(enlarging(scale=1.5, strength=0.5))
    steps: list[int] = []
    with torch.no_grad():
        # When three steps are told of, one more than a tile has
        while 3 not in steps:
            engine.tick()
            steps += [event.step for event in events_of(drawing) if isinstance(event, Progressed)]
        drawing.cancel()
        while engine.has_work():
            engine.tick()
    assert isinstance(events_of(drawing)[-1], Canceled)


@pytest.mark.parametrize("family", ["sdxl", "sd3", "flux", "mini"])
def test_every_family_that_draws_over_pictures_does_it(models: Models, family: str) -> None:
    request = a_request(family, task="creative-upscale", image=PICTURE, scale=1.5, guidance_scale=2.0)
    assert tuple(picture(draw_all(models, [request])[0]).shape) == (96, 96, 3)
