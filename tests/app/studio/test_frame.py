"""The frame of a picture dragged outwards, by mouse and keyboard, brought to a shape, panned and zoomed out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.store import Claim
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, told, wait_for_form
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium


def begun(page: Page, worker: FakeWorker) -> Locator:
    """The frame around a picture of a house, 256 pixels wide and high, of a model that draws up to 384."""
    draw(page, worker, "a house")
    page.get_by_role("button", name="a house", exact=True).first.click()
    page.get_by_role("button", name="Reframe").click()
    return page.get_by_role("dialog", name="Drag the frame")


def dragged(page: Page, handle: str, across: float, down: float) -> None:
    """So many pixels of the picture."""
    box = page.locator(f"#frame-handles {handle}").bounding_box()
    shown = page.locator("#frame-picture").bounding_box()
    assert box is not None
    assert shown is not None
    scale = shown["width"] / 256
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across * scale, y + down * scale, steps=4)
    page.mouse.up()


def sent(page: Page, worker: FakeWorker) -> Claim:
    page.get_by_role("dialog", name="Drag the frame").get_by_role("button", name="Draw").click()
    expect(page.locator(".unfinished")).to_be_visible()
    return worker.claim()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_edges_and_corners_are_dragged(browser: Browser, server: str, worker: FakeWorker, size: dict[str, int]) -> None:
    with opened(browser, server, **size) as page:
        wait_for_form(page)
        frame = begun(page, worker)
        # When an edge is dragged, and a corner, each a little off the grid
        dragged(page, ".edge.right", 36, 5)
        dragged(page, ".corner.left.bottom", -30, 68)
        # Then the size is told on the model's grid, and that is what is drawn
        expect(frame.get_by_role("status")).to_have_text("320 × 320, of which 36 % is drawn anew.")
        frame.get_by_label("What should be there?").fill("a house in a wood")
        claim = sent(page, worker)
        parameters = told(claim.job.request)
        assert claim.job.request.task == "inpaint"
        assert (parameters["width"], parameters["height"]) == (320, 320)
        assert parameters["prompt"] == "a house in a wood"


def test_the_keyboard_moves_edges_as_far_as_the_model_draws(studio: Page, worker: FakeWorker) -> None:
    frame = begun(studio, worker)
    edge = frame.get_by_role("slider", name="Top edge")
    edge.focus()
    for _ in range(3):
        studio.keyboard.press("ArrowUp")
    expect(edge).to_have_attribute("aria-valuetext", "96 pixels")
    studio.keyboard.press("ArrowDown")
    expect(frame.get_by_role("status")).to_contain_text("256 × 320")
    studio.keyboard.press("End")
    studio.keyboard.press("ArrowUp")
    expect(frame.get_by_role("status")).to_contain_text("256 × 384")
    expect(edge).to_have_attribute("aria-valuemax", "128")
    assert told(sent(studio, worker).job.request)["height"] == 384


@pytest.mark.parametrize(
    ("button", "width", "height"),
    [
        ("3:2", 384, 256),
        ("16:9", 384, 224),
        ("9:16", 224, 384),
        ("21:9", 384, 160),
        ("Zoom out 2×", 256, 256),
        ("Pan left", 384, 256),
        ("Pan down", 256, 384),
    ],
)
def test_what_a_button_says_is_what_is_drawn(
    studio: Page, worker: FakeWorker, button: str, width: int, height: int
) -> None:
    frame = begun(studio, worker)
    frame.get_by_role("button", name=button, exact=True).click()
    expect(frame.get_by_role("status")).to_contain_text(f"{width} × {height}, of which")
    parameters = told(sent(studio, worker).job.request)
    assert (parameters["width"], parameters["height"]) == (width, height)


def test_a_frame_as_it_was_asks_for_nothing(studio: Page, worker: FakeWorker) -> None:
    frame = begun(studio, worker)
    frame.get_by_role("button", name="Zoom out 1.5×").click()
    frame.get_by_role("button", name="Reset").click()
    frame.get_by_role("button", name="Draw").click()
    expect(frame.get_by_role("alert")).to_have_text("Drag an edge of the frame outwards first.")
    frame.get_by_role("button", name="Cancel").click()
    expect(studio.locator(".unfinished")).to_have_count(0)
