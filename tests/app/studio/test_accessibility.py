"""What axe-core finds wrong with the page in its main states, in both colour schemes and at two widths: nothing."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw
from tests.app.studio.test_drop import bring, picture
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium


def violations(page: Page) -> list[str]:
    page.emulate_media(reduced_motion="reduce")
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_in_any_state(
    browser: Browser, server: str, worker: FakeWorker, scheme: str, size: dict[str, int]
) -> None:
    with opened(browser, server, **size, color_scheme=scheme) as page:
        # Given a first visit
        expect(page.get_by_text("Nothing here yet.")).to_be_visible()
        assert violations(page) == []

        # When all fields are open and a picture is drawn, another waits and a third has failed
        page.get_by_text("More", exact=True).click()
        draw(page, worker, "a fox")
        ask(page, "a hen")
        worker.fail(worker.claim())
        expect(page.locator(".failed")).to_be_visible()
        ask(page, "a cow")
        worker.step(worker.claim(), 5, 20)
        expect(page.locator(".unfinished").first).to_contain_text("Step 5 of 20")
        assert violations(page) == []
        page.get_by_text("More", exact=True).click()

        # Then neither the picture's dialog nor the painter is wrong
        page.get_by_role("button", name="a fox", exact=True).first.click()
        expect(page.get_by_role("dialog", name="a fox")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Edit").click()
        expect(page.get_by_role("dialog", name="Paint over")).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_in_panels_and_dialogs(
    browser: Browser, server: str, worker: FakeWorker, scheme: str, size: dict[str, int]
) -> None:
    with opened(browser, server, **size, color_scheme=scheme) as page:
        # Given two pictures, one of them a favourite
        draw(page, worker, "a fox")
        draw(page, worker, "a hen")
        page.get_by_role("button", name="Favourite: a hen").click()
        # Then no panel of the composer is wrong
        for panel in ("Size", "Words", "More"):
            button = page.get_by_role("button", name=panel, exact=panel != "Size")
            button.click()
            assert violations(page) == [], panel
            button.click()
        # nor a field that says what is wrong with it
        page.get_by_label("What should be drawn?").fill("")
        page.keyboard.press("Enter")
        expect(page.locator("#prompt-wrong")).to_be_visible()
        assert violations(page) == []
        # nor pictures that are selected, nor the dialog of folders
        page.get_by_role("button", name="Select", exact=True).click()
        page.locator(".tile").first.click()
        expect(page.get_by_role("region", name="Selected pictures")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("region", name="Selected pictures").get_by_role("button", name="Folder…").click()
        expect(page.get_by_role("dialog", name="Folders")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        # nor a search that finds nothing
        page.get_by_label("Search your pictures").fill("unicorn")
        expect(page.get_by_text("Nothing found.")).to_be_visible()
        assert violations(page) == []
        # nor what a picture that is brought may be for, nor many jobs that are asked about
        bring(page, picture())
        expect(page.get_by_role("dialog", name="What is this picture for?")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.locator("#syntax").evaluate("box => { box.checked = true; }")
        page.get_by_label("What should be drawn?").fill("a {a, b, c} {d, e, f} fox")
        page.get_by_label("What should be drawn?").press("Enter")
        expect(page.get_by_role("dialog", name="Draw 9 pictures?")).to_be_visible()
        assert violations(page) == []
