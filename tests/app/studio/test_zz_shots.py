from pathlib import Path

import pytest
from playwright.sync_api import Browser

from core.settings import Settings
from tests.app.api.test_guides import ADAPTERS
from tests.app.conftest import MODELS, serving
from tests.app.studio.asking import wait_for_form
from tests.app.studio.test_form import LORAS
from tests.browser import opened


@pytest.mark.parametrize(
    "w,h,scheme", [(1280, 800, "light"), (390, 844, "dark"), (1280, 800, "dark"), (390, 844, "light")]
)
def test_shots(browser: Browser, settings: Settings, w, h, scheme) -> None:
    settings.catalog.write_text(MODELS + LORAS + ADAPTERS.replace("[adapters.inked]", "[adapters.inked2]"))
    with serving(settings) as server, opened(browser, server, width=w, height=h, color_scheme=scheme) as page:
        wait_for_form(page)
        d = Path("/tmp/prompting/shots")
        d.mkdir(exist_ok=True, parents=True)
        page.get_by_label("What should be drawn?").fill("a red fox in the snow, soft light")
        page.screenshot(path=d / f"{w}-{scheme}-0.png")
        for name in ("aspect-button", "words-button", "more-button"):
            page.locator("#" + name).click()
            page.screenshot(path=d / f"{w}-{scheme}-{name}.png", full_page=True)
