"""The noise process: its loss is nought for whoever knows the answer, and sampling finds what was learned."""

from __future__ import annotations

import torch
from torch import nn

from training import diffusion


class Knowing(nn.Module):
    """Predicts the velocity exactly, because every picture is the same."""

    def __init__(self, latents: torch.Tensor) -> None:
        super().__init__()
        self.latents = latents
        self.alphas = diffusion.signal_levels()

    def forward(
        self, noisy: torch.Tensor, steps: torch.Tensor, states: torch.Tensor, **_: object
    ) -> list[torch.Tensor]:
        alpha = self.alphas[steps.expand(len(noisy))].view(-1, 1, 1, 1)
        noise = (noisy - alpha.sqrt() * self.latents) / (1 - alpha).sqrt()
        return [alpha.sqrt() * noise - (1 - alpha).sqrt() * self.latents]


def test_the_last_step_is_nothing_but_noise() -> None:
    levels = diffusion.signal_levels()
    assert len(levels) == 1000
    assert levels[-1] == 0
    assert (levels.diff() < 0).all()


def test_who_knows_the_velocity_has_no_loss() -> None:
    torch.manual_seed(0)
    latents = torch.randn(1, 4, 8, 8)
    batch, states = latents.expand(16, -1, -1, -1), torch.zeros(16, 24, 384)
    knows = diffusion.velocity_loss(Knowing(latents), batch, states, diffusion.signal_levels())
    errs = diffusion.velocity_loss(Knowing(latents + 0.1), batch, states, diffusion.signal_levels())
    assert knows < 1e-6 < errs


def test_what_twins_are_apart_by_counts_once_more() -> None:
    # Given pairs of rows of which one is right and the other wrong
    torch.manual_seed(0)
    latents = torch.randn(1, 4, 8, 8)
    batch, states, levels = latents.expand(16, -1, -1, -1), torch.zeros(16, 24, 384), diffusion.signal_levels()
    other = torch.cat([batch[:8], batch[8:] + 0.1])

    def loss(twins: int) -> float:
        torch.manual_seed(1)
        return float(diffusion.velocity_loss(Knowing(latents), other, states, levels, twins))

    # Then they cost more as twins than by themselves, and twins that are both right cost nothing
    assert loss(8) > 1.2 * loss(0)
    torch.manual_seed(1)
    assert diffusion.velocity_loss(Knowing(latents), batch, states, levels, twins=8) < 1e-6


def test_timesteps_cover_the_whole_range() -> None:
    steps = diffusion.draw_timesteps(10)
    assert sorted(int(step) // 100 for step in steps) == list(range(10))


def test_sampling_ends_at_the_picture() -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    states, empty = torch.zeros(2, 24, 384), torch.zeros(1, 24, 384)
    made = diffusion.sample(Knowing(latents), states, empty, side=8, steps=10)
    assert torch.allclose(made, latents.expand_as(made), atol=1e-3)
