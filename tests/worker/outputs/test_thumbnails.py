"""Thumbnails: as small as they are called, in the shape of the picture, with what can be seen through."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from worker.outputs.thumbnails import thumbnails_of


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((256, 256), []),
        ((320, 200), []),
        ((384, 192), [320]),
        ((1024, 768), [320, 640]),
        ((800, 2048), [320, 640, 1280]),
    ],
)
def test_only_what_is_smaller_is_made(size: tuple[int, int], sides: list[int]) -> None:
    made = thumbnails_of(Image.linear_gradient("L").resize(size).convert("RGB"))

    assert [small.side for small in made] == sides
    for small in made:
        image = opened(small.content)
        assert image.format == "WEBP"
        assert image.size == (small.width, small.height)
        assert max(image.size) == small.side
        assert abs(small.width / small.height - size[0] / size[1]) < 0.01


def test_it_shows_what_the_picture_shows() -> None:
    # Given a picture that is red at the left and blue at the right
    picture = Image.new("RGB", (1024, 512), "#c01010")
    picture.paste("#1010c0", (512, 0, 1024, 512))
    # Then each thumbnail is, too
    for small in thumbnails_of(picture):
        image = opened(small.content).convert("RGB")
        left, right = image.getpixel((10, 10)), image.getpixel((image.width - 10, 10))
        assert isinstance(left, tuple)
        assert isinstance(right, tuple)
        assert left[0] > 150 > left[2]
        assert right[2] > 150 > right[0]


def test_what_can_be_seen_through_stays_so() -> None:
    picture = Image.new("RGBA", (1024, 1024), (200, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (256, 256, 768, 768))

    image = opened(thumbnails_of(picture)[0].content)

    assert image.mode == "RGBA"
    alpha = image.getchannel("A")
    assert (alpha.getpixel((5, 5)), alpha.getpixel((160, 160))) == (0, 255)


def test_a_line_keeps_its_pixel() -> None:
    [*made] = thumbnails_of(Image.new("RGB", (2048, 2), "white"))
    assert [(small.width, small.height) for small in made] == [(320, 1), (640, 1), (1280, 1)]
