"""Pictures that guide, in the form: chosen or dropped, shown as the model will see them, sent, and asked for again."""

from __future__ import annotations

import base64

from playwright.sync_api import Browser, Page, expect

from core.settings import Settings
from tests.app.api.test_guides import ADAPTERS, a_square
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, wait_for_form
from tests.app.wires.openai.files import file_of
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium

DROP = """([text, id]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "square.png", {type: "image/png"}));
  const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
  document.getElementById(id).dispatchEvent(event);
}"""


def shown(page: Page, name: str) -> str:
    """What a picture of the form shows, once it does."""
    picture = page.locator(f"#{name}")
    page.wait_for_function("(id) => document.getElementById(id).src.startsWith('data:')", arg=name)
    return picture.get_attribute("src") or ""


def test_a_picture_s_shapes_are_followed(browser: Browser, settings: Settings) -> None:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with serving(settings) as server, opened(browser, server) as page:
        wait_for_form(page)
        page.get_by_text("More", exact=True).click()
        # When a picture is chosen, then what the adapter's own preprocessor makes of it is shown
        page.locator("#control-file").set_input_files(
            [{"name": "square.png", "mimeType": "image/png", "buffer": file_of(a_square())}]
        )
        edges = shown(page, "control-picture")
        expect(page.get_by_label("Made of it first")).to_have_value("canny")
        expect(page.locator("#control-mode-row")).to_be_hidden()
        # And another when another is chosen
        page.get_by_label("Made of it first").select_option("none")
        page.wait_for_function("(was) => document.getElementById('control-picture').src !== was", arg=edges)
        page.get_by_label("Made of it first").select_option("canny")
        page.locator("#control-weight").fill("0.5")
        expect(page.locator("#more-said")).to_contain_text("canny")
        # When a picture to go by is dropped beside it, and both are asked for
        page.evaluate(DROP, [base64.b64encode(file_of(a_square())).decode(), "reference-row"])
        shown(page, "reference-picture")
        expect(page.locator("#more-said")).to_contain_text("go-by")
        ask(page, "a house")
        worker = FakeWorker(settings)
        claim = worker.claim()
        guides = {each.role: each.guide for each in claim.job.request.inputs}
        assert guides["control"] is not None
        assert (guides["control"].adapter, guides["control"].weight) == ("canny", 0.5)
        assert guides["control"].preprocessor == "canny"
        assert guides["reference"] is not None
        assert (guides["reference"].adapter, guides["reference"].weight) == ("go-by", 0.6)
        worker.finish(claim)
        # Then the picture says so, and again is asked for with what the model was shown
        page.locator(".picture button").first.click()
        expect(page.locator("#viewer-recipe")).to_contain_text("canny, 0.5")
        page.get_by_role("dialog").get_by_role("button", name="Again").click()
        expect(page.locator(".unfinished")).to_have_count(1)
        again = {each.role: each.guide for each in worker.claim().job.request.inputs}
        assert again["control"] == guides["control"].evolve(preprocessor="none", thresholds=None)
        # And a model without adapters offers nothing
        page.get_by_label("Model").select_option("flux-tiny")
        expect(page.locator("#reference-row")).to_be_hidden()
