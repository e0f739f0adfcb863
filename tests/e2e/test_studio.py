"""The page before the real stack, as a newcomer meets it: a prompt becomes a picture, and a part of it another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.studio.asking import wait_for_form
from tests.browser import chromium, needs_chromium, opened
from tests.e2e.stack import Stack, easel_up

pytestmark = [pytest.mark.slow, needs_chromium]

DRAWN_MS = 60_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Not the one that the others share: the page shows everybody's pictures."""
    with easel_up(tmp_path_factory.mktemp("studio") / "data") as running:
        yield running


@pytest.fixture
def studio(stack: Stack) -> Iterator[Page]:
    with chromium() as browser, opened(browser, str(stack.http.base_url)) as page:
        wait_for_form(page)
        expect(page.get_by_label("What should be drawn?")).to_be_focused()
        yield page


def test_from_prompt_to_picture_to_edit(studio: Page) -> None:
    # Given a prompt and Enter
    studio.keyboard.type("a red apple")
    studio.keyboard.press("Enter")
    picture = studio.locator(".tile")  # one of the examples has the same name
    expect(picture).to_be_visible(timeout=DRAWN_MS)
    studio.wait_for_function("() => document.querySelector('.tile img').naturalWidth === 256")
    # When its middle is painted over
    picture.click()
    studio.get_by_role("button", name="Edit").click()
    painter = studio.get_by_role("dialog", name="Paint over")
    painter.get_by_role("button", name="Paint the middle").click()
    painter.get_by_label("What should be there?").fill("a green pear")
    painter.get_by_role("button", name="Draw").click()
    # Then there is a second picture beside the first
    expect(studio.get_by_role("button", name="a green pear", exact=True)).to_be_visible(timeout=DRAWN_MS)
    expect(studio.locator(".tile")).to_have_count(2)


def test_a_long_drawing_is_canceled(studio: Page, stack: Stack) -> None:
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("Steps").fill("100")
    studio.get_by_label("What should be drawn?").fill("a blue car")
    studio.keyboard.press("Enter")
    expect(studio.locator(".unfinished")).to_contain_text("of 100", timeout=DRAWN_MS)

    studio.get_by_role("button", name="Cancel: a blue car").click()

    expect(studio.locator(".canceled")).to_contain_text("Canceled.", timeout=DRAWN_MS)
    assert stack.http.get("/v1/generations?limit=1").json()["data"][0]["status"] == "canceled"
