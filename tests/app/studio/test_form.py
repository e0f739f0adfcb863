"""The form: what a newcomer is offered, what is behind 'More', and what the fields say of themselves."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from core.settings import Settings
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, told, wait_for_form
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium


def test_an_example_is_drawn_by_one_click(studio: Page, worker: FakeWorker) -> None:
    # Given a first visit, which offers some
    studio.get_by_role("button", name="a slice of pizza").click()
    # Then it is drawn, and stands in the prompt to be changed
    expect(studio.locator(".unfinished")).to_contain_text("a slice of pizza")
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a slice of pizza")
    expect(studio.locator("#empty")).to_be_hidden()
    assert told(worker.claim().job.request)["prompt"] == "a slice of pizza"


def test_sizes_fit_the_model(studio: Page, worker: FakeWorker) -> None:
    # Given shapes of the model's own area, all on its grid
    studio.get_by_role("button", name="Size").click()
    sizes = studio.locator("#aspects input").evaluate_all("all => all.map(radio => radio.value)")
    assert {"256 × 256", "288 × 224"} <= set(sizes)
    for words in sizes:
        lengths = [int(length) for length in words.split(" × ")]
        assert all(128 <= length <= 384 and length % 32 == 0 for length in lengths), words
    # When one is chosen, by keyboard
    studio.get_by_role("radio", name="1:1").focus()
    studio.keyboard.press("ArrowRight")
    expect(studio.get_by_role("radio", name="4:3")).to_be_checked()
    # Then it is said on the button, and its width and height are asked for
    expect(studio.get_by_role("button", name="Size")).to_contain_text("4:3 288 × 224")
    ask(studio, "a house")
    request = told(worker.claim().job.request)
    assert (request["width"], request["height"]) == (288, 224)


def test_another_size_is_written_by_hand(studio: Page) -> None:
    studio.get_by_role("button", name="Size").click()
    studio.get_by_label("Width", exact=True).fill("128")
    expect(studio.locator("#aspects input:checked")).to_have_count(0)
    expect(studio.get_by_role("button", name="Size")).to_contain_text("128 × 256")
    # and turned on its side
    studio.get_by_role("button", name="Swap width and height").click()
    expect(studio.get_by_role("button", name="Size")).to_contain_text("256 × 128")
    # and the shapes know their own again
    studio.get_by_label("Height", exact=True).fill("256")
    expect(studio.get_by_role("radio", name="1:1")).to_be_checked()


def test_a_prompt_in_midjourney_s_syntax_may_be_several_jobs(studio: Page, worker: FakeWorker) -> None:
    # Given the syntax is switched on
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("Midjourney's parameters").check()
    expect(studio.locator("#more-said")).to_contain_text("Midjourney's parameters")
    # When a prompt has two choices and a shape
    studio.get_by_label("What should be drawn?").fill("a {red, blue} fox --ar 3:2 --seed 5")
    studio.keyboard.press("Enter")
    # Then two jobs are drawn in that shape, the newest on top
    expect(studio.locator("#status")).to_contain_text("2 jobs")
    expect(studio.locator(".unfinished")).to_have_count(2)
    expect(studio.locator(".unfinished").first).to_contain_text("a blue fox")
    asked_for = [told(worker.claim().job.request) for _ in range(2)]
    assert [each["prompt"] for each in asked_for] == ["a red fox", "a blue fox"]
    assert {(each["width"], each["height"]) for each in asked_for} == {(288, 192)}


def test_what_the_prompt_says_wrongly_is_said_and_nothing_is_lost(studio: Page) -> None:
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("Midjourney's parameters").check()
    studio.get_by_label("What should be drawn?").fill("a fox --aspects 3:2")
    studio.keyboard.press("Enter")
    expect(studio.locator("#prompt-wrong")).to_contain_text("--aspects")
    expect(studio.get_by_label("What should be drawn?")).to_have_attribute("aria-invalid", "true")
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a fox --aspects 3:2")


LORAS = """
[adapters.inked]
source = "inked.safetensors"
family = "sd15"
weight = 0.7
trigger_words = ["inked"]

