"""The memory savers that a pipeline has, when to switch them on, and how much memory a device has free."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from core.catalog.model import Precision
from worker.pipelines import cgroups

logger = logging.getLogger(__name__)

Switch = Literal["auto", "on", "off"]

MEMINFO: Final = Path("/proc/meminfo")

WIDTHS: Final = ("block_out_channels", "decoder_block_out_channels", "decoder_base_dim", "base_dim")
"""What autoencoders call the channels of their blocks at full size: a list from there down, or a number."""

USUAL_WIDTH: Final = 128

DECODER_COPIES: Final = 6
"""Full-resolution activations that a decoder holds at its widest block: input, norm, two convolutions, skip, sum."""


@dataclass(frozen=True)
class MemoryOptions:
    """How hard to save memory; `auto` saves only where memory is short, because every saver costs time."""

    dtype: Precision = "auto"
    attention_slicing: Switch = "auto"
    vae_slicing: Switch = "auto"
    vae_tiling: Switch = "auto"


def apply_savers(pipeline: Any, options: MemoryOptions, pixels: int, free_bytes: int | None) -> tuple[str, ...]:  # noqa: ANN401 - diffusers is untyped here
    """Switch the savers of `pipeline` on as `options` say and return the names of those that are on.

    `pixels` is the size of a usual picture; `free_bytes` is the device memory left once the weights are there, None
    where that cannot be known (then memory counts as enough).
    """
    vae = getattr(pipeline, "vae", None)
    needed = decode_bytes(vae, pixels) if vae is not None else 0
    short = free_bytes is not None and free_bytes < 2 * needed
    # Slicing attention slows SDPA down and saves little beside it: only in real distress.
    very_short = free_bytes is not None and free_bytes < needed // 2
    wanted = {
        "vae_slicing": (options.vae_slicing, short, enable_vae_slicing),
        "vae_tiling": (options.vae_tiling, short, enable_vae_tiling),
        "attention_slicing": (options.attention_slicing, very_short, enable_attention_slicing),
    }
    switched_on = tuple(
        name
        for name, (switch, when_auto, enable) in wanted.items()
        if (switch == "on" or (switch == "auto" and when_auto)) and enable(pipeline)
    )
    if switched_on:
        logger.info("memory savers on", extra={"savers": switched_on, "free_bytes": free_bytes})
    return switched_on


def decode_bytes(vae: Any, pixels: int) -> int:  # noqa: ANN401
    """An estimate of what decoding one picture of `pixels` needs at its peak, in bytes.

    The last block works at full size with twice the channels of its output; 3.2 GB for 1024x1024 in half precision
    with the autoencoder of Stable Diffusion.
    """
    told = (getattr(vae.config, name, None) for name in WIDTHS)
    width = next((each for each in told if each), USUAL_WIDTH)
    channels = int(width[0] if isinstance(width, list | tuple) else width)
    itemsize: int = torch.empty((), dtype=vae.dtype).element_size()
    return pixels * 2 * channels * DECODER_COPIES * itemsize


def free_memory(device: torch.device) -> int | None:
    """Bytes that could still be allocated on `device`, or None where the platform does not say.

    On the CPU no more than the container allows, whose limit kills the process long before the machine is full.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    known = [left for left in (available_memory(), cgroups.memory_left()) if left is not None]
    return min(known, default=None)


def available_memory(meminfo: Path = MEMINFO) -> int | None:
    """What the machine as a whole could still give, in bytes."""
    if not meminfo.exists():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def enable_vae_slicing(pipeline: Any) -> bool:  # noqa: ANN401
    """Decode one picture at a time; false if it was on already or this autoencoder cannot."""
    vae = getattr(pipeline, "vae", None)
    if vae is None or getattr(vae, "use_slicing", None) is not False:
        return False
    vae.enable_slicing()
    return True


def enable_vae_tiling(pipeline: Any) -> bool:  # noqa: ANN401
    """Decode large pictures tile by tile; false if it was on already or this autoencoder cannot."""
    vae = getattr(pipeline, "vae", None)
    if vae is None or getattr(vae, "use_tiling", None) is not False:
        return False
    vae.enable_tiling()
    return True


def enable_attention_slicing(pipeline: Any) -> bool:  # noqa: ANN401
    """Compute attention head by head; false if it was on already or this denoiser cannot."""
    unet = getattr(pipeline, "unet", None)
    if unet is None or getattr(unet, "easel_attention_sliced", False):
        return False
    unet.set_attention_slice("auto")
    unet.easel_attention_sliced = True
    return True
