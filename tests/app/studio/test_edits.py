"""Pictures that begin with a picture: ordinary jobs, which hold no connection and survive a reload."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect
from pydantic import SecretStr

from core.settings import Settings
from core.store import Claim
from tests.app.conftest import KEY, MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, told, wait_for_form
from tests.browser import needs_chromium, opened

pytestmark = needs_chromium


def shown(page: Page, name: str) -> Locator:
    """The dialog of a picture."""
    page.get_by_role("button", name=name, exact=True).first.click()
    return page.locator("#viewer")


def start_from(page: Page, name: str) -> None:
    shown(page, name).get_by_role("button", name="Use as start").click()
    expect(page.get_by_text("Drawn over this picture.")).to_be_visible()


def paint_over(page: Page, worker: FakeWorker, name: str, words: str) -> Claim:
    """The finished edit of that picture, of which the middle was to become what the words say."""
    shown(page, name).get_by_role("button", name="Edit").click()
    painter = page.get_by_role("dialog", name="Paint over")
    painter.get_by_label("What should be there?").fill(words)
    painter.get_by_role("button", name="Paint the middle").click()
    painter.get_by_role("button", name="Draw").click()
    expect(page.locator(".unfinished")).to_contain_text(words)
    edit = worker.claim()
    worker.finish(edit)
    return edit


def test_many_edits_in_flight_leave_the_page_free(studio: Page, worker: FakeWorker) -> None:
    # Given more edits under way than a browser has connections to one server
    draw(studio, worker, "a house")
    start_from(studio, "a house")
    for number in range(8):
        ask(studio, f"castle {number}")
    expect(studio.locator(".unfinished")).to_have_count(8)
    # When something else is asked for
    studio.get_by_role("button", name="Remove").click()
    ask(studio, "a dog")
    # Then it goes through, and all of them are drawn
    claims = [worker.claim() for _ in range(9)]
    assert [claim.job.request.task for claim in claims] == ["image-to-image"] * 8 + ["text-to-image"]
    for claim in claims:
        worker.finish(claim)
    expect(studio.locator(".picture")).to_have_count(10)


def test_an_edit_and_its_form_survive_a_reload(studio: Page, worker: FakeWorker) -> None:
    # Given an edit under way, and another begun
    draw(studio, worker, "a house")
    start_from(studio, "a house")
    studio.get_by_role("slider", name="Change").fill("0.4")
    ask(studio, "a castle")
    claim = worker.claim()
    worker.step(claim, 1, 20)
    studio.get_by_label("What should be drawn?").fill("a tower")
    # When the page is loaded anew
    studio.reload()
    wait_for_form(studio)
    # Then the edit goes on
    expect(studio.locator(".unfinished")).to_contain_text("a castle")
    worker.finish(claim)
    expect(studio.get_by_role("button", name="a castle", exact=True)).to_be_visible()
    # and the form is as it was
    expect(studio.get_by_label("What should be drawn?")).to_have_value("a tower")
    expect(studio.get_by_text("Drawn over this picture.")).to_be_visible()
    expect(studio.get_by_role("slider", name="Change")).to_have_value("0.4")
    studio.get_by_label("What should be drawn?").press("Enter")
    expect(studio.locator(".unfinished")).to_contain_text("a tower")
    request = worker.claim().job.request
    assert (request.task, request.parents) == ("image-to-image", claim.job.request.parents)


def test_an_edited_picture_is_one_like_any_other(studio: Page, worker: FakeWorker) -> None:
    # Given a picture made from another
    draw(studio, worker, "a house")
    start_from(studio, "a house")
    ask(studio, "a castle")
    edit = worker.claim()
    worker.finish(edit)
    # When it is looked at, then it tells what it was made from, and leads there
    viewer = shown(studio, "a castle")
    viewer.get_by_role("button", name="a house").click()
    expect(studio.get_by_role("heading", name="a house")).to_be_visible()
    studio.keyboard.press("Escape")
    # and drawn again it is another picture from the same start
    shown(studio, "a castle").get_by_role("button", name="Again").click()
    expect(studio.locator(".unfinished")).to_be_visible()
    again = worker.claim()
    assert (again.job.request.task, told(again.job.request)) == ("image-to-image", told(edit.job.request))
    assert again.job.request.seeds != edit.job.request.seeds
    worker.finish(again)
    expect(studio.locator(".picture")).to_have_count(3)
    # and a variation of it starts from itself
    shown(studio, "a castle").get_by_role("button", name="Vary subtle").click()
    expect(studio.locator(".unfinished")).to_be_visible()
    varied = worker.claim().job.request
    assert (varied.task, varied.parents[0].generation) == ("image-to-image", again.job.id)


def test_a_masked_edit_is_drawn_again_without_its_parent(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given a picture of which a part was drawn anew, and whose parent is gone
    draw(studio, worker, "a house")
    edit = paint_over(studio, worker, "a house", "a red door")
    (parent,) = edit.job.request.parents
    expect(studio.get_by_role("button", name="a red door", exact=True)).to_be_visible()
    assert studio.request.delete(f"{server}/v1/generations/{parent.generation}").status == 204
    # When it is asked for again
    shown(studio, "a red door").get_by_role("button", name="Again").click()
    expect(studio.locator(".unfinished")).to_be_visible()
    # Then it starts from the copies that it kept, white where it was painted
    again = worker.claim().job
    assert (again.request.task, again.request.parents) == ("inpaint", ())
    mask = studio.request.get(f"{server}/v1/results/{again.id}/inputs/mask-0.png").body()
    assert mask == studio.request.get(f"{server}/v1/results/{edit.job.id}/inputs/mask-0.png").body()


def test_the_copied_command_of_a_masked_edit_does_what_it_says(
    browser: Browser, settings: Settings, worker: FakeWorker, tmp_path: Path
) -> None:
    with serving(settings.model_copy(update={"api_keys": (SecretStr(KEY),)})) as url, opened(browser, url) as page:
        # Given a part of a picture drawn anew, on a server with keys
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        wait_for_form(page)
        draw(page, worker, "a house")
        edit = paint_over(page, worker, "a house", "a red 'door'")
        # When its curl command is run (asking not to wait, as nobody draws)
        shown(page, "a red 'door'").get_by_role("button", name="Copy as curl").click()
        expect(page.locator("#viewer-said")).to_have_text("Copied.")
        command = page.evaluate("() => navigator.clipboard.readText()").replace("wait=60", "wait=0")
        assert "sig=" not in command
        run = ["bash", "-c", command]
        done = subprocess.run(
            run, capture_output=True, check=True, cwd=tmp_path, env={**os.environ, "EASEL_API_KEY": KEY}
        )
        # Then it asks for the same
        job = json.loads(done.stdout)
        assert (job["task"], job["parameters"]) == ("inpaint", told(edit.job.request))
        assert job["seeds"] == list(edit.job.request.seeds)
        assert job["parents"] == [parent.model_dump() for parent in edit.job.request.parents]


def test_a_failed_edit_is_tried_again(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a house")
    start_from(studio, "a house")
    ask(studio, "a castle")
    failed = worker.claim()
    worker.fail(failed)

    studio.get_by_role("button", name="Try again").click()

    expect(studio.locator(".failed")).to_have_count(0)
    expect(studio.locator(".unfinished")).to_contain_text("a castle")
    assert worker.claim().job.request.parents == failed.job.request.parents


def test_what_a_model_cannot_do_is_not_offered(browser: Browser, settings: Settings, worker: FakeWorker) -> None:
    tasks = 'tasks = ["text-to-image", "image-to-image", "inpaint"]\n'
    settings.catalog.write_text(MODELS.replace(tasks, ""))
    with serving(settings) as url, opened(browser, url) as page:
        draw(page, worker, "a house")
        viewer = shown(page, "a house")

        expect(viewer.get_by_role("button", name="Again")).to_be_visible()
        expect(viewer.get_by_role("button", name="Edit")).to_be_hidden()
        expect(viewer.get_by_role("button", name="Use as start")).to_be_hidden()


def test_files_that_cannot_be_used_are_refused_at_once(studio: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "large.png").write_bytes(bytes(20 * 2**20 + 1))
    chooser = studio.locator("#picture-file")
    status = studio.get_by_role("status").first

    chooser.set_input_files(tmp_path / "notes.txt")
    expect(status).to_have_text("This is not a picture: choose a PNG, JPEG or WebP image.")
    chooser.set_input_files(tmp_path / "large.png")
    expect(status).to_have_text("This picture has 21 MB; 20 are the limit.")
    expect(studio.locator("#start-row")).to_be_hidden()
    expect(studio.get_by_role("dialog")).to_have_count(0)
