"""How to put a level for 32x32 latents around a UNet trained on 16x16 ones.

Trained at the larger size as it is, the small UNet keeps colours and loses every shape: what it knows lies at
levels that then see half as much of the picture. Wrapped in one more level, they see what they saw before.
The idea is that of progressive growing (Karras et al. 2018, arXiv:1710.10196).
"""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel

from training import diffusion

ENDS = ("conv_in", "conv_out", "conv_norm_out")
DOWN, UP = "down_blocks.0.downsamplers.0.conv", "up_blocks.3.upsamplers.0.conv"
SKIPPED = "down_blocks.0.resnets.0.conv2"


def shift_level(key: str) -> str:
    """The inner UNet's first level is the whole one's second; up blocks count from the inside."""
    parts = key.split(".")
    if parts[0] == "down_blocks":
        parts[1] = str(int(parts[1]) + 1)
    return ".".join(parts)


def subsample_input(state: dict[str, torch.Tensor], inner: dict[str, torch.Tensor]) -> None:
    """Make the new level hand the inner one every second latent, convolved by the inner one's first layer.

    The first layer copies each latent from nine places into channels of their own; the downsampler, seeing
    positions 2p-1, 2p and 2p+1, takes from them what lies at 2p-2, 2p and 2p+2.
    """
    weight, down = state["conv_in.weight"], state[f"{DOWN}.weight"]
    weight.normal_(std=0.1)
    down.normal_(std=0.002)
    channel = 0
    for row in range(3):
        for column in range(3):
            for latent in range(weight.shape[1]):
                weight[channel] = 0.0
                weight[channel, latent, row, column] = 1.0
                down[:, channel] = 0.0
                down[:, channel, row, column] = inner["conv_in.weight"][:, latent, row, column]
                channel += 1
    state["conv_in.bias"].zero_()
    state[f"{DOWN}.bias"].copy_(inner["conv_in.bias"])
    for part in ("weight", "bias"):
        state[f"{SKIPPED}.{part}"].zero_()


def pass_output(state: dict[str, torch.Tensor]) -> None:
    """The inner UNet's last features go up unchanged at first."""
    weight = state[f"{UP}.weight"]
    weight.zero_()
    for channel in range(len(weight)):
        weight[channel, channel, 1, 1] = 1.0
    state[f"{UP}.bias"].zero_()


@torch.no_grad()
def grow(inner: UNet2DConditionModel) -> UNet2DConditionModel:
    """A UNet of one more level that does at every second latent what `inner` did; the rest it must learn."""
    whole = diffusion.build_unet(diffusion.WHOLE)
    source, state = inner.state_dict(), whole.state_dict()
    for key, value in source.items():
        if not key.startswith(ENDS):
            state[shift_level(key)].copy_(value)
    subsample_input(state, source)
    pass_output(state)
    whole.load_state_dict(state)
    return whole
