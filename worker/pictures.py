"""Brings a given picture to the size and mode that a model draws in."""

from __future__ import annotations

from typing import Final

from PIL import Image

MASK_MODE: Final = "L"
"""The mode of masks: white where something is to happen, black where nothing is."""

FAINTEST: Final = 16
"""Of 255: what of a mask is still meant to change. Below it lies the noise of files that are not lossless."""


def touched(mask: Image.Image) -> Image.Image:
    """White wherever `mask` is not black: models round it at the half, and would leave the outer half of a soft edge as
    it was, which shows as a step in the middle of the edge once both are blended by it.
    """
    return mask.point(lambda white: 255 if white >= FAINTEST else 0)


def fitted(picture: Image.Image, mode: str, size: tuple[int, int] | None) -> Image.Image:
    """`picture` in `mode` and at `size` (width and height in pixels); at its own size for None.

    A mask keeps its hard edges, anything else is resampled by Lanczos. What fits already comes back as it is.
    """
    if picture.mode != mode:
        picture = picture.convert(mode)
    if size is None or picture.size == size:
        return picture
    resampling = Image.Resampling.NEAREST if mode == MASK_MODE else Image.Resampling.LANCZOS
    return picture.resize(size, resampling)
