"""Other words over a composition, and several pictures blended into one by what the model can do."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.jobs import GenerationRequest
from core.settings import Settings
from tests.app.api.test_guides import ADAPTERS
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, told, versioned, wait_for_form
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

pytestmark = needs_chromium

REMIX = versioned("""async ([job]) => {
  const { openRemix } = await import("STUDIO/remix/remix.js");
  await openRemix(job, job.outputs[0], (asked) => { window.asked = asked; });
}""")
BLEND = versioned("""async (jobs) => {
  const { openBlend } = await import("STUDIO/remix/blend.js");
  await openBlend(jobs.map((job) => ({ job, output: job.outputs[0] })), (asked) => { window.asked = asked; });
}""")


def begun(page: Page, server: str, worker: FakeWorker, script: str, *words: str) -> Locator:
    """The dialog over pictures of `words`."""
    for each in words:
        draw(page, worker, each)
    jobs = page.request.get(f"{server}/v1/generations?status=succeeded").json()["data"]
    page.evaluate(script, jobs[::-1])
    return page.locator("dialog[open]")


def sent(page: Page, worker: FakeWorker) -> GenerationRequest:
    """What is asked for, whose promise the caller was given."""
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Draw").click()
    expect(dialog).to_be_hidden()
    job = worker.claim().job
    assert page.evaluate("async () => (await window.asked).id") == job.id
    return job.request


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_remix_has_other_words(browser: Browser, server: str, worker: FakeWorker, size: dict[str, int]) -> None:
    with opened(browser, server, **size) as page:
        wait_for_form(page)
        dialog = begun(page, server, worker, REMIX, "a fox")
        dialog.get_by_label("New words").fill("")
        dialog.get_by_role("button", name="Draw").click()
        expect(dialog.get_by_role("alert")).to_have_text("Say what should be drawn first.")
        dialog.get_by_label("New words").fill("a wolf")
        dialog.get_by_label("Change").fill("0.5")
        request = sent(page, worker)
        assert (request.task, told(request)["prompt"], told(request)["strength"]) == ("image-to-image", "a wolf", 0.5)


def test_a_model_that_goes_by_no_picture_says_so_and_draws_over_one(
    studio: Page, server: str, worker: FakeWorker
) -> None:
    dialog = begun(studio, server, worker, BLEND, "a fox", "a castle")
    expect(dialog.get_by_role("status")).to_contain_text("cannot go by pictures: it draws over one")
    expect(dialog.get_by_label("Words for all of it")).to_have_value("a fox, a castle")
    dialog.get_by_label("Composition").select_option("that of picture 2")
    request = sent(studio, worker)
    assert (request.task, told(request)["prompt"]) == ("image-to-image", "a fox, a castle")
    first = studio.request.get(f"{server}/v1/generations/{request.parents[0].generation}").json()
    assert [first["parameters"]["prompt"], len(request.parents)] == ["a castle", 1]


def test_pictures_are_gone_by_where_an_adapter_reads_them(
    browser: Browser, settings: Settings, worker: FakeWorker
) -> None:
    settings.catalog.write_text(MODELS + ADAPTERS)
    with serving(settings) as server, opened(browser, server) as page:
        wait_for_form(page)
        # Given two pictures and a model with an IP-Adapter
        dialog = begun(page, server, worker, BLEND, "a fox", "a castle")
        expect(dialog.get_by_role("status")).to_contain_text("goes by all 2 pictures")
        # When one weighs more
        dialog.get_by_label("Weight of picture 2").fill("0.4")
        request = sent(page, worker)
        # Then both are gone by, and nothing is drawn over
        guides = [given.guide for given in request.inputs]
        assert request.task == "text-to-image"
        assert [(guide.adapter, guide.weight) for guide in guides if guide] == [("go-by", 0.6), ("go-by", 0.4)]
        assert len(request.parents) == 2
        # When the composition is to be that of the first one, then it is drawn over, and the other one gone by
        dialog = begun(page, server, worker, BLEND)
        dialog.get_by_label("Composition").select_option("that of picture 1")
        expect(dialog.get_by_role("status")).to_contain_text("goes by the other pictures")
        request = sent(page, worker)
        assert request.task == "image-to-image"
        assert sorted(given.role for given in request.inputs) == ["image", "reference"]


def test_what_is_refused_stays(studio: Page, server: str, worker: FakeWorker) -> None:
    dialog = begun(studio, server, worker, BLEND, "a fox", "a castle")
    for job in studio.request.get(f"{server}/v1/generations").json()["data"]:
        studio.request.delete(f"{server}/v1/generations/{job['id']}")
    dialog.get_by_label("Words for all of it").fill("a fox in a castle")
    dialog.get_by_role("button", name="Draw").click()
    expect(dialog.get_by_role("alert")).to_contain_text("there is no generation")
    expect(dialog.get_by_label("Words for all of it")).to_have_value("a fox in a castle")


def test_one_picture_is_not_blended(studio: Page, server: str, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    jobs = studio.request.get(f"{server}/v1/generations").json()["data"]
    said = studio.evaluate(f"(jobs) => ({BLEND})(jobs).catch((error) => error.message)", jobs)
    assert said == "Choose two or more pictures to blend."
