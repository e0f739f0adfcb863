"""The path that consistency is taught along is DDIM's, and what is learned there is what LCMScheduler asks for."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler

from training import consistency, diffusion


@pytest.fixture
def path() -> consistency.NoisePath:
    return consistency.NoisePath(torch.device("cpu"))


def test_a_step_is_one_of_ddim(path: consistency.NoisePath) -> None:
    # Given DDIM over the whole grid
    scheduler = DDIMScheduler(**diffusion.SCHEDULER)
    scheduler.set_timesteps(consistency.GRID)
    latents, velocity = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    for place in (50, 30, 2, 1):
        # When it takes one step
        expected = scheduler.step(velocity, 20 * place - 1, latents).prev_sample
        # Then so do we, to the clean picture from the last place
        made = path.step(latents, velocity, torch.tensor([place]), torch.tensor([place - 1]))
        assert torch.allclose(made, expected, atol=1e-5)


def test_the_places_are_the_timesteps_that_the_sampler_picks_from() -> None:
    grid = {20 * place - 1 for place in range(1, consistency.GRID + 1)}
    for steps in range(1, 9):
        scheduler = LCMScheduler(**{name: diffusion.SCHEDULER[name] for name in ("num_train_timesteps", "beta_start")})
        scheduler.set_timesteps(steps)
        assert {int(step) for step in scheduler.timesteps} <= grid


def test_pure_noise_is_drawn_more_often_and_nothing_outside_the_grid() -> None:
    torch.manual_seed(0)
    places = consistency.grid_timesteps(2000)
    assert places.min() >= 1
    assert places.max() == consistency.GRID
    assert 0.12 < float((places == consistency.GRID).float().mean()) < 0.25


def test_a_student_that_knows_the_end_has_no_loss_and_another_has(path: consistency.NoisePath) -> None:
    # Given one picture that everything leads to, and a teacher and a student that know it
    torch.manual_seed(0)
    latents = torch.randn(1, 4, 8, 8).expand(6, -1, -1, -1)
    states = empty = torch.zeros(1, 2, 3)

    def knows(noisy: torch.Tensor, timesteps: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        signal, noise = path.split((timesteps + 1) // 20)
        # At place 0 there is no noise to point away from.
        return torch.where(noise > 0, (signal * noisy - latents[:1]) / noise.clamp(min=1e-6), 0)

    def ask(student: consistency.Network) -> float:
        states_of_all = states.expand(6, -1, -1)
        return consistency.consistency_loss(
            student, student, knows, latents, states_of_all, empty, path, hop=3, guidance=3.0
        ).item()

    # Then it has nothing to learn, and one that says nothing has
    assert ask(knows) < 1e-3
    assert ask(lambda noisy, timesteps, given: torch.zeros_like(noisy)) > 0.01


def test_few_steps_end_where_the_student_says(path: consistency.NoisePath) -> None:
    # Given a student that always knows the same picture
    latents = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(3))

    def knows(noisy: torch.Tensor, timesteps: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        signal, noise = path.split((timesteps + 1) // 20)
        return (signal * noisy - latents) / noise

    # Then four steps of the stock sampler draw it
    assert torch.allclose(consistency.sample(knows, torch.zeros(2, 2, 3)), latents.expand(2, -1, -1, -1), atol=0.01)
