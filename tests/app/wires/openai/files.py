"""Small pictures for uploads."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(width: int = 256, height: int = 256, colour: str = "red") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def hole(width: int = 256, height: int = 256) -> Image.Image:
    """Opaque, but for its left half."""
    image = Image.new("RGBA", (width, height), "white")
    image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return image
