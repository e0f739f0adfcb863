"""Cards and the gallery when things go wrong, go on, or are many."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, Route, expect

from core.settings import Settings
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, scroll_through, wait_for_route
from tests.browser import PHONE, needs_chromium, opened

pytestmark = needs_chromium

RIGHT_TO_LEFT = "تفاحة حمراء 🍎"


def test_what_came_to_nothing_is_tried_again(studio: Page, worker: FakeWorker) -> None:
    # Given a job that failed
    ask(studio, "a universe")
    first = worker.claim()
    worker.fail(first)
    # When it is tried again
    studio.get_by_role("button", name="Try again").click()
    # Then it is the same job anew, in place of the old one
    expect(studio.locator(".unfinished")).to_contain_text("a universe")
    expect(studio.locator(".failed")).to_have_count(0)
    again = worker.claim()
    assert again.job.id != first.job.id
    assert again.job.request == first.job.request


def test_a_prompt_for_a_server_that_is_away_is_not_lost(studio: Page, worker: FakeWorker) -> None:
    studio.route("**/v1/generations", lambda route: route.abort())
    studio.get_by_label("What should be drawn?").fill("a tower")
    studio.keyboard.press("Enter")
    expect(studio.get_by_role("status").first).to_contain_text("The server does not answer.")
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a tower")

    studio.unroute("**/v1/generations")
    studio.keyboard.press("Enter")

    expect(studio.locator(".unfinished")).to_contain_text("a tower")


def test_a_list_that_does_not_come_is_asked_for_again(browser: Browser, server: str, worker: FakeWorker) -> None:
    with opened(browser, server) as page:
        draw(page, worker, "a fox")
        # Given a server that fails to list the pictures
        failing: list[Route] = []

        def fail(route: Route) -> None:
            failing.append(route)
            route.fulfill(status=503, json={"error": {"message": "Redis is away"}})

        page.route("**/v1/generations?*", fail)
        page.reload()
        expect(page.locator("#gallery-end")).to_have_text("Redis is away")
        # Then it is not asked on and on, nor is the gallery said to be empty
        expect(page.locator("#loading")).to_be_hidden()
        expect(page.locator("#empty")).to_be_hidden()
        page.wait_for_timeout(500)
        assert len(failing) <= 2  # the second one once the stream is open, for what may have been missed
        # When it works again
        page.unroute("**/v1/generations?*")
        page.get_by_role("button", name="Try again").click()
        # Then they are there
        expect(page.get_by_role("button", name="a fox", exact=True)).to_be_visible()
        expect(page.locator("#gallery-end")).to_have_text("")


def test_while_the_list_comes_its_places_are_shown(browser: Browser, server: str) -> None:
    with opened(browser, "about:blank") as page:
        held: list[Route] = []
        page.route("**/v1/generations?*", lambda route: held.append(route))
        page.goto(server)
        expect(page.locator("#loading")).to_be_visible()
        expect(page.locator("#empty")).to_be_hidden()
        wait_for_route(page, held)
        page.unroute("**/v1/generations?*")  # which lets go what is held

        expect(page.locator("#loading")).to_be_hidden()
        expect(page.locator("#empty")).to_be_visible()


def test_from_picture_to_picture_by_mouse_and_to_the_next_after_a_delete(studio: Page, worker: FakeWorker) -> None:
    # Given three pictures, the middle one shown
    for prompt in ("a fox", "a hen", "a cow"):
        draw(studio, worker, prompt)
    studio.get_by_role("button", name="a hen", exact=True).click()
    # When one goes on and back by the buttons
    studio.get_by_role("button", name="Older picture").click()
    expect(studio.get_by_role("heading", name="a fox")).to_be_focused()
    # Then there is no older one than the oldest
    expect(studio.get_by_role("button", name="Older picture")).to_be_hidden()
    studio.get_by_role("button", name="Newer picture").click()
    expect(studio.get_by_role("heading", name="a hen")).to_be_focused()
    # and after a delete the focus is beside what is gone
    studio.get_by_role("button", name="Delete", exact=True).click()
    studio.get_by_role("button", name="Really delete?").click()
    expect(studio.get_by_role("button", name="a fox", exact=True)).to_be_focused()


def test_strokes_are_taken_back(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a house")
    studio.get_by_role("button", name="a house", exact=True).click()
    studio.get_by_role("button", name="Edit").click()
    painter = studio.get_by_role("dialog", name="Paint over")
    expect(painter).to_be_visible()
    picture = "() => document.getElementById('paint').toDataURL()"
    untouched = studio.evaluate(picture)
    painter.get_by_role("button", name="Paint the middle").click()
    painted = studio.evaluate(picture)
    painter.locator("#paint").click(position={"x": 10, "y": 10})
    assert len({untouched, painted, studio.evaluate(picture)}) == 3

    painter.get_by_role("button", name="Undo").click()
    assert studio.evaluate(picture) == painted
    painter.get_by_role("button", name="Undo").click()
    assert studio.evaluate(picture) == untouched


def test_long_words_and_other_scripts_keep_their_place(browser: Browser, server: str, worker: FakeWorker) -> None:
    with opened(browser, server, **PHONE) as page:
        # Given a prompt as long as they may be, and one from right to left
        draw(page, worker, "endless " * 249)
        draw(page, worker, RIGHT_TO_LEFT)
        assert (
            page.get_by_label("What should be drawn?").evaluate("field => getComputedStyle(field).direction") == "rtl"
        )
        # When they are looked at, then each is read in its own direction, and nothing is wider than the phone
        page.get_by_role("button", name=RIGHT_TO_LEFT, exact=True).click()
        title = page.get_by_role("heading", name=RIGHT_TO_LEFT)
        assert title.evaluate("heading => getComputedStyle(heading).direction") == "rtl"
        page.keyboard.press("ArrowRight")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
        # and the buttons are not pushed out of reach by the words
        viewer = page.get_by_role("dialog")
        viewer.get_by_role("button", name="Again").scroll_into_view_if_needed()
        expect(viewer.get_by_role("button", name="Again")).to_be_in_viewport()


def test_two_hundred_pictures(browser: Browser, settings: Settings, worker: FakeWorker) -> None:
    with serving(settings) as url, opened(browser, url) as page:
        # Given two hundred pictures
        for i in range(50):
            page.request.post(f"{url}/v1/generations", data={"prompt": f"number {i}", "n": 4})
            worker.finish(worker.claim())
        page.reload()
        # When one scrolls until the end comes
        expect(page.locator(".picture").first).to_be_visible()
        names = scroll_through(page, pictures=200)
        # Then each has been there, in its place, and few are at once
        assert names == [f"number {i}" for i in reversed(range(50)) for _ in range(4)]
        assert page.locator(".picture").count() < 100
        expect(page.locator("#gallery-end")).to_have_text("")


def test_everything_is_reached_by_keyboard_in_the_order_of_the_eye(studio: Page, worker: FakeWorker) -> None:
    # Given a picture and a job that waits
    draw(studio, worker, "a fox")
    ask(studio, "a hen")
    studio.get_by_label("What should be drawn?").focus()
    # When one goes on with Tab
    names = []
    for _ in range(11):
        studio.keyboard.press("Tab")
        names.append(
            studio.evaluate(
                "() => { const e = document.activeElement; return e.id || e.tagName + ' ' + e.textContent; }"
            )
        )
    # Then nothing is left out
    composer = ["draw", "model", "aspect-button", "n", "words-button", "more-button"]
    assert names == [*composer, "search", "favourites", "select", "BUTTON Cancel", "BUTTON "]
