"""The loop from outside: what is submitted ends in exactly one last event."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.catalog.catalog import Catalog
from core.jobs import Stage
from tests.worker.engine.drawings import a_request, draw_all, events_of, last_event, misbehave, plain_picture
from worker.contract import Canceled, Event, Failed, Finished, Progressed
from worker.engine.engine import Engine
from worker.pipelines.models import Models


@pytest.mark.parametrize("model", ["sd15", "sdxl", "sd3", "flux", "mini"])
def test_a_request_becomes_the_picture_plain_diffusers_draws(models: Models, model: str) -> None:
    request = a_request(model, width=64, height=32)
    (event,) = draw_all(models, [request])
    assert isinstance(event, Finished)
    assert event.result.dtype == torch.uint8
    assert event.result.shape == (32, 64, 3)
    expected = plain_picture(models, request).permute(1, 2, 0)
    assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_events_tell_every_stage_and_every_step(models: Models) -> None:
    engine = Engine(models)
    drawing = engine.submit(a_request(num_inference_steps=3))
    engine.stop()
    engine.run()
    *progress, last = events_of(drawing)
    assert progress == [
        Progressed(Stage.ENCODE, 0, 1),
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


def run_until(engine: Engine, reached: Callable[[], bool]) -> None:
    with torch.no_grad():
        for _ in range(200):
            if reached():
                return
            engine.tick()
    raise AssertionError("not reached")


@pytest.mark.parametrize("stage", [Stage.ENCODE, Stage.DENOISE, Stage.DECODE])
def test_a_cancel_takes_effect_before_the_next_forward_of_any_stage(models: Models, stage: Stage) -> None:
    # Given two requests, the first just come to `stage`
    engine = Engine(models, max_rows=2)
    canceled = engine.submit(a_request(seed=1, prompt=f"never seen before {stage}", num_inference_steps=2))
    other = engine.submit(a_request(seed=2, num_inference_steps=5))
    seen: list[Event] = []

    def at_stage() -> bool:
        seen.extend(events_of(canceled))
        return any(isinstance(event, Progressed) and event.stage is stage for event in seen)

    run_until(engine, at_stage)
    # When it is canceled
    canceled.cancel()
    engine.tick()
    # Then its next event is the last, and the other is not disturbed
    assert events_of(canceled) == [Canceled()]
    engine.stop()
    engine.run()
    event = last_event(other)
    assert isinstance(event, Finished)
    expected = plain_picture(models, other.request).permute(1, 2, 0)
    assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_request_canceled_while_it_waits_is_never_begun(models: Models) -> None:
    engine = Engine(models)
    drawing = engine.submit(a_request())
    drawing.cancel()
    engine.stop()
    engine.run()
    assert events_of(drawing) == [Canceled()]


def test_a_pipeline_that_cannot_be_hooked_runs_alone_and_right(fresh_models: Callable[..., Models]) -> None:
    # Given a denoiser with an offload hook of its own
    models = fresh_models()
    unet = models.get("sd15").pipeline.unet
    unet._hf_hook = object()
    rows: list[int] = []
    misbehave(unet, "forward", lambda sample, *args, **rest: rows.append(len(sample)))
    # When two requests are drawn
    requests = [a_request(seed=seed, num_inference_steps=16) for seed in range(2)]
    events = draw_all(models, requests)
    # Then they did not share a forward, are right, and tell where the time went
    assert rows == [2] * 32
    for request, event in zip(requests, events, strict=True):
        assert isinstance(event, Finished)
        assert event.timings["denoise"] > event.timings["encode"]
        expected = plain_picture(models, request).permute(1, 2, 0)
        assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_equal_requests_share_every_forward(fresh_models: Callable[..., Models]) -> None:
    models = fresh_models()
    rows: list[int] = []
    misbehave(models.get("sd15").pipeline.unet, "forward", lambda sample, *args, **rest: rows.append(len(sample)))
    draw_all(models, [a_request(seed=seed) for seed in range(3)])
    # The first and the last run alone too, once, as proof that a shared forward gives the same
    assert rows == [6, 2, 2, 6, 6, 6]


def test_models_without_room_beside_each_other_take_turns(catalog: Catalog) -> None:
    # Given room for one model, and requests for two that come in turn
    engine = Engine(Models(catalog, device="cpu", max_resident=1))
    asked = ("sd15", "sd3", "sd15", "sd3")
    drawings = [engine.submit(a_request(model, num_inference_steps=2, seed=n)) for n, model in enumerate(asked)]
    # When they are drawn
    engine.stop()
    engine.run()
    # Then each model was loaded once
    told = [events_of(drawing) for drawing in drawings]
    assert [isinstance(events[-1], Finished) for events in told] == [True] * 4
    assert [Progressed(Stage.LOAD, 0, 1) in events for events in told] == [True, True, False, False]


def test_a_stream_for_the_loaded_model_cannot_hold_the_other_one_up(catalog: Catalog) -> None:
    # Given a request that waits for room since before another one came
    engine = Engine(Models(catalog, device="cpu", max_resident=1))
    drawings = [engine.submit(a_request("sd15")), engine.submit(a_request("sd3"))]
    with torch.no_grad():
        engine.tick()
    drawings.append(engine.submit(a_request("sd15", seed=2)))
    # When all are drawn
    engine.stop()
    engine.run()
    # Then it went before the later one, for which its model was loaded again
    told = [events_of(drawing) for drawing in drawings]
    assert [isinstance(events[-1], Finished) for events in told] == [True] * 3
    assert [Progressed(Stage.LOAD, 0, 1) in events for events in told] == [True, True, True]


@pytest.mark.slow
def test_three_hundred_requests_leave_nothing_behind(models: Models) -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    def draw(count: int) -> None:
        requests = [
            a_request(seed=seed, num_inference_steps=1 + seed % 3, prompt=("a", "b", "c")[seed % 3])
            for seed in range(count)
        ]
        assert all(isinstance(event, Finished) for event in draw_all(models, requests))

    draw(30)
    before = tensors()
    draw(300)
    assert tensors() <= before


@pytest.mark.parametrize("model", ["sd15", "sdxl", "sd3", "flux", "mini"])
def test_pictures_that_end_together_are_decoded_together(fresh_models: Callable[..., Models], model: str) -> None:
    models = fresh_models()
    rows: list[int] = []
    vae = models.get(model).pipeline.vae
    misbehave(vae.decoder, "forward", lambda latents, *args, **rest: rows.append(len(latents)))
    draw_all(models, [a_request(model, seed=seed) for seed in range(3)])
    assert rows == [3, 1, 1]  # once alone too, as proof


def test_the_first_request_of_a_model_tells_that_it_loads(catalog: Catalog) -> None:
    engine = Engine(Models(catalog, device="cpu"))
    first, second = engine.submit(a_request(num_inference_steps=2)), engine.submit(a_request(num_inference_steps=2))
    engine.stop()
    engine.run()
    told = [events_of(drawing) for drawing in (first, second)]
    assert told[0][0] == Progressed(Stage.LOAD, 0, 1)
    assert told[1][0] == Progressed(Stage.ENCODE, 0, 1)
    assert [isinstance(events[-1], Finished) and "load" in events[-1].timings for events in told] == [True, False]


def test_a_model_whose_weights_end_too_early_fails_its_requests_only(catalog: Catalog, tmp_path: Path) -> None:
    # Given a weight file with a good header and half its tensors
    shutil.copytree(catalog.folder, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "sdxl" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20_000])
    # When it is asked for between others
    models = Models(catalog.evolve(folder=tmp_path), device="cpu", max_resident=2)
    one, broken, two = draw_all(models, [a_request(), a_request("sdxl"), a_request(seed=2)])
    # Then the engine lives on
    assert isinstance(broken, Failed)
    assert broken.error.code == "model_load_failed"
    assert isinstance(one, Finished)
    assert isinstance(two, Finished)


def test_image_to_image_counts_the_steps_it_draws(models: Models) -> None:
    engine = Engine(models)
    drawing = engine.submit(a_request(task="image-to-image", num_inference_steps=10, strength=0.3))
    engine.stop()
    engine.run()
    steps = [event for event in events_of(drawing) if isinstance(event, Progressed) and event.stage is Stage.DENOISE]
    assert [(event.step, event.steps) for event in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_model_that_made_room_leaves_no_weights_behind(catalog: Catalog) -> None:
    models = Models(catalog, device="cpu", max_resident=1)
    weights = weakref.ref(models.get("sd15").pipeline.unet)
    engine = Engine(models, preview_seconds=0)
    drawings = [engine.submit(a_request("sd15")), engine.submit(a_request("mini"))]
    engine.stop()
    engine.run()
    assert [isinstance(last_event(drawing), Finished) for drawing in drawings] == [True, True]
    gc.collect()
    assert weights() is None
