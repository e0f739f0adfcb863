"""What the tests of the decoder share: a file in, its pixels back, by the same way as a job's input."""

from __future__ import annotations

import io

from PIL import Image

from app.media.conversion import Channel, Conversion
from app.media.decoder import Decoder, Picture


def opened(decoder: Decoder, content: bytes, param: str = "image") -> Picture:
    """What the decoder says of a file."""
    with decoder.pictures() as pictures:
        return pictures.open(content, param)


def written(
    decoder: Decoder, content: bytes, channel: Channel = "colour", size: tuple[int, int] | None = None
) -> bytes:
    """The PNG file that the decoder makes of a file."""
    with decoder.pictures() as pictures:
        return pictures.png(pictures.open(content, "image"), Conversion(channel, size))


def pixels(decoder: Decoder, content: bytes) -> Image.Image:
    """The picture in a file, RGB and upright."""
    with Image.open(io.BytesIO(written(decoder, content)), formats=("PNG",)) as image:
        image.load()
        return image
