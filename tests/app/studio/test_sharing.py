"""Sharing a picture from the page, taking it back, and what the page tells of the server; at both widths."""

from __future__ import annotations

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from core.keys import KeyPolicy, Scope
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, wait_for_form
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium


def wrong(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than the window."""
    page.emulate_media(reduced_motion="reduce")
    found = Axe().run(page).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [
        *(f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]),
        *(["wider than the window"] if wide else []),
    ]


def share(page: Page) -> None:
    page.get_by_role("button", name="Share…").click()
    expect(page.get_by_role("dialog", name="Share this picture")).to_be_visible()


def test_an_address_is_made_copied_and_taken_back(studio: Page, worker: FakeWorker, server: str) -> None:
    # Given a picture
    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox", exact=True).first.click()
    share(studio)
    expect(studio.get_by_label("public gallery")).to_be_hidden()
    expect(studio.get_by_text("This one is removed on")).to_be_visible()

    # When an address is made, by keyboard, and copied
    studio.get_by_role("button", name="Make an address").press("Enter")
    expect(studio.get_by_role("button", name="Copy", exact=True)).to_be_focused()
    studio.keyboard.press("Enter")
    expect(studio.get_by_text("Copied.")).to_be_visible()
    address = studio.evaluate("navigator.clipboard.readText()")

    # Then it shows the picture to whoever has it
    assert address.startswith(f"{server}/s/")
    assert "a fox" in httpx.get(address).text
    studio.keyboard.press("Escape")
    share(studio)
    expect(studio.get_by_label("Its address")).to_have_value(address)

    # until it is withdrawn
    studio.get_by_role("button", name="Withdraw", exact=True).click()
    expect(studio.get_by_text("Withdrawn:")).to_be_visible()
    assert httpx.get(address).status_code == 404
    expect(studio.get_by_role("button", name="Make an address")).to_be_focused()


def test_what_is_shared_is_listed_and_withdrawn_there(studio: Page, worker: FakeWorker, server: str) -> None:
    with httpx.Client(base_url=server) as http:
        for _ in range(2):
            job = http.post("/v1/generations", json={"prompt": "a fox"}).json()
            worker.draw_next()
            made = http.post("/v1/shares", json={"generation": job["id"]}).json()
        studio.get_by_role("button", name="Shared").click()
        links = studio.get_by_role("dialog", name="What you share").get_by_role("link")
        expect(links).to_have_count(2)
        expect(links.first).to_have_attribute("href", made["url"])
        studio.get_by_role("button", name="Withdraw what was shared").first.click()
        expect(links).to_have_count(1)
        assert http.get(made["url"]).status_code == 404


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_dialogs_are_right(
    browser: Browser, settings: Settings, worker: FakeWorker, size: dict[str, int], scheme: str
) -> None:
    worker.announce(models=("mini",))
    changed = settings.model_copy(update={"public_gallery": True})
    with serving(changed) as url, opened(browser, url, **size, color_scheme=scheme) as page:
        wait_for_form(page)
        draw(page, worker, "a fox")
        page.get_by_role("button", name="a fox", exact=True).first.click()
        share(page)
        page.get_by_label("public gallery").check()
        page.get_by_role("button", name="Make an address").click()
        expect(page.get_by_label("Its address")).to_be_visible()
        page.get_by_text("All that you share").click()
        assert wrong(page) == []
        with httpx.Client(base_url=url) as http:
            assert len(http.get("/v1/gallery").json()["data"]) == 1
            page.get_by_label("public gallery").uncheck()
            expect(page.get_by_text("It is in the gallery no more.")).to_be_visible()
            assert http.get("/v1/gallery").json()["data"] == []
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")

        page.get_by_role("button", name="Server").click()
        expect(page.get_by_role("dialog", name="Server")).to_contain_text("1 worker for 1 at once")
        assert wrong(page) == []


def test_a_key_sees_its_limits_and_only_an_admin_the_others(
    browser: Browser, server: str, redis: Redis, worker: FakeWorker
) -> None:
    keys = KeyStore(redis)
    alice = keys.create(KeyPolicy(name="alice", max_queued=3))
    admin = keys.create(KeyPolicy(name="owner", scopes=(Scope.ADMIN, Scope.READ, Scope.GENERATE)))
    httpx.post(
        f"{server}/v1/generations", json={"prompt": "x"}, headers={"Authorization": f"Bearer {alice.text}"}
    ).raise_for_status()
    for issued, is_admin in ((alice, False), (admin, True)):
        with opened(browser, server) as page:
            page.get_by_label("API key").fill(issued.text)
            page.get_by_role("button", name="Sign in").last.click()
            wait_for_form(page)
            page.get_by_role("button", name="Server").click()
            dialog = page.get_by_role("dialog", name="Server")
            if is_admin:
                expect(dialog.get_by_role("rowheader")).to_contain_text(f"alice ({alice.key.id})")
                expect(dialog).to_contain_text("No worker lives")
            else:
                expect(dialog).to_contain_text("1 of 3")
                expect(dialog.get_by_role("table")).to_be_hidden()
