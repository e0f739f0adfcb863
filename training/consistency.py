"""The loss that teaches a UNet to say at once where its teacher's guided path ends, and how to sample from such a UNet.

Latent consistency: Luo et al. 2023 (arXiv:2310.04378), guidance folded in at one strength.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import LCMScheduler

from training import diffusion

GRID = 50
"""Timesteps that are trained, 19, 39, … 999: those LCMScheduler picks its few from (`original_inference_steps`)."""
FIRST_SHARE = 0.15
"""Of the rows of a batch, those at the last timestep, pure noise: every picture begins there, and what it shows is
decided there."""
HUBER = 0.001

Network = Callable[..., torch.Tensor]
"""(latents [rows, 4, side, side], timesteps [rows], token states) to velocities."""


def grid_timesteps(count: int) -> torch.Tensor:
    """Places on the grid, 1 to GRID, one from each of `count` equal parts but for those at its end."""
    places = diffusion.draw_timesteps(count, GRID) + 1
    places[torch.rand(count) < FIRST_SHARE] = GRID
    return places


class NoisePath:
    """ᾱ at the grid's places; place 0 is the clean picture."""

    def __init__(self, device: torch.device) -> None:
        alphas = diffusion.signal_levels()[diffusion.SCHEDULER["num_train_timesteps"] // GRID - 1 :: 1000 // GRID]
        self.alphas = torch.cat([torch.ones(1), alphas]).to(device)

    def split(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """√ᾱ and √(1-ᾱ), to be multiplied with latents."""
        alpha = self.alphas[places].view(-1, 1, 1, 1)
        return alpha.sqrt(), (1 - alpha).sqrt()

    def end(self, noisy: torch.Tensor, velocity: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The clean latents that `velocity` points to."""
        signal, noise = self.split(places)
        return signal * noisy - noise * velocity

    def step(self, noisy: torch.Tensor, velocity: torch.Tensor, places: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
        """One step of DDIM from `places` to `to`."""
        signal, noise = self.split(places)
        far_signal, far_noise = self.split(to)
        clean, error = signal * noisy - noise * velocity, noise * noisy + signal * velocity
        return far_signal * clean + far_noise * error


def consistency_loss(
    student: Network,
    target_network: Network,
    teacher: Network,
    latents: torch.Tensor,
    states: torch.Tensor,
    empty: torch.Tensor,
    path: NoisePath,
    *,
    hop: int,
    guidance: float,
) -> torch.Tensor:
    """How far the student's end from a place is from the end that `target_network`, its moving average, sees from `hop`
    places further along the teacher's path.
    """
    places = grid_timesteps(len(latents)).to(latents.device)
    nearer = (places - hop).clamp(min=0)
    signal, noise = path.split(places)
    noisy = signal * latents + noise * torch.randn_like(latents)
    timesteps = places * (1000 // GRID) - 1
    with torch.no_grad():
        both = teacher(torch.cat([noisy] * 2), torch.cat([timesteps] * 2), torch.cat([empty.expand_as(states), states]))
        without, with_text = both.float().chunk(2)
        ahead = path.step(noisy, without + guidance * (with_text - without), places, nearer)
        velocity = target_network(ahead, (nearer * (1000 // GRID) - 1).clamp(min=0), states).float()
        target = torch.where((nearer == 0).view(-1, 1, 1, 1), ahead, path.end(ahead, velocity, nearer))
    error = path.end(noisy, student(noisy, timesteps, states).float(), places) - target
    return ((error.square() + HUBER**2).sqrt() - HUBER).mean()


@torch.no_grad()
def sample(student: Network, states: torch.Tensor, side: int = 32, steps: int = 4, seed: int = 0) -> torch.Tensor:
    """Latents for these token states with the stock LCMScheduler, one seed a row for the first noise."""
    scheduler = LCMScheduler(
        **{name: diffusion.SCHEDULER[name] for name in diffusion.SCHEDULER if name != "timestep_spacing"}
    )
    scheduler.set_timesteps(steps, device=states.device)
    generators = [torch.Generator().manual_seed(seed + row) for row in range(len(states))]
    latents = torch.stack([torch.randn(4, side, side, generator=each) for each in generators]).to(states.device)
    for step in scheduler.timesteps:
        velocity = student(latents, step.expand(len(states)), states).float()
        latents, clean = scheduler.step(velocity, step, latents, generator=generators, return_dict=False)
    return clean
