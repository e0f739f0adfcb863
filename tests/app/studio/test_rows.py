"""Where pictures stand in the gallery: every one once, in order, side by side, from edge to edge."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.app.studio.asking import versioned
from tests.browser import opened

ROOM = {"width": 1152, "height": 250, "gap": 14, "below": 86}
PHONE = {"width": 358, "height": 190, "gap": 10, "below": 104}
PLAN = versioned("""async ([aspects, room]) => (await import("STUDIO/gallery/rows.js")).rowsOf(aspects, room)""")
SEEN = versioned(
    """async ([rows, from, to, below]) => (await import("STUDIO/gallery/rows.js")).inSight(rows, from, to, below)"""
)


@pytest.fixture(scope="module")
def aspects() -> list[float]:
    """Of 200 pictures, some of them very wide or very tall."""
    dice = random.Random(7)
    return [dice.choice([1, 1, 4 / 3, 3 / 4, 16 / 9, 9 / 16, 4, 0.2]) for _ in range(200)]


@pytest.mark.parametrize("room", [ROOM, PHONE])
def test_every_picture_has_room_of_its_own(
    browser: Browser, server: str, room: dict[str, int], aspects: list[float]
) -> None:
    with opened(browser, server) as page:
        plan: dict[str, Any] = page.evaluate(PLAN, [aspects, room])

    cells = [cell for row in plan["rows"] for cell in row["cells"]]
    assert [cell["at"] for cell in cells] == list(range(200))
    assert all(cell["width"] >= 140 for cell in cells)
    for row, after in zip(plan["rows"], plan["rows"][1:], strict=False):
        assert after["top"] == row["top"] + row["height"] + room["below"] + room["gap"]
        assert row["cells"][-1]["left"] + row["cells"][-1]["width"] == room["width"]
        assert 0.5 * room["height"] < row["height"] <= 1.6 * room["height"]
        for one, other in zip(row["cells"], row["cells"][1:], strict=False):
            assert other["left"] == one["left"] + one["width"] + room["gap"]
    last = plan["rows"][-1]
    assert plan["height"] == last["top"] + last["height"] + room["below"]


def test_only_what_is_in_sight_is_found(browser: Browser, server: str, aspects: list[float]) -> None:
    with opened(browser, server) as page:
        rows: list[dict[str, Any]] = page.evaluate(PLAN, [aspects, ROOM])["rows"]
        for place in range(len(rows)):
            top, bottom = rows[place]["top"], rows[place]["top"] + rows[place]["height"]
            first, last = page.evaluate(SEEN, [rows, top + 1, bottom - 1, ROOM["below"]])
            assert (first, last) == (place, place)
        end = rows[-1]["top"] + 10_000
        assert page.evaluate(SEEN, [rows, end, end + 900, ROOM["below"]]) is None
        assert page.evaluate(SEEN, [[], 0, 900, ROOM["below"]]) is None


def test_no_row_where_there_is_no_picture(browser: Browser, server: str) -> None:
    with opened(browser, server) as page:
        assert page.evaluate(PLAN, [[], ROOM]) == {"rows": [], "height": 0}
