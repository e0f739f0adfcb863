"""Knows the pictures that a pipeline returns: to 8-bit pixels, and whether one can be a picture at all."""

from __future__ import annotations

import torch


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """The first of `images` [n, 3, height, width] in 0-1 as uint8 [height, width, 3] on the CPU."""
    image = images[0].detach().to("cpu", torch.float32)
    return (image * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
