"""Words that make several jobs: counted while they are typed, asked about before they are many."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from core.settings import Settings
from tests.app.conftest import MODELS, serving
from tests.app.studio.asking import wait_for_form
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium

PROMPT = "What should be drawn?"


def test_the_count_is_told_and_many_are_asked_about(studio: Page) -> None:
    # Given a prompt of twelve combinations
    studio.locator("#syntax").evaluate("box => { box.checked = true; }")
    studio.get_by_label(PROMPT).fill("a {red, blue, green} {fox, hen} {in snow, at sea}")
    expect(studio.locator("#plan-said")).to_have_text(" Makes 12 jobs, 12 pictures.")
    # When it is sent, then it is asked about first
    studio.keyboard.press("Enter")
    dialog = studio.get_by_role("dialog", name="Draw 12 pictures?")
    expect(dialog).to_contain_text("a red fox in snow")
    expect(dialog).to_contain_text("and 2 more")
    # and if it is not meant, nothing is drawn and nothing is lost
    dialog.get_by_role("button", name="Cancel").click()
    expect(studio.locator("#status")).to_have_text("")
    expect(studio.locator(".unfinished")).to_have_count(0)
    expect(studio.get_by_label(PROMPT)).to_be_focused()
    # and if it is, all of them are
    studio.keyboard.press("Enter")
    dialog.get_by_role("button", name="Draw 12").click()
    expect(studio.locator("#status")).to_contain_text("12 jobs")


def test_wildcards_are_offered_and_each_picture_has_its_own(browser: Browser, settings: Settings) -> None:
    # Given a server with a wildcard
    settings.catalog.write_text(f'{MODELS}\n[wildcards]\nanimal = ["fox", "hen", "owl", "cow"]\n')
    with serving(settings) as url, opened(browser, url) as page:
        wait_for_form(page)
        page.get_by_label(PROMPT).fill("a small")
        page.get_by_role("button", name="Words").click()
        # When it is put into the prompt, and four pictures are asked for
        page.get_by_role("button", name="__animal__").click()
        expect(page.get_by_label(PROMPT)).to_have_value("a small __animal__")
        page.get_by_label("Pictures", exact=True).select_option("4")
        expect(page.locator("#plan-said")).to_have_text(" Makes 4 jobs, 4 pictures.")
        page.get_by_label(PROMPT).press("Enter")
        # Then each is a job of its own, with words of its own
        expect(page.locator(".unfinished")).to_have_count(4)
        prompts = {job["parameters"]["prompt"] for job in page.request.get(f"{url}/v1/generations").json()["data"]}
        assert all(prompt.removeprefix("a small ") in ("fox", "hen", "owl", "cow") for prompt in prompts)
