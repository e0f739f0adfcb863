"""What is made of a finished picture with one press: the buttons under it and in its dialog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.settings import Settings
from tests.app.api.test_transformed_children import NETWORKS
from tests.app.conftest import MODELS
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, told, wait_for_form
from tests.app.studio.test_accessibility import violations
from tests.browser import PHONE, needs_chromium, opened

pytestmark = needs_chromium

ACTIONS = ["Upscale", "Vary subtle", "Vary strong", "Again"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A catalogue with networks."""
    Path(settings.catalog).write_text(MODELS + NETWORKS)
    return settings


@pytest.fixture(params=["card", "dialog"])
def buttons(studio: Page, worker: FakeWorker, request: pytest.FixtureRequest) -> Iterator[Locator]:
    """Those of a picture, in the gallery or in its dialog."""
    draw(studio, worker, "a fox")
    if request.param == "card":
        yield studio.get_by_role("toolbar", name="a fox")
        return
    studio.get_by_role("button", name="a fox", exact=True).click()
    yield studio.get_by_role("dialog", name="a fox")


@pytest.mark.parametrize(
    ("name", "task", "strength"),
    [
        ("Upscale", "upscale", None),
        ("Vary subtle", "image-to-image", 0.35),
        ("Vary strong", "image-to-image", 0.7),
        ("Again", "text-to-image", None),
    ],
)
def test_one_press_is_a_job(
    studio: Page, worker: FakeWorker, buttons: Locator, name: str, task: str, strength: float | None
) -> None:
    # When a button under a picture is pressed
    buttons.get_by_role("button", name=name).click()
    # Then a job of its kind is under way, and in the gallery like any other
    card = studio.locator(".unfinished")
    expect(card).to_contain_text("2× larger" if task == "upscale" else "a fox")
    claim = worker.claim()
    request = claim.job.request
    assert (request.task, told(request).get("strength")) == (task, strength)
    # and its picture tells where it came from
    worker.finish(claim)
    expect(studio.locator(".picture")).to_have_count(2)
    newest = studio.locator(".picture").first
    expect(newest.get_by_role("toolbar", name="a fox, 2× larger" if task == "upscale" else "a fox")).to_be_visible()
    newest.locator(".tile").click()
    parent = studio.get_by_role("dialog").get_by_role("button", name="a fox", exact=True)
    expect(parent).to_be_visible(visible=bool(request.parents))


def test_the_toolbar_is_one_stop_of_the_keyboard(studio: Page, worker: FakeWorker) -> None:
    def focused() -> str:
        return str(studio.evaluate("() => document.activeElement.textContent"))

    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox", exact=True).focus()
    # When one goes on with Tab, then to the first of the buttons, and with the arrows through all of them
    studio.keyboard.press("Tab")
    seen = [focused()]
    for _ in ACTIONS[1:]:
        studio.keyboard.press("ArrowRight")
        seen.append(focused())
    assert seen == ACTIONS
    studio.keyboard.press("ArrowRight")
    assert focused() == ACTIONS[0]
    studio.keyboard.press("End")
    # and Enter presses the one that has the focus
    studio.keyboard.press("Enter")
    expect(studio.locator(".unfinished")).to_be_visible()
    assert worker.claim().job.request.task == "text-to-image"


def test_models_that_draw_nothing_are_not_offered(studio: Page) -> None:
    assert studio.get_by_label("Model").locator("option").all_inner_texts() == ["mini", "flux-tiny"]


def test_what_a_network_made_is_shown_as_what_it_is(browser: Browser, server: str, worker: FakeWorker) -> None:
    with opened(browser, server, **PHONE) as page:
        # Given a picture, cut out, enlarged and described
        draw(page, worker, "a fox")
        job = page.request.get(f"{server}/v1/generations").json()["data"][0]["id"]
        for action in ("remove-background", "upscale", "describe"):
            made = page.request.post(f"{server}/v1/generations/{job}/outputs/0/{action}", data={})
            assert made.status == 202, made.text()
            worker.finish(worker.claim())
        page.reload()
        wait_for_form(page)
        # Then each is called after what it was made from, and transparency is seen
        expect(page.get_by_role("button", name="a fox, 2× larger", exact=True)).to_be_visible()
        cut = page.get_by_role("button", name="a fox, cut out", exact=True)
        assert "conic-gradient" in cut.locator("img").evaluate("img => getComputedStyle(img).backgroundImage")
        # and the dialog offers what can be done with it
        cut.click()
        viewer = page.get_by_role("dialog", name="a fox, cut out")
        expect(viewer.get_by_role("button", name="Vary subtle")).to_be_visible()
        for name in ("Again", "Edit", "Use recipe"):
            expect(viewer.get_by_role("button", name=name)).to_be_hidden()
        assert violations(page) == []
        page.keyboard.press("Escape")
        # and words are no broken picture: each becomes the prompt
        expect(page.locator(".picture")).to_have_count(3)
        assert violations(page) == []
        page.get_by_role("button", name="words 2").click()
        expect(page.get_by_label("What should be drawn?")).to_have_value("words 2")


def test_a_refusal_is_said(studio: Page, worker: FakeWorker, server: str) -> None:
    # Given a picture that is gone meanwhile
    draw(studio, worker, "a fox")
    job = studio.request.get(f"{server}/v1/generations").json()["data"][0]["id"]
    assert studio.request.delete(f"{server}/v1/generations/{job}").status == 204

    studio.get_by_role("button", name="Vary strong").click()

    expect(studio.locator("#status")).to_contain_text("there is no such generation")
