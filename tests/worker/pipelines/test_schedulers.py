"""Every sampler name has a scheduler, and each of them ends at the picture that a perfect model knows."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, FlowMatchEulerDiscreteScheduler

from core.catalog.model import DIFFUSION_SCHEDULERS
from core.schedulers import Scheduler
from worker.pipelines.schedulers import SCHEDULERS, build_scheduler

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
CONFIGS = {
    "epsilon": DDIMScheduler(**SD15, steps_offset=1, set_alpha_to_one=False).config,
    "v-prediction, zero terminal SNR": DDIMScheduler(
        **SD15, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    ).config,
}


def sample_with_a_perfect_model(
    name: Scheduler, config: Any, steps: int, *, mean: float, spread: float, wrong_by: float = 0.0
) -> torch.Tensor:
    """Sample with the model that knows best if pictures are normal with `mean` and `spread`, off by random errors."""
    scheduler = build_scheduler(name, config, steps)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(1, 4, 16, 16, generator=generator) * scheduler.init_noise_sigma
    alphas = DDPMScheduler.from_config(config).alphas_cumprod.double().numpy()
    extra = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for timestep in scheduler.timesteps:
        alpha = float(np.interp(float(timestep), range(1000), alphas))
        noised = scheduler.scale_model_input(sample, timestep)
        gain = spread**2 * alpha**0.5 / (alpha * spread**2 + 1 - alpha)
        picture = mean + gain * (noised - alpha**0.5 * mean)
        picture = picture + wrong_by * torch.randn(picture.shape, generator=generator)
        noise = (noised - alpha**0.5 * picture) / (1 - alpha) ** 0.5
        velocity = alpha**0.5 * noise - (1 - alpha) ** 0.5 * picture
        output = velocity if config["prediction_type"] == "v_prediction" else noise
        sample = scheduler.step(output, timestep, sample, **extra).prev_sample
    result: torch.Tensor = sample
    return result


def test_every_sampler_name_has_a_scheduler() -> None:
    assert {*SCHEDULERS, Scheduler.OWN} == set(Scheduler)


@pytest.mark.parametrize("steps", [4, 20, 60])
@pytest.mark.parametrize("name", DIFFUSION_SCHEDULERS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_that_knows_one_picture_gives_it(config: Any, name: Scheduler, steps: int) -> None:
    sample = sample_with_a_perfect_model(name, config, steps, mean=0.7, spread=1e-3)
    # DDIM as it stands leaves a little noise where its steps do not divide the 1,000 it was trained with
    tolerance = 0.2 if name is Scheduler.DDIM else 0.02
    assert (sample - 0.7).abs().max() < tolerance


@pytest.mark.parametrize("steps", [4, 20])
@pytest.mark.parametrize("name", DIFFUSION_SCHEDULERS)
def test_a_zero_terminal_snr_model_that_is_a_little_wrong_still_gives_likely_pictures(
    name: Scheduler, steps: int
) -> None:
    config = CONFIGS["v-prediction, zero terminal SNR"]
    sample = sample_with_a_perfect_model(name, config, steps, mean=0.7, spread=0.5, wrong_by=0.1)
    assert float(sample.mean()) == pytest.approx(0.7, abs=0.1)
    assert 0.2 < float(sample.std()) < 1.0


def test_every_request_gets_a_scheduler_of_its_own() -> None:
    config = CONFIGS["epsilon"]
    assert build_scheduler(Scheduler.EULER, config, 4) is not build_scheduler(Scheduler.EULER, config, 4)


def test_lcm_takes_more_steps_than_it_was_distilled_with() -> None:
    scheduler = build_scheduler(Scheduler.LCM, CONFIGS["epsilon"], 80)
    scheduler.set_timesteps(80)
    assert len(scheduler.timesteps) == 80


def test_flow_matching_keeps_the_model_s_own_shift() -> None:
    config = FlowMatchEulerDiscreteScheduler(shift=3.0).config
    assert build_scheduler(Scheduler.FLOW_MATCH_EULER, config, 4).config.shift == 3.0
