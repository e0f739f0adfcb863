"""Pictures put into the styles that the bundled LoRAs are taught."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from training.styles import BLOCKS, COLOURS, line_drawing, pixel_art


def a_picture() -> Image.Image:
    """A disc with a gradient on white."""
    picture = Image.new("RGB", (256, 256), "white")
    shade = Image.linear_gradient("L").resize((256, 256))
    mask = Image.new("L", (256, 256))
    ImageDraw.Draw(mask).ellipse((40, 40, 215, 215), fill=255)
    picture.paste(Image.merge("RGB", (shade, Image.new("L", (256, 256), 60), shade)), mask=mask)
    return picture


def test_pixel_art_has_few_colours_in_large_blocks() -> None:
    made = pixel_art(a_picture())
    assert made.size == (256, 256)
    assert len(made.getcolors(256 * 256) or []) <= COLOURS
    side = 256 // BLOCKS
    blocks = np.asarray(made).reshape(BLOCKS, side, BLOCKS, side, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_a_line_drawing_is_white_but_for_where_colours_meet() -> None:
    made = np.asarray(line_drawing(a_picture()))
    assert (made[128, 128] > 240).all()  # inside, where the gradient is gentle
    assert (made[10, 10] == 255).all()
    assert made[36:46, 128].min() < 80  # the upper edge of the disc
    assert (made[..., 0] == made[..., 2]).all()
