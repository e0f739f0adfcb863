"""Pixels on their way to a job: transparency, masks and sizes."""

from __future__ import annotations

import io

from PIL import Image

from app.media.transforms import clear_part, png
from tests.app.wires.openai.files import hole, plain


def test_where_a_picture_is_transparent() -> None:
    assert clear_part(plain(8, 8)) is None
    assert clear_part(Image.new("RGBA", (8, 8), "white")) is None
    clear = clear_part(hole(8, 8))
    assert clear is not None
    assert (clear.getpixel((0, 0)), clear.getpixel((7, 0))) == (255, 0)


def test_a_mask_keeps_its_edges() -> None:
    clear = clear_part(hole(100, 100))
    assert clear is not None

    with Image.open(io.BytesIO(png(clear, (64, 64)))) as image:
        assert {value for _, value in image.getcolors() or []} == {0, 255}
