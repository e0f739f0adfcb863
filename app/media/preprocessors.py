"""What is made of a picture before a ControlNet sees it: edges, and what else needs no model of its own."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageFilter, ImageOps

from app.media.conversion import Prepared

BLUR_SHARE: Final = 1 / 64
"""The radius of a blur, as a share of the longer side."""


def prepared(picture: Image.Image, how: Prepared) -> Image.Image:
    """`picture`, RGB, as `how` says: of the same mode and size."""
    match how.preprocessor:
        case "canny":
            return edges(picture, how.low, how.high)
        case "invert":
            return ImageOps.invert(picture)
        case "gray":
            return picture.convert("L").convert("RGB")
        case "blur":
            return picture.filter(ImageFilter.GaussianBlur(max(picture.size) * BLUR_SHARE))
        case "none":
            return picture


def edges(picture: Image.Image, low: int, high: int) -> Image.Image:
    """White edges on black, as ControlNets for them were trained on: OpenCV's, with its usual 3x3 gradients."""
    # Here, since each process that reads pictures would pay for it at its start.
    import cv2
    import numpy

    cv2.setNumThreads(1)
    found = cv2.Canny(numpy.asarray(picture.convert("L")), low, high)
    return Image.fromarray(found).convert("RGB")
