"""What axe-core finds wrong with the dialogs of the tools, in both colour schemes and at two widths: nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw
from tests.app.studio.test_accessibility import violations
from tests.app.studio.test_compare import COMPARE
from tests.app.studio.test_family import OPEN
from tests.app.studio.test_remix import BLEND, REMIX
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_in_any_tool(
    browser: Browser, server: str, worker: FakeWorker, scheme: str, size: dict[str, int]
) -> None:
    with opened(browser, server, **size, color_scheme=scheme) as page:
        draw(page, worker, "a fox")
        for button, dialog in [("Edit", "Paint over"), ("Reframe", "Drag the frame")]:
            page.get_by_role("button", name="a fox", exact=True).first.click()
            page.get_by_role("button", name=button, exact=True).click()
            expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
            assert violations(page) == []
            page.get_by_role("dialog", name=dialog).get_by_role("button", name="Cancel").click()
            expect(
                page.get_by_role("button", name="a fox", exact=True)
            ).to_be_focused()  # it goes back when it has closed
        draw(page, worker, "a hen")
        jobs = page.request.get(f"{server}/v1/generations").json()["data"]
        for script in (REMIX, BLEND, COMPARE):
            page.evaluate(script, jobs)
            assert violations(page) == []
            page.keyboard.press("Escape")
        page.evaluate(OPEN, jobs[0])
        assert violations(page) == []
