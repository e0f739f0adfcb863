"""A picture out of a mixed batch is the picture that plain diffusers draws of the same request alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from core.catalog.catalog import Catalog
from core.schedulers import (
    DIFFUSION_SCHEDULERS,
    FLOW_SCHEDULERS,
    FROM_NOISE_ONLY,
    NoiseSchedule,
    Scheduler,
    noise_schedules,
)
from tests.tiny_models import TASKS
from tests.worker.engine.drawings import a_request, draw_all, last_event, plain_picture
from worker.contract import DrawRequest, Event, Finished
from worker.engine.engine import Engine
from worker.pipelines.memory import MemoryOptions
from worker.pipelines.models import Models

TOLERANCE = 1e-4
ROUNDING = 0.5 / 255
"""Pixels leave the engine in 8 bits: a picture off by e shows in every pixel that lies within e of the next level."""


@dataclass(frozen=True)
class Arrival:
    """A request that is submitted once the engine has taken `turns` turns."""

    turns: int
    request: DrawRequest


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    model = draw(st.sampled_from(["sd15", "sdxl", "sd3", "flux", "mini"]))
    tasks = TASKS
    flow = model in {"sd3", "flux"}
    task = draw(st.sampled_from(tasks))
    scheduler, schedule = draw(st.sampled_from(offered(FLOW_SCHEDULERS if flow else DIFFUSION_SCHEDULERS, task)))
    request = a_request(
        model,
        task=task,
        prompt=draw(st.sampled_from(["a red apple", "two zebras, ok", ""])),
        negative_prompt="" if model == "flux" else draw(st.sampled_from(["", "ugly"])),
        width=draw(st.sampled_from([32, 64])),
        height=draw(st.sampled_from([32, 64])),
        num_inference_steps=draw(st.integers(2, 8)),
        guidance_scale=draw(st.sampled_from([1.0, 2.5, 7.0])),
        scheduler=scheduler,
        noise_schedule=schedule,
        seed=draw(st.integers(0, 2**32 - 1)),
        strength=draw(st.sampled_from([0.5, 0.8, 1.0])),
    )
    return Arrival(draw(st.integers(0, 12)), request)


def draw_as_they_arrive(models: Models, mix: list[Arrival], max_rows: int) -> list[Event]:
    engine = Engine(models, max_rows=max_rows)
    drawings = {}
    turn = 0
    with torch.no_grad():
        while len(drawings) < len(mix) or engine.active or engine.waiting:
            for index, arrival in enumerate(mix):
                if arrival.turns == turn:
                    drawings[index] = engine.submit(arrival.request)
            engine.tick()
            turn += 1
    return [last_event(drawings[index]) for index in range(len(mix))]


def difference(models: Models, request: DrawRequest, event: Event) -> float:
    """By how much the picture differs from plain diffusers' own, rounding to 8 bits aside."""
    assert isinstance(event, Finished), event
    expected = plain_picture(models, request).permute(1, 2, 0).clamp(0, 1)
    assert event.result.shape == expected.shape == (*reversed(request.lane[1:]), 3)
    return float((event.result / 255 - expected).abs().max()) - ROUNDING


def offered(schedulers: tuple[Scheduler, ...], task: str) -> list[tuple[Scheduler, NoiseSchedule]]:
    """Every sampler with every noise schedule that it takes, as far as it can start where the task does."""
    fitting = [each for each in schedulers if task == "text-to-image" or each not in FROM_NOISE_ONLY]
    return [(each, schedule) for each in fitting for schedule in noise_schedules(each, schedulers)]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mix=st.lists(arrivals(), min_size=2, max_size=6), max_rows=st.sampled_from([2, 5, 16]))
def test_every_picture_of_a_random_mix_equals_its_solo_run(models: Models, mix: list[Arrival], max_rows: int) -> None:
    for arrival, event in zip(mix, draw_as_they_arrive(models, mix, max_rows), strict=True):
        assert difference(models, arrival.request, event) <= TOLERANCE, arrival


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["sd15", "sdxl", "mini"])
def test_all_schedulers_share_one_batch_exactly(models: Models, model: str, task: str) -> None:
    requests = [
        a_request(
            model, task=task, scheduler=scheduler, noise_schedule=schedule, seed=seed, num_inference_steps=3 + seed % 4
        )
        for seed, (scheduler, schedule) in enumerate(offered(DIFFUSION_SCHEDULERS, task))
    ]
    for request, event in zip(requests, draw_all(models, requests), strict=True):
        assert difference(models, request, event) <= TOLERANCE, request.parameters


@pytest.mark.parametrize(("model", "task"), [(model, task) for model in ("sd3", "flux") for task in TASKS])
def test_flow_models_share_one_batch_exactly(models: Models, model: str, task: str) -> None:
    requests = [
        a_request(
            model,
            task=task,
            seed=seed,
            num_inference_steps=2 + seed % 5,
            guidance_scale=1.0 + 2 * (seed % 3),
            scheduler=scheduler,
            noise_schedule=schedule,
        )
        for seed, (scheduler, schedule) in enumerate(offered(FLOW_SCHEDULERS, task))
    ]
    for request, event in zip(requests, draw_all(models, requests), strict=True):
        assert difference(models, request, event) <= TOLERANCE, request.parameters


def test_image_i_of_n_equals_its_seed_alone(models: Models) -> None:
    requests = [a_request(seed=seed) for seed in (7, 8, 9)]
    together = draw_all(models, requests)
    for request, event in zip(requests, together, strict=True):
        (alone,) = draw_all(models, [request])
        assert isinstance(event, Finished)
        assert isinstance(alone, Finished)
        assert (event.result.int() - alone.result.int()).abs().max() <= 1


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated")
def test_in_half_precision_sdxl_requests_do_not_move_the_autoencoder_under_each_other(
    catalog: Catalog, fresh_models: Callable[..., Models]
) -> None:
    # Given stock pipelines that lift their autoencoder to float32 for every call and put it back
    requests = [
        a_request("sdxl", task=task, seed=seed, num_inference_steps=2 + seed) for task in TASKS for seed in range(2)
    ]
    # When such requests run together
    events = draw_all(fresh_models(dtype="float16"), requests)
    # Then each is what the stock pipeline draws alone, half precision aside
    stock = Models(catalog, MemoryOptions(dtype="float16"), device="cpu")
    vae = stock.get("sdxl").pipeline.vae.to(dtype=torch.float16)
    vae.register_to_config(force_upcast=True)
    for request, event in zip(requests, events, strict=True):
        expected = plain_picture(stock, request).permute(1, 2, 0).float()
        assert isinstance(event, Finished)
        assert (event.result / 255 - expected).abs().mean() < 0.005
