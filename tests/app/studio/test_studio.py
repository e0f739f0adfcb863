"""The page in Chromium, step by step: what a person does, sees, and can do without a mouse."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import SecretStr
from redis import Redis

from core.settings import Settings
from core.store import Preview, Previews
from tests.app.conftest import KEY, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, scroll_through, told, wait_for_form, wait_for_route
from tests.browser import PHONE, needs_chromium, opened

pytestmark = needs_chromium


def test_enter_draws_and_the_progress_is_seen(studio: Page, worker: FakeWorker) -> None:
    # Given the page with the prompt in focus
    expect(studio.get_by_label("What should be drawn?")).to_be_focused()
    # When a prompt is typed and Enter pressed
    ask(studio, "a red apple")
    # Then its place in the queue is said, then its steps, then the picture is there
    card = studio.locator(".unfinished")
    expect(card).to_contain_text("Next in line")
    claim = worker.claim()
    worker.step(claim, 5, 20)
    expect(card).to_contain_text("Step 5 of 20")
    assert studio.get_by_role("progressbar").evaluate("bar => bar.value") == 0.25
    worker.finish(claim)
    picture = studio.get_by_role("img", name="a red apple")
    expect(picture).to_be_visible()
    studio.wait_for_function("() => document.querySelector('.tile img').naturalWidth === 256")
    expect(studio.get_by_role("status").first).to_contain_text("Done in")
    expect(card).to_have_count(0)


def test_a_preview_is_shown_while_it_is_drawn(studio: Page, worker: FakeWorker, redis: Redis) -> None:
    ask(studio, "a cat")
    claim = worker.claim()
    worker.step(claim, 5, 20)
    picture = studio.evaluate(
        "() => { const c = document.createElement('canvas'); return c.toDataURL('image/jpeg').split(',')[1]; }"
    )
    Previews(redis).show(claim.job.id, Preview(jpeg=base64.b64decode(picture), step=5, steps=20))

    expect(studio.locator(".preview img")).to_be_visible()


def test_cancel(studio: Page, worker: FakeWorker) -> None:
    # Given one job that is drawn and one that waits behind it
    ask(studio, "a castle")
    claim = worker.claim()
    worker.step(claim, 1, 20)
    ask(studio, "a moat")
    # When both are canceled
    studio.get_by_role("button", name="Cancel: a moat").click()
    expect(studio.locator(".canceled")).to_contain_text("a moat")
    studio.get_by_role("button", name="Cancel: a castle").click()
    expect(studio.locator(".unfinished")).to_contain_text("Stopping")
    worker.cancel(claim)
    # Then both say so, and a new visit does not show them
    expect(studio.locator(".canceled")).to_have_count(2)
    studio.reload()
    expect(studio.get_by_text("Nothing here yet.")).to_be_visible()


def test_a_failure_says_why_and_can_be_dismissed(studio: Page, worker: FakeWorker) -> None:
    ask(studio, "a universe")
    worker.fail(worker.claim())
    expect(studio.locator(".failed")).to_contain_text("the picture does not fit the device")

    studio.get_by_role("button", name="Dismiss").click()

    expect(studio.locator(".failed")).to_have_count(0)
    expect(studio.get_by_label("What should be drawn?")).to_be_focused()


def test_every_field_reaches_the_server(studio: Page, worker: FakeWorker) -> None:
    # Given the fields behind 'More', bounded by the model
    studio.get_by_text("More", exact=True).click()
    expect(studio.get_by_label("Model")).to_have_value("mini")
    expect(studio.get_by_label("Scheduler")).to_have_value("euler")
    # When they are filled in
    for label, value in {"Steps": "7", "Guidance": "2.5"}.items():
        studio.get_by_label(label, exact=True).fill(value)
    studio.get_by_label("Pictures", exact=True).select_option("3")
    studio.get_by_label("Seed").fill("41")
    studio.get_by_label("Keep out").fill("blurry")
    studio.get_by_label("Scheduler").select_option("heun")
    studio.get_by_role("button", name="Size").click()
    expect(studio.get_by_label("Width", exact=True)).to_have_attribute("max", "384")
    studio.get_by_label("Width", exact=True).fill("128")
    studio.get_by_label("Height", exact=True).fill("192")
    ask(studio, "a dog")
    # Then the job asks for just that
    request = worker.claim().job.request
    asked = told(request)
    assert (asked["width"], asked["height"], asked["num_inference_steps"], asked["guidance_scale"]) == (
        128,
        192,
        7,
        2.5,
    )
    assert (request.seeds, asked["negative_prompt"], asked["scheduler"]) == ((41, 42, 43), "blurry", "heun")


def test_another_model_has_other_fields(studio: Page) -> None:
    studio.get_by_text("More", exact=True).click()

    studio.get_by_label("Model").select_option("flux-tiny")

    expect(studio.get_by_label("Width", exact=True)).to_have_value("512")
    expect(studio.get_by_label("Scheduler")).to_have_value("flow-match-euler")
    expect(studio.get_by_label("Keep out")).to_be_hidden()


def test_a_wrong_field_opens_what_it_is_in(studio: Page) -> None:
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("Steps").fill("1000")
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("What should be drawn?").fill("a dog")
    studio.keyboard.press("Enter")

    expect(studio.get_by_label("Steps")).to_be_visible()
    assert studio.locator("#gallery > li").count() == 0


def test_who_types_before_the_models_are_there_waits_for_them(browser: Browser, server: str) -> None:
    # Given a server that is slow to say what it can draw
    with opened(browser, "about:blank") as page:
        held: list[Route] = []
        page.route("**/v1/models", lambda route: held.append(route))
        page.goto(server)
        # When a prompt is sent at once
        page.get_by_label("What should be drawn?").fill("a dog")
        page.keyboard.press("Enter")
        request = wait_for_route(page, held)
        page.wait_for_timeout(200)
        expect(page.locator(".unfinished")).to_have_count(0)
        # Then it is drawn as soon as the server has answered
        request.continue_()
        expect(page.locator(".unfinished")).to_contain_text("a dog")


def test_shift_enter_is_a_new_line(studio: Page) -> None:
    studio.get_by_label("What should be drawn?").fill("a dog")
    studio.keyboard.press("Shift+Enter")
    studio.keyboard.type("and a cat")

    expect(studio.get_by_label("What should be drawn?")).to_have_value("a dog\nand a cat")


def test_the_gallery_goes_on_to_the_oldest(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given more pictures than a page of the list
    for i in range(45):
        studio.request.post(f"{server}/v1/generations", data={"prompt": f"number {i}"})
        worker.finish(worker.claim())
    # When the page is opened anew and scrolled
    studio.reload()
    expect(studio.locator(".picture img").first).to_have_attribute("alt", "number 44")
    # Then each is there once, newest first
    assert scroll_through(studio, pictures=45) == [f"number {i}" for i in reversed(range(45))]


def test_a_visit_finds_what_is_still_drawn(studio: Page, worker: FakeWorker) -> None:
    ask(studio, "a tower")
    studio.reload()
    expect(studio.locator(".unfinished")).to_contain_text("a tower")

    worker.finish(worker.claim())

    expect(studio.get_by_role("button", name="a tower")).to_be_visible()


def test_a_phone_is_wide_enough(browser: Browser, server: str, worker: FakeWorker) -> None:
    with opened(browser, server, **PHONE, has_touch=True, is_mobile=True) as page:
        draw(page, worker, "a very-long-word-" + "x" * 80)
        ask(page, "another")
        page.get_by_text("More", exact=True).click()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator(".tile").click()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
        box = page.get_by_role("button", name="Close").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser: Browser, server: str, scheme: str) -> None:
    with opened(browser, server, color_scheme=scheme) as page:
        colours = page.evaluate(
            "() => { const s = getComputedStyle(document.documentElement);"
            " return Object.fromEntries(['paper', 'sheet', 'ink', 'faint', 'accent', 'on-accent', 'wrong']"
            ".map(name => [name, s.getPropertyValue('--' + name).trim()])); }"
        )
    for ink in ("ink", "faint", "wrong"):
        for ground in ("paper", "sheet"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["accent"], colours["paper"]) >= 3  # the ring around what has the focus


def contrast(one: str, other: str) -> float:
    """As WCAG 2 reckons it."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_signing_in(browser: Browser, settings: Settings, worker: FakeWorker) -> None:
    with serving(settings.model_copy(update={"api_keys": (SecretStr(KEY),)})) as url, opened(browser, url) as page:
        # Given a server with keys, which asks for one
        dialog = page.get_by_role("dialog", name="Sign in")
        dialog.get_by_label("API key").fill("wrong" * 8)
        page.keyboard.press("Enter")
        expect(page.get_by_text("does not know this key")).to_be_visible()
        # When the right one is given, then pictures come, as only a request with the key may fetch them
        dialog.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        draw(page, worker, "a lock")
        page.wait_for_function("() => document.querySelector('.tile img').naturalWidth === 256")
        page.reload()
        expect(page.get_by_role("button", name="a lock", exact=True)).to_be_visible()
        # and in another tab nobody asks again
        other = page.context.new_page()
        other.goto(url)
        expect(other.get_by_role("button", name="a lock", exact=True)).to_be_visible()
        # and signed out, nothing is shown, there neither, and nothing of what was typed is left
        page.get_by_role("button", name="Sign out").click()
        for tab in (page, other):
            expect(tab.get_by_role("dialog", name="Sign in")).to_be_visible()
            expect(tab.locator(".picture")).to_have_count(0)
        assert page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]


def test_a_style_is_chosen(browser: Browser, settings: Settings) -> None:
    # Given a model with styles
    text = settings.catalog.read_text(encoding="utf-8")
    settings.catalog.write_text(text.replace("[mini]", '[mini]\nstyles = { flat = "a flat icon of {prompt}" }'))
    with serving(settings) as url, opened(browser, url) as page:
        # When one is chosen
        wait_for_form(page)
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_label("Style").select_option("flat")
        page.get_by_label("What should be drawn?").fill("a $& fox")
        page.keyboard.press("Enter")

        # Then it is asked for
        expect(page.locator(".unfinished").first).to_contain_text("a flat icon of a $& fox")
