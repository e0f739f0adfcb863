"""Where a picture stands on a larger canvas."""

from __future__ import annotations

import pytest

from app.jobs.placement import Direction, Margins, Placement, framed, panned, reframed, zoomed
from core.catalog.model import SizeGrid
from core.errors import InvalidRequest

GRID = SizeGrid(minimum=128, maximum=384, multiple=32, width=256, height=256)


@pytest.mark.parametrize(
    ("direction", "by", "placement"),
    [
        ("right", 0.5, Placement(384, 256, (0, 0, 256, 256))),
        ("left", 0.5, Placement(384, 256, (128, 0, 256, 256))),
        ("down", 0.25, Placement(256, 320, (0, 0, 256, 256))),
        ("up", 0.25, Placement(256, 320, (0, 64, 256, 256))),
        # Beyond what the model draws, the canvas moves on
        ("right", 1.0, Placement(384, 256, (-128, 0, 256, 256))),
        ("left", 1.0, Placement(384, 256, (256, 0, 256, 256))),
    ],
)
def test_a_canvas_goes_on_in_one_direction(direction: Direction, by: float, placement: Placement) -> None:
    assert panned((256, 256), GRID, direction, by) == placement


def test_a_zoomed_picture_stands_in_the_middle() -> None:
    assert zoomed((256, 192), 2) == Placement(256, 192, (64, 48, 128, 96))
    assert zoomed((256, 256), 1.5).box == (42, 42, 171, 171)


@pytest.mark.parametrize(
    ("size", "ratio", "canvas", "box"),
    [
        ((256, 256), 3 / 2, (384, 256), (64, 0, 256, 256)),
        ((256, 256), 2 / 3, (256, 384), (0, 64, 256, 256)),
        # What is larger than the model draws is made smaller, all of it
        ((256, 256), 3.0, (384, 128), (128, 0, 128, 128)),
        ((384, 256), 1.0, (384, 384), (0, 64, 384, 256)),
    ],
)
def test_a_reframed_picture_is_whole(
    size: tuple[int, int], ratio: float, canvas: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert reframed(size, GRID, ratio) == Placement(*canvas, box)


@pytest.mark.parametrize(
    ("margins", "placement"),
    [
        (Margins(left=32, right=64), Placement(352, 256, (32, 0, 256, 256))),
        (Margins(top=128), Placement(256, 384, (0, 128, 256, 256))),
        # What the grid wants more goes to a side that grows
        (Margins(right=10), Placement(288, 256, (0, 0, 256, 256))),
        (Margins(left=10), Placement(288, 256, (32, 0, 256, 256))),
        (Margins(left=1, right=1, bottom=33), Placement(288, 320, (1, 0, 256, 256))),
    ],
)
def test_a_frame_is_as_wide_as_it_is_told(margins: Margins, placement: Placement) -> None:
    assert framed((256, 256), (256, 256), GRID, margins) == placement


def test_margins_of_a_picture_that_is_made_smaller_are_too() -> None:
    assert framed((256, 256), (1024, 1024), GRID, Margins(left=256)) == Placement(320, 256, (64, 0, 256, 256))


def test_a_frame_beyond_what_the_model_draws_is_refused_with_what_is_left() -> None:
    with pytest.raises(InvalidRequest, match="may be 128 pixels together") as refused:
        framed((256, 256), (256, 256), GRID, Margins(top=64, bottom=96))
    assert refused.value.param == "bottom"
