"""A part of a picture painted over: by mouse, by fingers, by keyboard; what the server is sent of it."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from core.store import Claim
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, told, wait_for_form
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium


def begun(page: Page, worker: FakeWorker) -> Locator:
    """The painter over a picture of a house, with a hard edge."""
    draw(page, worker, "a house")
    page.get_by_role("button", name="a house", exact=True).first.click()
    page.get_by_role("button", name="Edit").click()
    painter = page.get_by_role("dialog", name="Paint over")
    painter.get_by_label("Soft edge").fill("0")
    return painter


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Along `points`, in shares of the picture."""
    box = page.locator("#paint-picture").bounding_box()
    assert box is not None
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if not number:
            page.mouse.down()
    page.mouse.up()


def sent(page: Page, server: str, worker: FakeWorker) -> tuple[Claim, Image.Image]:
    """The job that is asked for, and its mask."""
    page.get_by_role("dialog", name="Paint over").get_by_role("button", name="Draw").click()
    expect(page.locator(".unfinished")).to_be_visible()
    claim = worker.claim()
    address = f"{server}/v1/results/{claim.job.id}/inputs/mask-0.png"
    return claim, Image.open(io.BytesIO(page.request.get(address).body()))


def at(mask: Image.Image, x: float, y: float) -> object:
    return mask.getpixel((int(x * mask.width), int(y * mask.height)))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_part_is_painted_erased_and_sent(
    browser: Browser, server: str, worker: FakeWorker, size: dict[str, int]
) -> None:
    with opened(browser, server, **size) as page:
        wait_for_form(page)
        # Given a stroke from left to right, out of whose middle something is erased
        painter = begun(page, worker)
        drag(page, (0.2, 0.3), (0.8, 0.3))
        painter.get_by_text("Eraser").click()
        drag(page, (0.5, 0.1), (0.5, 0.5))
        # and a rectangle that is taken back, and put there again
        painter.get_by_text("Rectangle").click()
        drag(page, (0.1, 0.6), (0.4, 0.9))
        painter.get_by_role("button", name="Undo").click()
        painter.get_by_role("button", name="Redo").click()
        # When it is sent with words and a strength
        painter.get_by_label("What should be there?").fill("a red door")
        painter.get_by_label("Change").fill("0.8")
        claim, mask = sent(page, server, worker)
        # Then the mask is white just where it was painted, and the picture is its parent
        assert mask.size == (256, 256)
        places = [(0.25, 0.3), (0.75, 0.3), (0.5, 0.3), (0.2, 0.8), (0.6, 0.8), (0.25, 0.1)]
        assert [at(mask, *place) for place in places] == [255, 255, 0, 255, 0, 0]
        request = claim.job.request
        assert (request.task, len(request.parents)) == ("inpaint", 1)
        assert (told(request)["prompt"], told(request)["strength"]) == ("a red door", 0.8)


def test_a_soft_edge_is_grey_and_inverting_turns_all(studio: Page, server: str, worker: FakeWorker) -> None:
    painter = begun(studio, worker)
    painter.get_by_text("Rectangle").click()
    drag(studio, (0.0, 0.0), (0.5, 1.0))
    painter.get_by_role("button", name="Invert").click()
    painter.get_by_label("Soft edge").fill("8")
    _, mask = sent(studio, server, worker)
    assert (at(mask, 0.1, 0.5), at(mask, 0.9, 0.5)) == (0, 255)
    middle = at(mask, 0.5, 0.5)
    assert isinstance(middle, int)
    assert 60 < middle < 195


def test_the_keyboard_paints_too(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given the painter, with the picture in focus
    begun(studio, worker)
    studio.get_by_label("The picture to paint over").focus()
    # When the brush goes up, is made larger, and paints to the right
    for _ in range(4):
        studio.keyboard.press("Shift+ArrowUp")
    for _ in range(5):
        studio.keyboard.press("]")
    studio.keyboard.down(" ")
    for _ in range(4):
        studio.keyboard.press("Shift+ArrowRight")
    studio.keyboard.up(" ")
    studio.keyboard.press("ArrowRight")
    studio.keyboard.press("Shift+ArrowDown")
    # and what was painted after it is taken back
    studio.keyboard.press(" ")
    studio.keyboard.press("Control+z")
    # Then it was painted from the middle to the right, above the middle
    _, mask = sent(studio, server, worker)
    places = [(0.5, 0.18), (0.8, 0.18), (0.3, 0.18), (0.84, 0.28)]
    assert [at(mask, *place) for place in places] == [255, 255, 0, 0]


def test_a_wheel_zooms_and_strokes_are_where_they_are_seen(studio: Page, server: str, worker: FakeWorker) -> None:
    painter = begun(studio, worker)
    box = studio.locator("#paint-picture").bounding_box()
    assert box is not None
    # Given the picture four times as large, around its right lower quarter
    studio.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75)
    while painter.get_by_role("button", name="Fit").text_content() != "1200 %":
        studio.mouse.wheel(0, -200)
    # When the middle of what is seen is painted on
    drag(studio, (0.75, 0.75), (0.76, 0.75))
    painter.get_by_role("button", name="Fit").click()
    # Then it is there, and small
    _, mask = sent(studio, server, worker)
    assert (at(mask, 0.755, 0.75), at(mask, 0.5, 0.5)) == (255, 0)


def test_two_fingers_zoom_and_paint_nothing(browser: Browser, server: str, worker: FakeWorker) -> None:
    with opened(browser, server, **PHONE, has_touch=True) as page:
        wait_for_form(page)
        painter = begun(page, worker)
        box = page.locator("#paint-stage").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touch = page.context.new_cdp_session(page)

        def put(kind: str, *offsets: float) -> None:
            points = [{"x": x + offset, "y": y, "id": number} for number, offset in enumerate(offsets)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        # When one finger comes, then another, and they go apart
        put("touchStart", -30)
        put("touchStart", -30, 30)
        put("touchMove", -60, 60)
        put("touchEnd")
        # Then the picture is twice as large, and nothing was painted
        expect(painter.get_by_role("button", name="Fit")).to_have_text("200 %")
        expect(painter.get_by_role("button", name="Undo")).to_be_disabled()
        # When one finger goes over it, then it paints
        put("touchStart", 0)
        put("touchMove", 20)
        put("touchEnd")
        expect(painter.get_by_role("button", name="Undo")).to_be_enabled()


def test_what_is_refused_leaves_all_that_was_done(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given a picture that another tab deletes while it is painted over
    painter = begun(studio, worker)
    painter.get_by_label("What should be there?").fill("a red door")
    painter.get_by_role("button", name="Draw").click()
    expect(painter.get_by_role("alert")).to_have_text("Paint over a part of the picture first.")
    drag(studio, (0.4, 0.4), (0.6, 0.6))
    (job,) = studio.request.get(f"{server}/v1/generations").json()["data"]
    assert studio.request.delete(f"{server}/v1/generations/{job['id']}").status == 204
    # When it is sent
    painter.get_by_role("button", name="Draw").click()
    # Then it is said there, and what was painted and typed is still there
    expect(painter.get_by_role("alert")).to_contain_text("no such generation")
    expect(painter.get_by_label("What should be there?")).to_have_value("a red door")
    expect(painter.get_by_role("button", name="Undo")).to_be_enabled()
