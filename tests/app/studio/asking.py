"""What tests of the page begin with: a form that is filled, a prompt, a picture of it, and waits for the page's own."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route, expect

from app.studio.pages import VERSION
from core.jobs import GenerationRequest
from tests.app.fake_worker import FakeWorker


def versioned(script: str) -> str:
    """`script`, with the page's own modules for those that it imports from STUDIO."""
    return script.replace("STUDIO/", f"/studio/{VERSION}/")


def told(request: GenerationRequest) -> dict[str, Any]:
    """The parameters of a job."""
    return request.parameters.model_dump()


def wait_for_form(page: Page) -> None:
    """Until it shows what the server said of its models: what is typed before may be overwritten."""
    expect(page.locator("#aspects input")).not_to_have_count(0)


def wait_for_route(page: Page, held: list[Route]) -> Route:
    """The first request that a test's route has caught."""
    while not held:
        page.wait_for_timeout(20)
    return held[0]


def scroll_through(page: Page, pictures: int) -> list[str]:
    """To the end of a gallery of so many; it may come in slowly. Answers their words, in the order of their places."""
    seen: dict[int, str] = {}
    for _ in range(300):
        found = page.locator(".picture").evaluate_all(
            "all => all.map(card => [Number(card.ariaPosInSet), card.querySelector('img').alt])"
        )
        seen.update(dict(found))
        if len(seen) == pictures:
            break
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(60)
    return [seen[place] for place in sorted(seen)]


def ask(page: Page, prompt: str) -> None:
    page.get_by_label("What should be drawn?").fill(prompt)
    page.keyboard.press("Enter")
    expect(page.locator(".unfinished").first).to_contain_text(prompt)


def draw(page: Page, worker: FakeWorker, prompt: str) -> None:
    ask(page, prompt)
    worker.finish(worker.claim())
    expect(page.get_by_role("button", name=prompt, exact=True).first).to_be_visible()
