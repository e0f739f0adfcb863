"""What a picture was before it was pixels: every mode and depth, turned, moving, or something else besides."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image, PngImagePlugin

from app.media.decoder import Decoder
from tests.app.media.hostile import HARMLESS, SCRIPT, chunk, png_of
from tests.app.media.pictures import pixels, written
from tests.app.wires.openai.files import file_of, plain


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(1)
    yield decoder
    decoder.close()


MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("1", "L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_every_mode_becomes_pixels(decoder: Decoder, kind: str, mode: str) -> None:
    read = pixels(decoder, file_of(Image.new(mode, (16, 16)), kind))

    assert (read.mode, read.size) == ("RGB", (16, 16))


def test_only_the_first_of_several_frames_counts(decoder: Decoder) -> None:
    moving = file_of(plain(16, 16, "red"), "PNG", save_all=True, append_images=[plain(16, 16, "blue")])

    assert pixels(decoder, moving).getpixel((8, 8)) == (255, 0, 0)


def test_only_pixels_go_on(decoder: Decoder) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("parameters", "secret")
    content = file_of(plain(32, 32), "PNG", pnginfo=told) + b"PK\x03\x04"

    made = written(decoder, content, size=(16, 16))

    assert b"secret" not in made
    assert b"PK\x03\x04" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert (image.size, image.info) == ((16, 16), {})


@pytest.mark.parametrize("value", [0, 255, 256, 32768, 65535])
def test_sixteen_bits_of_grey_keep_their_brightness(decoder: Decoder, value: int) -> None:
    content = file_of(Image.new("I;16", (4, 4), value), "PNG")

    assert pixels(decoder, content).getpixel((0, 0)) == (value // 257,) * 3


@pytest.mark.parametrize(
    ("colour", "samples", "pixel"),
    [(2, (65535, 32768, 0), (255, 128, 0)), (6, (65535, 32768, 0, 65535), (255, 128, 0)),
     (4, (32768, 65535), (128, 128, 128))],
)  # fmt: skip
def test_sixteen_bits_of_colour_too(
    decoder: Decoder, colour: int, samples: tuple[int, ...], pixel: tuple[int, ...]
) -> None:
    row = b"\0" + struct.pack(f">{len(samples)}H", *samples)
    content = png_of(1, 1, chunk(b"IDAT", zlib.compress(row)), depth=16, colour=colour)

    assert pixels(decoder, content).getpixel((0, 0)) == pixel


@pytest.mark.parametrize(("orientation", "size", "is_red"), [(1, (64, 32), True), (3, (64, 32), False),
                                                             (6, (32, 64), True), (8, (32, 64), False)])  # fmt: skip
def test_a_turned_photo_is_upright(decoder: Decoder, orientation: int, size: tuple[int, int], is_red: bool) -> None:
    # Given a photo, red on the left and blue on the right, that says how it was held
    photo = Image.new("RGB", (64, 32), "red")
    photo.paste("blue", (32, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation

    # When
    upright = pixels(decoder, file_of(photo, "JPEG", exif=exif, quality=95))

    # Then its sides are where they belong
    corner = upright.getpixel((4, 4))
    assert isinstance(corner, tuple)
    assert upright.size == size
    assert (corner[0] > 200, corner[2] > 200) == (is_red, not is_red)


def test_ink_becomes_light(decoder: Decoder) -> None:
    content = file_of(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")

    assert pixels(decoder, content).getpixel((8, 8)) == (255, 0, 0)


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS.keys())
def test_nothing_but_pixels_is_left(decoder: Decoder, content: bytes) -> None:
    made = written(decoder, content)

    assert (SCRIPT in made, b"PK" in made, b"Exif" in made) == (False, False, False)
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size, image.info, getattr(image, "n_frames", 1)) == ("PNG", (32, 32), {}, 1)
