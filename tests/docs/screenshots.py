"""Takes the pictures of the page in docs/ from a fresh Easel: `make screenshots`. Knows no test."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page

from tests.browser import chromium, opened
from tests.docs.pages import ROOT
from tests.e2e.stack import easel_up

DRAWN: Final = (
    "a robot", "a hamburger on a sky blue background", "a castle", "a penguin on a yellow background",
    "a rocket on a dark blue background", "a slice of pizza", "a fox",
)  # fmt: skip
LAST: Final = "a unicorn on a lavender background"
DESKTOP: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}
WAIT_MS: Final = 120_000
SETTLE_MS: Final = 700
"""Until nothing fades in any more."""
NAMES: Final = ("studio.png", "studio-dark.png", "studio-phone.png", "studio-phone-light.png")


def loaded(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tile img')].slice(0, 3).every(img => img.naturalWidth > 0)",
        timeout=WAIT_MS,
    )
    page.wait_for_timeout(SETTLE_MS)


def take(url: str, folder: Path) -> None:
    """On a desk and on a phone, by day and by night: while a picture forms, all of them, and one of them."""
    with chromium() as browser:
        with opened(browser, url, **DESKTOP, color_scheme="light") as page:
            loaded(page)
            page.get_by_role("button", name="More", exact=True).click()
            page.get_by_label("Steps").fill("80")  # or a quick machine is done before it is looked at
            page.get_by_role("button", name="More", exact=True).click()
            page.get_by_label("What should be drawn?").fill(LAST)
            page.keyboard.press("Enter")
            page.wait_for_selector(".preview img:not([hidden])", timeout=WAIT_MS)
            page.wait_for_function("() => document.querySelector('progress')?.value > 0.8", timeout=WAIT_MS)
            page.screenshot(path=folder / "studio.png")
            page.wait_for_selector(".unfinished", state="detached", timeout=WAIT_MS)
        with opened(browser, url, **DESKTOP, color_scheme="dark") as page:
            loaded(page)
            page.locator(".like").nth(2).click()
            page.locator(".tile").nth(2).click()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=folder / "studio-dark.png")
        for scheme, name in (("light", "studio-phone-light.png"), ("dark", "studio-phone.png")):
            with opened(browser, url, **PHONE, color_scheme=scheme, has_touch=True, is_mobile=True) as page:
                loaded(page)
                page.screenshot(path=folder / name)


def main() -> None:
    with tempfile.TemporaryDirectory() as home, easel_up(Path(home) / "data") as stack:
        for seed, prompt in enumerate(DRAWN, start=7):
            stack.finish(stack.post(prompt=prompt, seed=seed)["id"])
        take(str(stack.http.base_url), ROOT / "docs")
        stack.stop()
    for name in NAMES:
        with Image.open(ROOT / "docs" / name) as image:
            image.convert("RGB").quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(
                ROOT / "docs" / name, optimize=True
            )


if __name__ == "__main__":
    main()
