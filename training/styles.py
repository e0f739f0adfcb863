"""Pictures of the training set in styles of their own: what the bundled LoRAs are taught."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

BLOCKS = 16
"""Blocks a side: at 256 pixels each is two latents wide. The autoencoder makes smooth edges of smaller ones."""
COLOURS = 12
EDGE_FROM, EDGE_TO = 10.0, 42.0
"""Differences of colour between neighbours, in levels of 255, that begin to be a line and are a black one."""


def pixel_art(picture: Image.Image) -> Image.Image:
    """Large blocks of few colours."""
    small = picture.resize((BLOCKS, BLOCKS), Image.Resampling.BOX)
    few = small.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize(picture.size, Image.Resampling.NEAREST)


def line_drawing(picture: Image.Image) -> Image.Image:
    """Dark lines on white where colours meet, thicker where they differ more."""
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float32)
    across = np.abs(np.roll(soft, -1, 1) - np.roll(soft, 1, 1))
    down = np.abs(np.roll(soft, -1, 0) - np.roll(soft, 1, 0))
    edges = np.maximum(across, down).max(axis=2)
    edges[[0, -1], :] = edges[:, [0, -1]] = 0
    ink = np.clip((edges - EDGE_FROM) / (EDGE_TO - EDGE_FROM), 0, 1)
    drawn = Image.fromarray((255 * (1 - 0.92 * ink)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
    return drawn.convert("RGB")


STYLES: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "pixel-art": ("pixel art", pixel_art),
    "line-drawing": ("line drawing", line_drawing),
}
"""By the name of the LoRA: the words that ask for it, and how a picture comes into it."""
