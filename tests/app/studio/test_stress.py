"""When things run out or go away: the page says what, and what to do, and keeps what was typed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from core.key_names import names_of
from core.keys import KeyPolicy
from core.settings import Settings
from core.store import JobStore, KeyStore
from core.store.limits import Limits
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, wait_for_form
from tests.app.studio.test_drop import bring
from tests.browser import needs_chromium, opened
from tests.full_disk import SmallDisk, small_disk
from tests.ports import free_port

pytestmark = needs_chromium

PROMPT = "What should be drawn?"


def send(page: Page, prompt: str) -> None:
    page.get_by_label(PROMPT).fill(prompt)
    page.keyboard.press("Enter")


def test_the_server_goes_away_and_comes_back(browser: Browser, settings: Settings, worker: FakeWorker) -> None:
    # Given a page with a job that is drawn
    port = free_port()
    with serving(settings, port) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        wait_for_form(page)
        ask(page, "a tower")
        claim = worker.claim()
        worker.step(claim, 5, 20)
        expect(page.locator(".unfinished")).to_contain_text("Step 5 of 20")
    # When the server is stopped, then the page says so by itself
    expect(page.locator("#away")).to_contain_text("The server does not answer")
    # and what is asked for then is kept
    send(page, "a bridge")
    expect(page.locator("#status")).to_contain_text("What you typed is kept")
    expect(page.get_by_label(PROMPT)).to_have_value("a bridge")
    # and when it is back, which the page finds out by itself, the picture is there, and the prompt goes through
    worker.finish(claim)
    with serving(settings, port):
        expect(page.locator("#away")).to_be_hidden(timeout=20_000)
        expect(page.get_by_role("button", name="a tower", exact=True)).to_be_visible()
        page.get_by_label(PROMPT).press("Enter")
        expect(page.locator(".unfinished")).to_contain_text("a bridge")
        context.close()


def test_a_key_is_revoked_while_the_page_is_open(
    browser: Browser, settings: Settings, redis: Redis, worker: FakeWorker
) -> None:
    keys = KeyStore(redis)
    old, new = (keys.create(KeyPolicy(name=name)) for name in ("old", "new"))
    with serving(settings) as url, opened(browser, url) as page:
        # Given somebody who is signed in and has typed something
        dialog = page.get_by_role("dialog", name="Sign in")
        dialog.get_by_label("API key").fill(old.text)
        page.keyboard.press("Enter")
        draw(page, worker, "a fox")
        page.get_by_label(PROMPT).fill("a long story")
        # When the key is revoked
        keys.revoke(old.key.id)
        # Then the page asks for another by itself, or as soon as something is asked for
        page.get_by_label(PROMPT).press("Enter")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("does not know this key")
        dialog.get_by_label("API key").fill(new.text)
        page.keyboard.press("Enter")
        # and with it goes on with what was typed
        expect(page.get_by_label(PROMPT)).to_have_value("a long story")
        expect(page.locator(".unfinished")).to_contain_text("a long story")


def test_the_line_is_full(browser: Browser, settings: Settings) -> None:
    few = settings.model_copy(update={"max_queued_per_key": 1})
    with serving(few) as url, opened(browser, url) as page:
        ask(page, "a fox")

        send(page, "a hen")

        expect(page.locator("#status")).to_contain_text("waiting")
        expect(page.locator("#status")).to_contain_text("Try again in")
        expect(page.get_by_label(PROMPT)).to_have_value("a hen")
        expect(page.locator(".unfinished")).to_have_count(1)


def test_a_worker_dies(studio: Page, worker: FakeWorker, redis: Redis) -> None:
    # Given a job that is drawn by a worker that is killed
    ask(studio, "a fox")
    claim = worker.claim()
    worker.step(claim, 5, 20)
    expect(studio.locator(".unfinished")).to_contain_text("Step 5 of 20")
    # When its lease is over and taken from it, as the keeper does
    redis.zadd(names_of(redis)("leases"), {claim.job.id: 1})
    assert JobStore(redis, Limits()).reap().requeued == (claim.job.id,)
    # Then the card waits again, and is drawn by the next
    expect(studio.locator(".unfinished")).to_contain_text("Next in line")
    worker.finish(worker.claim())
    expect(studio.get_by_role("button", name="a fox", exact=True)).to_be_visible()


def test_no_worker_is_there(studio: Page) -> None:
    expect(studio.locator("#status")).to_contain_text("no living worker serves")


@pytest.fixture
def disk(settings: Settings) -> Iterator[SmallDisk]:
    with small_disk(Path(settings.results_location.removeprefix("file://"))) as disk:
        yield disk


def test_the_disk_is_full(browser: Browser, settings: Settings, disk: SmallDisk) -> None:
    file = io.BytesIO()
    Image.effect_noise((256, 256), 90).convert("RGB").save(file, "PNG")
    with serving(settings) as url, opened(browser, url) as page:
        wait_for_form(page)
        page.get_by_label(PROMPT).fill("a night sky")
        # Given a picture to start from, and no room for the copy that its job would have
        bring(page, file.getvalue())
        page.get_by_role("button", name="Start from it").click()
        disk.fill()
        # When it is asked for
        page.get_by_label(PROMPT).press("Enter")
        # Then the page says what is wrong and what helps, and nothing is lost
        expect(page.locator("#status")).to_contain_text("no room for files left: delete pictures")
        expect(page.get_by_label(PROMPT)).to_have_value("a night sky")
        expect(page.get_by_text("Drawn over this picture.")).to_be_visible()
        # and with room again it is drawn
        disk.empty()
        page.get_by_label(PROMPT).press("Enter")
        expect(page.locator(".unfinished")).to_contain_text("a night sky")


def test_a_refusal_is_seen_before_an_open_dialog(studio: Page, worker: FakeWorker) -> None:
    # Given a picture that is open
    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox", exact=True).click()
    dialog = studio.get_by_role("dialog", name="a fox")
    studio.route("**/lineage", lambda route: route.fulfill(status=503, json={"error": {"message": "Redis is away"}}))

    dialog.get_by_role("button", name="Family").click()

    expect(dialog.locator(".told")).to_have_text("Redis is away")
    dialog.get_by_role("button", name="Close").click()
    expect(studio.locator(".told")).to_have_count(0)
