"""What every test of the page begins with: a prompt, and a picture of it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.app.fake_worker import FakeWorker


def ask(page: Page, prompt: str) -> None:
    page.get_by_label("What should be drawn?").fill(prompt)
    page.keyboard.press("Enter")
    expect(page.locator(".unfinished").first).to_contain_text(prompt)


def draw(page: Page, worker: FakeWorker, prompt: str) -> None:
    ask(page, prompt)
    worker.finish(worker.claim())
    expect(page.get_by_role("button", name=prompt, exact=True).first).to_be_visible()
