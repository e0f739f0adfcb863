"""The noise process, its loss and how to sample from a UNet.

v-prediction: Salimans & Ho 2022 (arXiv:2202.00512). Zero terminal SNR: Lin et al. 2024 (arXiv:2305.08891).
Min-SNR weights: Hang et al. 2023 (arXiv:2303.09556). Guidance: Ho & Salimans 2022 (arXiv:2207.12598).
"""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

# Everything another scheduler needs, made with `X.from_config`, stands in the configuration.
SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 1,
}
# The UNet that is shipped, and the part of it that is trained first, on 128-pixel pictures (see `growth`).
WHOLE = (64, 64, 96, 192, 192)
INNER = WHOLE[1:]
GAMMA = 5.0
# Min-SNR alone all but ignores the noisiest steps, and those decide what is drawn; so much each step counts.
FLOOR = 0.25


def build_unet(channels: tuple[int, ...]) -> UNet2DConditionModel:
    """Thin where the picture is large, attention only in the last two levels: speed on a CPU decides."""
    plain = len(channels) - 2
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=1,
        norm_num_groups=16,
        down_block_types=(*["DownBlock2D"] * plain, "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", *["UpBlock2D"] * plain),
        cross_attention_dim=384,
        # Stock naming: this is the number of heads; 32 channels each.
        attention_head_dim=tuple(max(1, width // 32) for width in channels),
        # The pooled prompt joins the timestep at every level: style and background are no matter of place.
        addition_embed_type="text",
    )


def signal_levels() -> torch.Tensor:
    """ᾱ for every timestep, ending in exactly zero."""
    return DDIMScheduler(**SCHEDULER).alphas_cumprod


def draw_timesteps(count: int, levels: int = 1000) -> torch.Tensor:
    """Uniform, one from each of `count` equal parts: less variance from batch to batch."""
    return ((torch.arange(count) + torch.rand(count)) * levels / count).long()[torch.randperm(count)]


def velocity_loss(
    unet: UNet2DConditionModel, latents: torch.Tensor, states: torch.Tensor, alphas: torch.Tensor, twins: int = 0
) -> torch.Tensor:
    """Weighted squared error of the velocity √ᾱ·noise - √(1-ᾱ)·latents.

    The last `twins` rows share noise and timestep with the first ones; what the two are apart by, their style, is small
    beside the rest of the error and counts once more by itself.
    """
    steps = draw_timesteps(len(latents)).to(latents.device)
    noise = torch.randn_like(latents)
    first, last = slice(0, twins), slice(len(latents) - twins, None)
    steps[last], noise[last] = steps[first], noise[first]
    alpha = alphas[steps].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    error = unet(noisy, steps, states, return_dict=False)[0] - velocity
    snr = alphas[steps] / (1 - alphas[steps]).clamp(min=1e-8)
    weight = snr.clamp(max=GAMMA) / (snr + 1) + FLOOR
    squares = error.square().mean(dim=(1, 2, 3)) * weight
    apart = (error[first] - error[last]).square().mean(dim=(1, 2, 3)) * weight[first]
    return (squares.sum() + apart.sum()) / len(latents)


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel,
    states: torch.Tensor,
    empty: torch.Tensor,
    side: int = 32,
    steps: int = 20,
    guidance: float = 3.0,
    seed: int = 0,
) -> torch.Tensor:
    """Latents for these token states with DDIM (Song et al. 2021, arXiv:2010.02502), one seed a row."""
    scheduler = DDIMScheduler(**SCHEDULER)
    scheduler.set_timesteps(steps, device=states.device)
    noise = [
        torch.randn(4, side, side, generator=torch.Generator().manual_seed(seed + row)) for row in range(len(states))
    ]
    latents = torch.stack(noise).to(states.device)
    both = torch.cat([empty.expand_as(states), states])
    for step in scheduler.timesteps:
        without, with_text = unet(torch.cat([latents] * 2), step, both, return_dict=False)[0].chunk(2)
        velocity = without + guidance * (with_text - without)
        latents = scheduler.step(velocity, step, latents).prev_sample
    return latents
