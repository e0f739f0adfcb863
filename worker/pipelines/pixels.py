"""The pictures that a pipeline returns: to 8-bit pixels, and whether one can be a picture at all."""

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
    if not torch.isfinite(spread(image)).all():
        raise no_picture()
    pixels = (image * 255).round_().clamp_(0, 255).to(torch.uint8)
    if not spread(pixels).any():
        raise no_picture()
    return pixels.permute(1, 2, 0)


def is_picture(decoded: Any) -> bool:  # noqa: ANN401 - a tuple or a DecoderOutput
    """Whether the decoder's output is finite everywhere and not one flat colour."""
    sample = next(leaf for leaf in pytree.tree_leaves(decoded) if isinstance(leaf, torch.Tensor))
    spreads = spread(sample)
    return bool(torch.isfinite(spreads).all()) and bool((spreads > FLAT).any())


def spread(images: torch.Tensor) -> torch.Tensor:
    """How far apart the pixels of each channel are; no finite number where one of them is none.

    Two passes that the processor is good at: asking every pixel whether it is finite takes ten times as long.
    """
    return images.amax(dim=(-2, -1)) - images.amin(dim=(-2, -1))


def no_picture() -> JobFailure:
    """What the owner of such a picture is told (`nan_output`)."""
    return JobFailure(
        "the model drew nothing but noise without numbers or one flat colour; another seed, scheduler or step "
        "count may do",
        code="nan_output",
    )
