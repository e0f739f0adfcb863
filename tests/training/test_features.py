"""What the evaluation sees in a picture: the motif, wherever it is; the style, by its shading; the background."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training import features


def ball(colour: str, background: str, *, shaded: bool = False, centre: int = 128, radius: int = 70) -> Image.Image:
    image = Image.new("RGB", (256, 256), background)
    ImageDraw.Draw(image).ellipse((centre - radius, 128 - radius, centre + radius, 128 + radius), fill=colour)
    if not shaded:
        return image
    light = Image.linear_gradient("L").convert("RGB")
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((centre - radius, 128 - radius, centre + radius, 128 + radius), fill=200)
    return Image.composite(light, image, mask)


def test_lab_is_cie_lab() -> None:
    # White, black and sRGB's red, as CIE 15 has them
    lab = features.to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
    assert lab[0] == pytest.approx([100, 0, 0], abs=0.1)
    assert lab[1] == pytest.approx([0, 0, 0], abs=0.1)
    assert lab[2] == pytest.approx([53.2, 80.1, 67.2], abs=0.2)


def test_the_background_is_what_the_corners_show() -> None:
    assert tuple(features.background_colour(np.asarray(ball("red", "navy")))) == (0, 0, 128)


def test_a_motif_is_the_same_elsewhere_smaller_and_on_another_background() -> None:
    # Given
    here = features.describe(ball("red", "white"))

    # When it moves, shrinks and stands on blue; and when it is another one
    there = features.describe(ball("red", "navy", centre=150, radius=60))
    other = features.describe(ball("lime", "white"))

    # Then
    assert np.linalg.norm(here - there) < np.linalg.norm(here - other) / 4


def test_shading_tells_a_rendering_from_a_drawing_whatever_its_colour() -> None:
    flat, shaded = (features.describe_style(ball("red", "white", shaded=way)) for way in (False, True))
    for colour, background in (("lime", "navy"), ("gold", "white")):
        seen = features.describe_style(ball(colour, background, shaded=True))
        assert np.linalg.norm(seen - shaded) < np.linalg.norm(seen - flat)


def test_a_picture_of_nothing_is_described_too() -> None:
    empty = Image.new("RGB", (256, 256), "white")
    assert np.isfinite(features.describe(empty)).all()
    assert np.isfinite(features.describe_style(empty)).all()
