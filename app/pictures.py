"""Pictures from outside, made harmless: what they are is decided by their bytes, and only pixels go on. No job here."""

from __future__ import annotations

import io
import logging
from typing import Final

from PIL import Image, ImageOps

from core.errors import InvalidRequest, PayloadTooLarge

logger = logging.getLogger(__name__)

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MAX_BYTES: Final = 20 * 1024 * 1024
MAX_PIXELS: Final = 4096 * 4096
OPAQUE_FROM: Final = 128

DECODED_AT_A_TIME: Final = 2
"""A picture of the largest size takes some 130 MB meanwhile; who waits for its turn must not hold a thread."""


def open_picture(content: bytes, param: str) -> Image.Image:
    """The pixels, RGB or RGBA, upright. Raises InvalidRequest or PayloadTooLarge, naming `param`."""
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge(
            f"'{param}' has {len(content) / 2**20:.1f} MiB, over the limit of {MAX_BYTES // 2**20}", param=param
        )
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = picture.size
        if width * height <= MAX_PIXELS:
            return _pixels(picture)
    except Exception as error:  # a hostile file makes Pillow raise whatever its parsers meet
        logger.info("a picture was refused", extra={"reason": f"{type(error).__name__}: {error}"[:200]})
        raise InvalidRequest(
            f"'{param}' cannot be read as a PNG, JPEG or WebP picture", code="invalid_image", param=param
        ) from error
    raise InvalidRequest(
        f"'{param}' has {width} x {height} pixels, over the limit of {MAX_PIXELS / 1e6:.1f} million",
        code="image_too_large",
        param=param,
    )


def _pixels(picture: Image.Image) -> Image.Image:
    """Copied only where it must be: each copy of the largest picture is 64 MB."""
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


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
