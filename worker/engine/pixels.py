"""Knows the pictures that a pipeline returns: to 8-bit pixels, and whether one can be a picture at all."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.utils import _pytree as pytree

from core.errors import JobFailure

FLAT: Final = 2 / 255
"""A decoder's range is -1 to 1; a picture whose every channel stays within one 8-bit level shows nothing."""


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """The first of `images` [n, 3, height, width] in 0-1 as uint8 [height, width, 3] on the CPU.

    Raises JobFailure (`nan_output`) for what cannot be a picture.
    """
    image = images[0].detach().to("cpu", torch.float32)
    if not torch.isfinite(image).all():
        raise no_picture()
    pixels = (image * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
    if (pixels == pixels[0, 0]).all():
        raise no_picture()
    return pixels


def is_picture(decoded: Any) -> bool:  # noqa: ANN401 - a tuple or a DecoderOutput
    """Whether the decoder's output is finite everywhere and not one flat colour."""
    sample = next(leaf for leaf in pytree.tree_leaves(decoded) if isinstance(leaf, torch.Tensor))
    spread = sample.amax(dim=(-2, -1)) - sample.amin(dim=(-2, -1))
    return bool(torch.isfinite(sample).all()) and bool((spread > FLAT).any())


def no_picture() -> JobFailure:
    return JobFailure(
        "the model drew nothing but noise without numbers or one flat colour; another seed, scheduler or step "
        "count may do",
        code="nan_output",
    )
