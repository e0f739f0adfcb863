"""What is done with the pixels that a client sent, until they are the files that a job starts from. Knows no job."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageOps

OPAQUE_FROM: Final = 128

DECODED_AT_A_TIME: Final = 2
"""A picture of the largest size takes some 130 MB meanwhile; who waits for its turn must not hold a thread."""


def clear_part(picture: Image.Image) -> Image.Image | None:
    """White where the picture is transparent, black elsewhere; None if it is nowhere."""
    if picture.mode != "RGBA":
        return None
    clear = picture.getchannel("A").point(lambda alpha: 0 if alpha >= OPAQUE_FROM else 255)
    return clear if clear.getbbox() else None


def flat(picture: Image.Image) -> Image.Image:
    """Without transparency, over white."""
    if picture.mode == "RGB":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def png(picture: Image.Image, size: tuple[int, int]) -> bytes:
    """A file of nothing but the pixels, at `size`: the middle, if the shape is another one."""
    method = Image.Resampling.NEAREST if picture.mode == "L" else Image.Resampling.LANCZOS
    file = io.BytesIO()
    ImageOps.fit(picture, size, method).save(file, "PNG", compress_level=1)
    return file.getvalue()