[adapters.pixel-art]
source = "pixel-art.safetensors"
family = "sd15"
"""


def test_loras_are_switched_on_and_come_back_with_the_recipe(browser: Browser, settings: Settings) -> None:
    # Given a server with two LoRAs for its default model
    settings.catalog.write_text(MODELS + LORAS)
    with serving(settings) as server, opened(browser, server) as page:
        wait_for_form(page)
        page.get_by_text("More", exact=True).click()
        # When one is switched on and made stronger
        page.get_by_label("inked", exact=True).check()
        expect(page.get_by_label("Weight of inked")).to_have_value("0.7")
        page.get_by_label("Weight of inked").fill("1.2")
        expect(page.locator("#more-said")).to_contain_text("inked 1.2")
        ask(page, "a house")
        with FakeWorker(settings):
            expect(page.locator(".picture")).to_have_count(1)
        # Then it is asked for, and the picture says so
        page.locator(".picture button").first.click()
        expect(page.locator("#viewer-recipe")).to_contain_text("inked, 1.2")
        page.keyboard.press("Escape")
        page.wait_for_url(lambda url: "gen_" not in url)
        # And a reload keeps it; another model has none
        page.reload()
        wait_for_form(page)
        expect(page.get_by_label("inked", exact=True)).to_be_checked()
        page.get_by_label("Model").select_option("flux-tiny")
        expect(page.locator("#loras-row")).to_be_hidden()


def test_the_sizes_of_another_model_are_others(studio: Page) -> None:
    studio.get_by_label("Model").select_option("flux-tiny")

    expect(studio.get_by_role("button", name="Size")).to_contain_text("512 × 512")


def test_noise_schedules_are_those_of_the_sampler(studio: Page, worker: FakeWorker) -> None:
    # Given a sampler that takes several
    studio.get_by_text("More", exact=True).click()
    noise = studio.get_by_label("Noise schedule")
    expect(noise).to_have_value("automatic")
    noise.select_option("karras")
    # When another that takes it as well is chosen, then it stays, and is said
    studio.get_by_label("Scheduler").select_option("dpmpp-2m")
    expect(noise).to_have_value("karras")
    expect(studio.locator("#more-said")).to_have_text("dpmpp-2m · karras noise")
    ask(studio, "a house")
    claim = worker.claim()
    assert told(claim.job.request)["noise_schedule"] == "karras"
    # as its picture does
    worker.finish(claim)
    studio.get_by_role("button", name="a house", exact=True).click()
    expect(studio.get_by_role("dialog")).to_contain_text("karras")
    studio.keyboard.press("Escape")
    studio.wait_for_url(lambda url: "gen_" not in url)
    # and a reload keeps it
    studio.reload()
    wait_for_form(studio)
    expect(noise).to_have_value("karras")
    studio.get_by_text("More", exact=True).click()
    # but one that does not take it has its own
    studio.get_by_label("Scheduler").select_option("ddim")
    expect(noise).to_have_value("automatic")
    # and one that takes none other has no choice
    studio.get_by_label("Scheduler").select_option("own")
    expect(noise).to_be_hidden()


def test_what_is_set_behind_more_is_said_beside_it(studio: Page) -> None:
    # Given a seed and a number that are not the model's own
    said = studio.locator("#more-said")
    expect(said).to_have_text("")
    studio.get_by_text("More", exact=True).click()
    studio.get_by_label("Seed").fill("41")
    studio.get_by_label("Pictures", exact=True).select_option("3")
    # When it is closed, then nobody need remember them
    studio.get_by_text("More", exact=True).click()
    expect(said).to_have_text("seed 41")
    # and another model's own are not said
    studio.get_by_label("Seed").evaluate("field => { field.value = ''; }")
    studio.get_by_label("Model").select_option("flux-tiny")
    expect(said).to_have_text("")
    expect(studio.get_by_label("Pictures", exact=True)).to_have_value("3")


def test_a_picture_of_ones_own_to_start_from(studio: Page, worker: FakeWorker, tmp_path: Path) -> None:
    # Given a picture on the person's disk
    Image.new("RGB", (256, 256), "navy").save(tmp_path / "mine.png")
    studio.locator("#picture-file").set_input_files(tmp_path / "mine.png")
    studio.get_by_role("button", name="Start from it").click()
    # When something is drawn over it
    expect(studio.get_by_text("Drawn over this picture.")).to_be_visible()
    ask(studio, "a night sky")
    # Then the worker gets it
    claim = worker.claim()
    assert claim.job.request.task == "image-to-image"


def test_what_is_no_picture_is_said_to_be_none(studio: Page, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(io.BytesIO(b"not a picture").getvalue())
    studio.locator("#picture-file").set_input_files(tmp_path / "mine.png")

    # Then that is said at once, before anything is asked for
    expect(studio.get_by_role("status").first).to_contain_text(
        "This file cannot be read as a PNG, JPEG or WebP picture"
    )
    expect(studio.locator("#start-row")).to_be_hidden()
    expect(studio.locator("#status")).to_have_class("wrong")


def test_a_key_without_any_model_is_told(browser: Browser, settings: Settings) -> None:
    with serving(settings) as url, opened(browser, "about:blank") as page:
        page.route("**/v1/models", lambda route: route.fulfill(json={"object": "list", "data": []}))
        page.goto(url)

        expect(page.get_by_role("status").first).to_have_text("There is no model that you may use.")
        # and so it is when something is asked for all the same
        page.evaluate("() => { document.getElementById('status').textContent = ''; }")
        page.get_by_label("What should be drawn?").fill("a fox")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("There is no model that you may use.")


def test_a_counter_says_how_much_of_the_prompt_is_read(studio: Page) -> None:
    # Given a model that reads longer prompts in chunks, and one of which the row says what it reads
    count, prompt = studio.locator("#prompt-count"), studio.get_by_label("What should be drawn?")
    expect(count).to_be_empty()

    # When a short prompt is typed, then it says of how many tokens
    prompt.fill("a red apple, extraordinarily round")
    expect(count).to_have_text("About 7 of 75 tokens.")

    # When it is longer, then in how many chunks it is read
    prompt.fill("apple " * 90)
    expect(count).to_have_text("About 90 tokens, read in 2 chunks.")

    # When the model is another, then that its end is cut, as far as it is
    studio.get_by_label("Model").select_option("flux-tiny")
    expect(count).to_have_text("About 90 of 512 tokens.")
    prompt.fill("apple " * 600)
    expect(count).to_have_text("About 600 tokens, and the model reads 512: the end will be cut.")
