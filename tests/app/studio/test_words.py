"""Help with the words: weights, parameters, earlier prompts and presets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, told, versioned, wait_for_form
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium

WEIGHTED = versioned(
    """async ([text, from, to, by]) => (await import("STUDIO/form/weights.js")).weighted(text, from, to, by)"""
)


@pytest.mark.parametrize(
    ("text", "cursor", "by", "expected"),
    [
        ("a red fox", (3, 3), 0.1, "a (red:1.1) fox"),
        ("a (red:1.1) fox", (5, 5), 0.1, "a (red:1.2) fox"),
        ("a (red:1.1) fox", (4, 4), -0.1, "a red fox"),
        ("a red fox", (2, 9), -0.1, "a (red fox:0.9)"),
        ("a (red:2) fox", (4, 4), 0.1, "a (red:2) fox"),
        ("a (red:0.05) fox", (4, 4), -0.1, "a (red:0) fox"),
        ("un chat, très noir", (11, 11), 0.1, "un chat, (très:1.1) noir"),
        ("a  fox", (2, 2), 0.1, "a  fox"),
    ],
)
def test_a_weight_is_changed(
    browser: Browser, server: str, text: str, cursor: tuple[int, int], by: float, expected: str
) -> None:
    with opened(browser, server) as page:
        assert page.evaluate(WEIGHTED, [text, *cursor, by])["text"] == expected


def test_the_keyboard_weighs_the_word_at_the_cursor(studio: Page) -> None:
    prompt = studio.get_by_label("What should be drawn?")
    prompt.fill("a red fox")
    for _ in range(2):
        studio.keyboard.press("Control+ArrowUp")
    expect(prompt).to_have_value("a red (fox:1.2)")
    for _ in range(3):
        studio.keyboard.press("Control+ArrowDown")
    expect(prompt).to_have_value("a red (fox:0.9)")


def test_weights_are_read_where_that_is_wanted(studio: Page, worker: FakeWorker) -> None:
    # Given a model whose prompts are plain by default
    studio.get_by_role("button", name="Words").click()
    expect(studio.get_by_label("Read weights")).not_to_be_checked()
    studio.get_by_label("Read weights").check()

    ask(studio, "a (red:1.3) fox")

    assert told(worker.claim().job.request)["prompt_syntax"] == "weighted"
    # and a reload keeps it
    studio.reload()
    wait_for_form(studio)
    expect(studio.locator("#weights")).to_be_checked()


def test_an_example_is_put_where_the_cursor_is(studio: Page) -> None:
    prompt = studio.get_by_label("What should be drawn?")
    prompt.fill("a fox")
    studio.get_by_role("button", name="Words").click()

    studio.get_by_role("button", name="--ar 3:2").click()

    expect(prompt).to_have_value("a fox --ar 3:2")
    expect(prompt).to_be_focused()
    assert studio.locator("#syntax").is_checked()


class TestHistory:
    def test_the_arrow_goes_through_earlier_prompts(self, studio: Page, worker: FakeWorker) -> None:
        # Given two prompts that were drawn, and one that is begun
        draw(studio, worker, "a fox")
        draw(studio, worker, "a hen")
        prompt = studio.get_by_label("What should be drawn?")
        prompt.fill("a new one")
        studio.keyboard.press("Home")
        # When one goes up, and down again
        for key, words in (
            ("ArrowUp", "a hen"),
            ("ArrowUp", "a fox"),
            ("ArrowUp", "a fox"),
            ("ArrowDown", "a hen"),
            ("ArrowDown", "a new one"),
        ):
            studio.keyboard.press(key)
            expect(prompt).to_have_value(words)

    def test_earlier_prompts_are_found_after_a_reload(self, studio: Page, worker: FakeWorker) -> None:
        for words in ("a red fox", "a hen"):
            draw(studio, worker, words)
        studio.reload()
        wait_for_form(studio)
        studio.get_by_role("button", name="Words").click()

        studio.get_by_label("Search earlier prompts").fill("FOX")

        expect(studio.locator("#history button")).to_have_count(1)
        studio.locator("#history button").click()
        expect(studio.get_by_label("What should be drawn?")).to_have_value("a red fox")


def test_a_preset_sets_everything_but_the_words(studio: Page) -> None:
    # Given a form that is saved under a name, with Enter
    studio.get_by_role("button", name="More", exact=True).click()
    studio.get_by_label("Steps").fill("7")
    studio.get_by_label("Keep out").fill("fog")
    studio.get_by_role("button", name="Words").click()
    studio.get_by_label("Save all that is set as").fill("Quick")
    studio.keyboard.press("Enter")
    expect(studio.locator("#presets")).to_contain_text("Quick")
    assert studio.locator(".unfinished").count() == 0
    # When all is reset and the preset chosen, in another visit
    studio.get_by_role("button", name="More", exact=True).click()
    studio.get_by_role("button", name="Reset").click()
    expect(studio.get_by_label("Steps")).to_have_value("20")
    studio.reload()
    wait_for_form(studio)
    studio.get_by_label("What should be drawn?").fill("a hen")
    studio.get_by_role("button", name="Words").click()
    studio.get_by_role("button", name="Quick", exact=True).click()
    # Then it is as it was, and the words are those that were there
    expect(studio.locator("#more-said")).to_have_text("7 steps · without fog")
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a hen")
    # and it can be deleted
    studio.get_by_role("button", name="Delete the preset Quick").click()
    expect(studio.locator("#presets li")).to_have_count(0)
