"""Two pictures compared: the line between them, side by side, enlarged alike."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, versioned, wait_for_form
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium

COMPARE = versioned("""async (jobs) => {
  const { openCompare } = await import("STUDIO/compare/compare.js");
  await openCompare(...jobs.map((job) => ({ job, output: job.outputs[0] })));
}""")


def comparing(page: Page, server: str, worker: FakeWorker) -> Locator:
    """A hen on the left, a fox on the right."""
    for words in ("a fox", "a hen"):
        draw(page, worker, words)
    page.evaluate(COMPARE, page.request.get(f"{server}/v1/generations").json()["data"])
    return page.get_by_role("dialog", name="Compare")


def clipped(page: Page) -> str:
    return str(page.locator("#compare-a").evaluate("(pane) => pane.style.clipPath"))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_line_is_dragged_and_moved_by_keys(
    browser: Browser, server: str, worker: FakeWorker, size: dict[str, int]
) -> None:
    with opened(browser, server, **size) as page:
        wait_for_form(page)
        dialog = comparing(page, server, worker)
        expect(dialog.get_by_role("definition").first).to_contain_text("a hen · 256 × 256")
        slider = dialog.get_by_role("slider")
        expect(slider).to_have_attribute("aria-valuenow", "50")
        # When it is dragged, then as much of the first picture is seen as lies left of it
        box = page.locator("#compare-stage").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=3)
        page.mouse.up()
        expect(slider).to_have_attribute("aria-valuenow", "25")
        assert "75%" in clipped(page)
        # and so with keys
        slider.focus()
        page.keyboard.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuenow", "23")
        page.keyboard.press("End")
        expect(slider).to_have_attribute("aria-valuenow", "100")
        assert clipped(page) in ("inset(0px 0% 0px 0px)", "inset(0px)", "inset(0px 0px 0px 0px)")


def test_both_are_enlarged_alike(studio: Page, server: str, worker: FakeWorker) -> None:
    dialog = comparing(studio, server, worker)
    for way in ("With a slider", "Side by side"):
        dialog.get_by_text(way).click()
        box = studio.locator("#compare-stage").bounding_box()
        assert box is not None
        # When the wheel turns over the right one, and it is dragged
        studio.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
        studio.mouse.wheel(0, -400)
        expect(dialog.get_by_role("button", name="Fit")).to_have_text("272 %")
        studio.mouse.down()
        studio.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2 + 30)
        studio.mouse.up()
        # Then both stand alike
        first, second = (
            studio.locator(f"#compare-{each} img").evaluate("(image) => image.style.transform") for each in "ab"
        )
        assert first == second
        assert "scale(2.7" in first
        dialog.get_by_role("button", name="Fit").click()
        expect(dialog.get_by_role("button", name="Fit")).to_have_text("100 %")


def test_they_change_places(studio: Page, server: str, worker: FakeWorker) -> None:
    dialog = comparing(studio, server, worker)
    dialog.get_by_role("button", name="Swap").click()
    expect(dialog.get_by_role("definition").first).to_contain_text("a fox")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
