"""From the pixels that a client sent to the file that a job starts from."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageOps

from app.media.conversion import Box, Channel, Conversion
from app.media.preprocessors import prepared

OPAQUE_FROM: Final = 128


def converted(picture: Image.Image, conversion: Conversion, like: Image.Image | None = None) -> bytes:
    """The PNG file that `conversion` asks for; `like` is the picture that it names."""
    pixels = channel_of(picture, conversion.channel)
    if like is not None:
        pixels = pixels.resize(like.size, Image.Resampling.NEAREST)
    if conversion.invert:
        pixels = ImageChops.invert(pixels)
    size = conversion.size or pixels.size
    if conversion.box is not None:
        return png(placed(pixels, size, conversion.box), size)
    if conversion.prepared.preprocessor == "none":
        return png(pixels, size)
    return png(prepared(fitted(pixels, size), conversion.prepared), size)


def channel_of(picture: Image.Image, channel: Channel) -> Image.Image:
    """One channel of `picture`, RGB or RGBA: in RGB for `colour`, in L for the others."""
    if channel == "outside":
        return Image.new("L", picture.size, 0)
    if channel == "clear":
        return clear_part(picture) or Image.new("L", picture.size, 0)
    return flat(picture) if channel == "colour" else flat(picture).convert("L")


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


def placed(picture: Image.Image, canvas: tuple[int, int], box: Box) -> Image.Image:
    """`picture` over `box` of a canvas; a mask in white beside it, anything else stretched and blurred."""
    left, top, width, height = box
    if picture.mode == "L":
        whole = Image.new("L", canvas, 255)
    else:
        blurred = picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 16))
        whole = blurred.resize(canvas, Image.Resampling.BICUBIC)
    fits = picture.size == (width, height)
    inner = picture if fits else picture.resize((width, height), Image.Resampling.LANCZOS)
    whole.paste(inner, (left, top))
    return whole


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`picture` at `size`: the middle, if the shape is another one."""
    method = Image.Resampling.NEAREST if picture.mode == "L" else Image.Resampling.LANCZOS
    return ImageOps.fit(picture, size, method)


def png(picture: Image.Image, size: tuple[int, int]) -> bytes:
    """A file of nothing but the pixels, at `size`: the middle, if the shape is another one."""
    written = fitted(picture, size)
    written.info = {}  # Pillow would write profiles and texts along
    file = io.BytesIO()
    written.save(file, "PNG", compress_level=1)
    return file.getvalue()
