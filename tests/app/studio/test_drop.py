"""Pictures that are chosen, pasted or dropped: what they may be for."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Browser, Page, expect

from core.settings import Settings
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, told, wait_for_form
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium

NETWORKS = """
[larger]
source = "larger"
family = "upscaler"
scale = 2

[cut]
source = "cut"
family = "matte"

[words]
source = "words"
family = "describer"
"""

BRING = """([kind, data, selector]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "mine.png", { type: "image/png" }));
  const target = document.querySelector(selector);
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  return !target.dispatchEvent(event);
}"""


def picture(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    file = io.BytesIO()
    Image.new("RGB", (256, 256), "navy").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def bring(page: Page, content: bytes, kind: str = "drop", selector: str = "body") -> bool:
    taken: bool = page.evaluate(BRING, [kind, base64.b64encode(content).decode(), selector])
    return taken


def test_a_picture_is_pasted_to_start_from(studio: Page, worker: FakeWorker) -> None:
    # Given a picture in the clipboard that carries no recipe
    assert bring(studio, picture(), "paste", "#prompt")
    dialog = studio.get_by_role("dialog", name="What is this picture for?")
    expect(dialog).to_be_visible()
    expect(studio.locator("#picture-recipe")).to_have_text("")
    expect(dialog.get_by_role("button", name="Use its recipe")).to_be_hidden()
    # When it is started from
    dialog.get_by_role("button", name="Start from it").click()
    expect(studio.get_by_text("Drawn over this picture.")).to_be_visible()
    # Then that outlives a reload, and is drawn
    studio.reload()
    wait_for_form(studio)
    expect(studio.get_by_text("Drawn over this picture.")).to_be_visible()
    studio.get_by_label("What should be drawn?").fill("a night sky")
    studio.keyboard.press("Enter")
    expect(studio.locator(".unfinished")).to_be_visible()
    assert worker.claim().job.request.task == "image-to-image"


def test_words_are_pasted_as_ever(studio: Page) -> None:
    studio.get_by_label("What should be drawn?").focus()
    studio.evaluate("() => navigator.clipboard.writeText('a fox')")
    studio.keyboard.press("Control+V")

    expect(studio.get_by_label("What should be drawn?")).to_have_value("a fox")
    expect(studio.get_by_role("dialog")).to_have_count(0)


def test_a_dropped_picture_gives_its_recipe(studio: Page, worker: FakeWorker) -> None:
    # Given a picture of AUTOMATIC1111's
    text = "a red fox\nNegative prompt: fog\nSteps: 12, Sampler: Euler, CFG scale: 5, Seed: 41, Size: 256x256"
    assert bring(studio, picture(parameters=text))
    dialog = studio.get_by_role("dialog", name="What is this picture for?")
    expect(studio.locator("#picture-recipe")).to_contain_text("a red fox")
    # When its recipe is used, then the form has it
    dialog.get_by_role("button", name="Use its recipe").click()
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a red fox")
    studio.keyboard.press("Enter")
    expect(studio.locator(".unfinished")).to_be_visible()
    request = worker.claim().job.request
    assert request.seeds == (41,)
    asked = told(request)
    assert (asked["negative_prompt"], asked["num_inference_steps"], asked["guidance_scale"]) == ("fog", 12, 5.0)


def test_what_is_no_picture_is_refused_and_changes_nothing(studio: Page) -> None:
    studio.get_by_label("What should be drawn?").fill("a fox")
    assert bring(studio, b"not a picture")

    expect(studio.locator("#status")).to_contain_text("cannot be read as a PNG, JPEG or WebP picture")
    expect(studio.get_by_role("dialog")).to_have_count(0)
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a fox")


def test_only_what_the_server_can_do_is_offered(browser: Browser, settings: Settings, worker: FakeWorker) -> None:
    with serving(settings) as url, opened(browser, url) as page:
        wait_for_form(page)
        bring(page, picture())
        offered = page.locator("#picture .choices-of-use button:visible")
        expect(offered).to_have_text(["Start from it"])
    settings.catalog.write_text(MODELS + NETWORKS)
    with serving(settings) as url, opened(browser, url) as page:
        wait_for_form(page)
        bring(page, picture())
        expect(offered := page.locator("#picture .choices-of-use button:visible")).to_have_text(
            ["Start from it", "Find words for it", "Enlarge it", "Cut it out"]
        )
        # and done
        for words, task in (
            ("Enlarge it", "upscale"),
            ("Cut it out", "remove-background"),
            ("Find words for it", "image-to-text"),
        ):
            if not page.locator("#picture").is_visible():
                bring(page, picture())
            expect(offered.first).to_be_visible()
            page.get_by_role("button", name=words).click()
            expect(page.locator(".unfinished")).to_have_count(1)
            claim = worker.claim()
            assert claim.job.request.task == task
            worker.finish(claim)
            expect(page.locator(".unfinished")).to_have_count(0)


def test_a_picture_of_the_gallery_is_dragged_to_the_form(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    studio.locator(".picture").drag_to(studio.locator("#ask"))
    dialog = studio.get_by_role("dialog", name="What is this picture for?")
    dialog.get_by_role("button", name="Start from it").click()
    studio.get_by_label("What should be drawn?").fill("a hen")
    studio.keyboard.press("Enter")

    expect(studio.locator(".unfinished")).to_be_visible()
    assert worker.claim().job.request.parents


def test_one_of_the_gallery_dropped_on_another_is_blended_with_it(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    draw(studio, worker, "a hen")
    studio.locator(".picture").nth(1).drag_to(studio.locator(".picture").first)

    expect(studio.get_by_role("dialog", name="Blend")).to_be_visible()


def test_a_file_is_chosen(studio: Page, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(picture())
    with studio.expect_file_chooser() as chooser:
        studio.get_by_role("button", name="Add a picture").click()
    chooser.value.set_files(tmp_path / "mine.png")

    expect(studio.get_by_role("dialog", name="What is this picture for?")).to_be_visible()
    studio.keyboard.press("Escape")
    expect(studio.get_by_label("What should be drawn?")).to_be_focused()
