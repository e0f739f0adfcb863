"""Whatever the scheduler and the kind of prediction, the finished latents are foreseen from the first step."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from core.schedulers import DIFFUSION_SCHEDULERS, FLOW_SCHEDULERS, Scheduler
from worker.pipelines.estimates import LastStep, foreseen
from worker.pipelines.schedulers import build_scheduler

CONFIG = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "trailing",
    "clip_sample": False,
}
STEPS = 6


def foresees(scheduler: Any, answer: Any) -> list[float]:
    """Largest errors of the estimate after each step of a model that knows the picture and the noise to be taken off.

    `answer(timestep, finished, scaled)` is what it predicts.
    """
    scheduler.set_timesteps(STEPS)
    finished = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    latents = latents * getattr(scheduler, "init_noise_sigma", 1.0)
    last, errors = LastStep(), []
    with last.watching(scheduler):
        for timestep in scheduler.timesteps:
            scaled = (
                scheduler.scale_model_input(latents, timestep) if hasattr(scheduler, "scale_model_input") else latents
            )
            latents = scheduler.step(answer(timestep, finished, scaled), timestep, latents, return_dict=False)[0]
            estimate = last.estimate()
            assert estimate is not None
            errors.append(float((estimate - finished).abs().max()))
    return errors


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", DIFFUSION_SCHEDULERS)
def test_every_scheduler_s_steps_foresee_the_picture(name: Scheduler, prediction: str) -> None:
    # Given a model that is never wrong about the picture
    scheduler = build_scheduler(name, {**CONFIG, "prediction_type": prediction}, STEPS)

    def answer(timestep: Any, finished: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
        powers = scheduler.alphas_cumprod
        place = float(timestep)  # Euler's and Heun's may lie between two levels
        low = min(int(place), len(powers) - 2)
        power = powers[low].lerp(powers[low + 1], place - low)
        signal, noise = power.sqrt(), (1 - power).sqrt()
        taken: torch.Tensor = (scaled - signal * finished) / noise
        return taken if prediction == "epsilon" else signal * taken - noise * finished

    # Then so it is shown, from the first step to the last
    assert max(foresees(scheduler, answer)) < 0.05


@pytest.mark.parametrize("name", FLOW_SCHEDULERS)
def test_flow_matching_foresees_the_picture(name: Scheduler) -> None:
    scheduler = build_scheduler(name, {"num_train_timesteps": 1000, "shift": 3.0}, STEPS)

    def answer(timestep: Any, finished: torch.Tensor, scaled: torch.Tensor) -> torch.Tensor:
        sigma = float(timestep) / 1000
        return (scaled - finished) / sigma

    assert max(foresees(scheduler, answer)) < 0.01


@pytest.mark.parametrize("name", [Scheduler.EULER, Scheduler.EULER_ANCESTRAL, Scheduler.DDIM])
def test_pure_noise_in_half_precision_is_foreseen(name: Scheduler) -> None:
    # Given the first step of a model with zero terminal SNR, where sigma is in the thousands
    config = {**CONFIG, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    scheduler = build_scheduler(name, config, STEPS)
    scheduler.set_timesteps(STEPS)
    finished = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)).half()
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2)).half() * scheduler.init_noise_sigma
    # When the model answers with the picture, as the velocity is there
    estimate = foreseen(scheduler, -finished, scheduler.timesteps[0], noise)
    # Then that is what is foreseen
    assert float((estimate - finished).abs().max()) < 0.02


def test_the_scheduler_is_as_before_when_the_request_is_over() -> None:
    # Given a scheduler whose step takes a generator, which pipelines find by its signature
    scheduler = build_scheduler(Scheduler.DDPM, {**CONFIG, "prediction_type": "epsilon"}, STEPS)
    signature = inspect.signature(scheduler.step)
    last = LastStep()
    with last.watching(scheduler):
        assert inspect.signature(scheduler.step) == signature
    # Then nothing is left of it
    assert "step" not in vars(scheduler)
    assert last.estimate() is None
