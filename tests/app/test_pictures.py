"""Hostile pictures: each is refused by name and fast, or reduced to its pixels."""

from __future__ import annotations

import io
import struct
import time
import zlib

import pytest
from PIL import Image, PngImagePlugin

from app.pictures import MAX_BYTES, clear_part, flat, open_picture, png
from core.errors import InvalidRequest, PayloadTooLarge
from tests.app.openai.files import file_of, hole, plain

RED = file_of(plain(32, 32))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def squeezed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "gif": file_of(plain(8, 8), "GIF"),
    "bmp": file_of(plain(8, 8), "BMP"),
    "tiff": file_of(plain(8, 8), "TIFF"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(ls) system\n",
    "no size": png_of(0, 0, chunk(b"IDAT", squeezed(10))),
    "huge by its header": png_of(2**31 - 1, 2**31 - 1, chunk(b"IDAT", squeezed(10))),
    "just too large": png_of(4097, 4096, chunk(b"IDAT", squeezed(4098 * 4096))),
    "a bomb of 80 million pixels": png_of(9000, 9000, chunk(b"IDAT", squeezed(9001 * 9000))),
    "a bomb of text": png_of(8, 8, chunk(b"zTXt", b"a\0\0" + squeezed(100_000_000)), chunk(b"IDAT", squeezed(72))),
    "a bomb of colours": png_of(8, 8, chunk(b"iCCP", b"a\0\0" + squeezed(100_000_000)), chunk(b"IDAT", squeezed(72))),
    "cut short": RED[: len(RED) // 2],
    "a head only": RED[:33],
    "a wrong checksum": RED[:-20] + bytes([RED[-20] ^ 255]) + RED[-19:],
    "jpeg cut short": file_of(plain(64, 64), "JPEG")[:300],
    "webp cut short": file_of(plain(64, 64), "WEBP")[:30],
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_fast(content: bytes) -> None:
    began = time.monotonic()

    with pytest.raises(InvalidRequest) as refused:
        open_picture(content, "image")

    assert refused.value.param == "image"
    assert refused.value.code in ("invalid_image", "image_too_large")
    assert time.monotonic() - began < 2


def test_too_many_bytes() -> None:
    with pytest.raises(PayloadTooLarge):
        open_picture(RED + bytes(MAX_BYTES), "mask")


MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("1", "L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_mode_becomes_pixels(kind: str, mode: str) -> None:
    opened = open_picture(file_of(Image.new(mode, (16, 16)), kind), "image")

    assert opened.mode in ("RGB", "RGBA")
    assert flat(opened).mode == "RGB"


def test_only_the_first_of_several_frames_counts() -> None:
    moving = file_of(plain(16, 16, "red"), "PNG", save_all=True, append_images=[plain(16, 16, "blue")])

    assert open_picture(moving, "image").convert("RGB").getpixel((8, 8)) == (255, 0, 0)


def test_only_pixels_go_on() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", "secret")
    content = file_of(plain(32, 32), "PNG", pnginfo=told) + b"PK\x03\x04"

    made = png(open_picture(content, "image"), (16, 16))

    assert b"secret" not in made
    assert b"PK\x03\x04" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert (image.size, image.info) == ((16, 16), {})


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
