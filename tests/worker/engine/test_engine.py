"""The loop from outside: what is submitted ends in exactly one last event."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from core.jobs import Stage
from tests.worker.engine.drawings import a_request, draw_all, events_of, last_event, plain_picture
from worker.engine.engine import Engine
from worker.engine.requests import Canceled, Failed, Finished, Progressed
from worker.pipelines.models import Models


@pytest.mark.parametrize("model", ["sd15", "sdxl", "sd3", "flux", "mini"])
def test_a_request_becomes_the_picture_plain_diffusers_draws(models: Models, model: str) -> None:
    request = a_request(model, width=64, height=32)
    (event,) = draw_all(models, [request])
    assert isinstance(event, Finished)
    assert event.pixels.dtype == torch.uint8
    assert event.pixels.shape == (32, 64, 3)
    expected = plain_picture(models, request).permute(1, 2, 0)
    assert (event.pixels / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_events_tell_every_stage_and_every_step(models: Models) -> None:
    engine = Engine(models)
    drawing = engine.submit(a_request(num_inference_steps=3))
    engine.stop()
    engine.run()
    *progress, last = events_of(drawing)
    assert progress == [
        Progressed(Stage.ENCODE, 0, 3),
        Progressed(Stage.DENOISE, 0, 3),
        Progressed(Stage.DENOISE, 1, 3),
        Progressed(Stage.DENOISE, 2, 3),
        Progressed(Stage.DENOISE, 3, 3),
        Progressed(Stage.DECODE, 0, 1),
    ]
    assert isinstance(last, Finished)
    assert last.timings.keys() == {"encode", "denoise", "decode"}


def test_an_unknown_model_fails_and_says_which_there_are(models: Models) -> None:
    unknown, known = draw_all(models, [a_request("nothing"), a_request()])
    assert isinstance(unknown, Failed)
    assert unknown.error.code == "model_not_found"
    assert isinstance(known, Finished)


def test_stop_without_drain_cancels_what_was_submitted(models: Models) -> None:
    engine = Engine(models)
    drawings = [engine.submit(a_request(seed=seed)) for seed in range(3)]
    engine.stop(drain=False)
    engine.run()
    assert [last_event(drawing) for drawing in drawings] == [Canceled()] * 3
    assert (engine.active, engine.waiting) == (0, 0)


def test_a_request_after_stop_is_canceled_at_once(models: Models) -> None:
    engine = Engine(models)
    engine.stop()
    assert last_event(engine.submit(a_request())) == Canceled()


def test_an_idle_engine_wakes_for_a_request_from_another_thread(models: Models) -> None:
    engine = Engine(models)
    ended: list[Any] = []

    def client() -> None:
        drawing = engine.submit(a_request(num_inference_steps=2))
        while not isinstance(event := drawing.events.get(), Finished):
            pass
        ended.append(event)
        engine.stop()

    thread = threading.Thread(target=client)
    thread.start()
    engine.run()
    thread.join()
    assert len(ended) == 1
