"""Contact sheets: their layout in bounds whatever is on them, their pictures and labels where they belong."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from app.media.decoder import Decoder
from app.media.sheet_drawing import fitting
from app.media.sheets import MOST_SHEET, Cell, Sheet, columns_for, side_for
from core.errors import Unavailable
from tests.app.wires.openai.files import file_of


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(1)
    yield decoder
    decoder.close()


@given(jobs=st.integers(1, 40), together=st.integers(1, 10), labelled=st.booleans())
def test_every_sheet_is_within_bounds(jobs: int, together: int, labelled: bool) -> None:
    count = jobs * together
    columns = columns_for(count, together)
    side = side_for(count, columns)
    sheet = Sheet(columns, side, tuple(Cell(label="red" if labelled else "") for _ in range(count)))
    assert columns % together == 0
    assert side >= 100
    assert max(sheet.size) <= MOST_SHEET


def test_pictures_are_whole_and_transparent_ones_white(decoder: Decoder) -> None:
    # Given a wide picture and one that is transparent
    files = [file_of(Image.new("RGB", (4000, 1000), "red")), file_of(Image.new("RGBA", (50, 50)))]
    with decoder.pictures() as pictures:
        opened = [pictures.open(file, "output") for file in files]
        for picture in opened:
            pictures.shrink(picture, 100)
        # When they are laid out
        content = pictures.sheet(Sheet(2, 100, (Cell(opened[0].number), Cell(opened[1].number, "ein Füchslein"))))
    sheet = Image.open(io.BytesIO(content))
    # Then the wide one lies across the middle, and the other is not made larger than it is
    assert sheet.size == (8 + 2 * 108, 8 + 126)
    assert (sheet.getpixel((9, 58)), sheet.getpixel((9, 20))) == ((255, 0, 0), (255, 255, 255))
    assert (sheet.getpixel((166, 58)), sheet.getpixel((120, 20))) == ((255, 255, 255), (255, 255, 255))


def test_a_picture_that_ended_the_child_ends_the_sheet(decoder: Decoder) -> None:
    with decoder.pictures() as pictures, pytest.raises(Unavailable):
        pictures.sheet(Sheet(1, 100, (Cell(5),)))
    with decoder.pictures() as pictures:
        assert pictures.sheet(Sheet(1, 100, (Cell(),))).startswith(b"\x89PNG")


@pytest.mark.parametrize("label", ["red", "x" * 500, "two\nlines", "狐", ""])
def test_labels_fit_their_cell(label: str) -> None:
    font = ImageFont.load_default(12)
    text = fitting(label, 100, font)
    assert "\n" not in text
    assert font.getlength(text) <= 100
