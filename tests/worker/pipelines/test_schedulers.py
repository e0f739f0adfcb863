"""Every sampler name has a scheduler, and each of them ends at the picture that a perfect model knows."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from core.schedulers import (
    DIFFUSION_SCHEDULERS,
    FLOW_SCHEDULERS,
    FROM_NOISE_ONLY,
    SCHEDULES,
    SIGMAS,
    NoiseSchedule,
    Scheduler,
)
from worker.pipelines.schedulers import SCHEDULERS, SWITCHES, build_scheduler, settings_of, unknown_settings

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
CONFIGS = {
    "epsilon": DDIMScheduler(**SD15, steps_offset=1, set_alpha_to_one=False).config,
    "v-prediction, zero terminal SNR": DDIMScheduler(
        **SD15, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    ).config,
}


COMBINATIONS = [
    (name, schedule) for name in DIFFUSION_SCHEDULERS for schedule in (NoiseSchedule.AUTOMATIC, *SCHEDULES[name])
]
FLOW_COMBINATIONS = [(name, schedule) for name in FLOW_SCHEDULERS for schedule in (NoiseSchedule.AUTOMATIC, *SIGMAS)]

TOLERANCES = {
    # As diffusers has them, they end at the first noise level that models are trained on, not at none
    **dict.fromkeys((Scheduler.DDIM, Scheduler.DEIS, Scheduler.SA_SOLVER, Scheduler.TCD), 0.2),
    # These need more than four steps for what they extrapolate
    Scheduler.LMS: 0.2,
    Scheduler.PNDM: 0.4,
}


def sample_with_a_perfect_model(
    name: Scheduler,
    config: Any,
    steps: int,
    *,
    mean: float,
    spread: float,
    wrong_by: float = 0.0,
    schedule: NoiseSchedule = NoiseSchedule.AUTOMATIC,
    skipped: int = 0,
) -> torch.Tensor:
    """Sample with the model that knows best if pictures are normal with `mean` and `spread`, off by random errors.

    With `skipped` steps, from a picture that has the noise of the first one that is left.
    """
    scheduler = build_scheduler(name, config, steps, schedule)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    first = skipped * scheduler.order
    timesteps = scheduler.timesteps[first:]
    noise = torch.randn(1, 4, 16, 16, generator=generator)
    sample = noise * scheduler.init_noise_sigma
    if skipped:
        if hasattr(scheduler, "set_begin_index"):  # as pipelines ask
            scheduler.set_begin_index(first)
        picture = mean + spread * torch.randn(noise.shape, generator=generator)
        sample = scheduler.add_noise(picture, noise, timesteps[:1])
    alphas = scheduler.alphas_cumprod.double().numpy()
    extra = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for timestep in timesteps:
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
    assert {*SCHEDULERS, Scheduler.OWN} == set(Scheduler) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_noise_schedules_are_those_that_the_class_has_settings_for(name: Scheduler) -> None:
    settings = settings_of(SCHEDULERS[name][0])
    for schedule in SCHEDULES[name]:
        assert SWITCHES.get(schedule, "timestep_spacing") in settings or name is Scheduler.FLOW_MATCH_HEUN


@pytest.mark.parametrize("steps", [4, 20, 60])
@pytest.mark.parametrize(("name", "schedule"), COMBINATIONS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_that_knows_one_picture_gives_it(
    config: Any, name: Scheduler, schedule: NoiseSchedule, steps: int
) -> None:
    sample = sample_with_a_perfect_model(name, config, steps, mean=0.7, spread=1e-3, schedule=schedule)
    assert (sample - 0.7).abs().max() < TOLERANCES.get(name, 0.02)


@pytest.mark.parametrize(("name", "schedule"), [each for each in COMBINATIONS if each[0] not in FROM_NOISE_ONLY])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_from_a_picture_it_gives_it_too(config: Any, name: Scheduler, schedule: NoiseSchedule) -> None:
    sample = sample_with_a_perfect_model(name, config, 5, mean=0.7, spread=1e-3, schedule=schedule, skipped=2)
    assert (sample - 0.7).abs().max() < TOLERANCES.get(name, 0.02)


@pytest.mark.parametrize("steps", [20, 40])
@pytest.mark.parametrize(("name", "schedule"), COMBINATIONS)
def test_a_zero_terminal_snr_model_that_is_a_little_wrong_still_gives_likely_pictures(
    name: Scheduler, schedule: NoiseSchedule, steps: int
) -> None:
    if name is Scheduler.LMS and steps > 20:
        pytest.skip("its fourth order magnifies errors that are drawn anew at every step")
    config = CONFIGS["v-prediction, zero terminal SNR"]
    sample = sample_with_a_perfect_model(name, config, steps, mean=0.7, spread=0.5, wrong_by=0.1, schedule=schedule)
    assert float(sample.mean()) == pytest.approx(0.7, abs=0.1)
    assert 0.15 < float(sample.std()) < 1.0


@pytest.mark.parametrize("mu", [None, 1.15])
@pytest.mark.parametrize(("name", "schedule"), FLOW_COMBINATIONS)
def test_a_flow_that_knows_one_picture_gives_it(name: Scheduler, schedule: NoiseSchedule, mu: float | None) -> None:
    # Given a model with a fixed shift, or one that shifts by the picture's size
    config = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=mu is not None).config
    for steps in (2, 5, 20, 60):
        scheduler = build_scheduler(name, config, steps, schedule)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
        generator = torch.Generator().manual_seed(0)
        sample = torch.randn(1, 16, 8, 8, generator=generator)
        # When it is drawn
        extra = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
        for timestep in scheduler.timesteps:
            flow = (sample - 0.7) / max(float(timestep) / 1000, 1e-6)
            sample = scheduler.step(flow, timestep, sample, **extra, return_dict=False)[0]
        # Then so it is
        assert (sample - 0.7).abs().max() < 0.02, steps


@pytest.mark.parametrize("name", FLOW_SCHEDULERS)
def test_flow_samplers_start_where_flow_matching_does(name: Scheduler) -> None:
    config = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02).config
    ours, stock = build_scheduler(name, config, 6), FlowMatchEulerDiscreteScheduler.from_config(config)
    for each in (ours, stock):
        each.set_timesteps(sigmas=[1.0, 0.8, 0.6, 0.4, 0.2, 0.1], mu=0.8)
    assert torch.equal(ours.timesteps.unique(), stock.timesteps.unique())
    noise, picture = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    noised = [each.scale_noise(picture, stock.timesteps[3:4], noise) for each in (ours, stock)]
    assert torch.allclose(*noised)


def test_a_row_s_settings_go_over_the_model_s_own() -> None:
    # Given a configuration whose spacing is the class's default, which `from_config` alone would leave
    config = EulerDiscreteScheduler(**{key: value for key, value in SD15.items() if key != "clip_sample"}).config
    for name in (Scheduler.OWN, Scheduler.EULER, Scheduler.DPMPP_2M, Scheduler.DDIM):
        built = build_scheduler(name, config, 4, told={"timestep_spacing": "trailing"}, own=EulerDiscreteScheduler)
        built.set_timesteps(4)
        assert [int(timestep) for timestep in built.timesteps] == [999, 749, 499, 249]


def test_settings_that_no_scheduler_knows_are_told() -> None:
    told = {"timestep_spacing": "trailing", "shift": 3.0, "colour": 1, "use_lu_lambdas": True}
    assert unknown_settings(told) == ("colour",)


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


def test_defaults_of_the_model_s_own_class_are_left_to_the_sampler_s() -> None:
    config = DDIMScheduler(**SD15).config
    stock = EulerDiscreteScheduler.from_config(config)
    assert build_scheduler(Scheduler.EULER, config, 4).config.timestep_spacing == stock.config.timestep_spacing
