"""A picture in the dialog: its recipe, and everything that can be done with it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from playwright.sync_api import Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw, told
from tests.browser import needs_chromium

pytestmark = needs_chromium


def test_the_recipe_and_what_can_be_done_with_it(studio: Page, worker: FakeWorker) -> None:
    # Given a picture, chosen by keyboard
    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox").focus()
    studio.keyboard.press("Enter")
    viewer = studio.get_by_role("dialog", name="a fox")
    first = worker_seed(viewer)
    # When its recipe is to be used, then the form has all of it, the seed too
    viewer.get_by_role("button", name="Use recipe").click()
    expect(viewer).to_be_hidden()
    studio.keyboard.press("Enter")
    expect(studio.locator(".unfinished")).to_be_visible()
    same = worker.claim()
    assert (same.job.request.seeds, told(same.job.request)["prompt"]) == ((first,), "a fox")
    worker.finish(same)
    expect(studio.locator(".picture")).to_have_count(2)
    # and again is the same request with another seed
    studio.locator(".tile").first.click()
    viewer.get_by_role("button", name="Again").click()
    expect(studio.locator(".unfinished")).to_be_visible()
    again = worker.claim().job.request
    assert told(again) == told(same.job.request)
    assert again.seeds != (first,)


def worker_seed(viewer: Any) -> int:
    return int(viewer.locator("dt:text-is('Seed') + dd").inner_text())


def test_the_focus_comes_back_from_the_dialog(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    draw(studio, worker, "a hen")
    studio.get_by_role("button", name="a hen").click()
    expect(studio.get_by_role("heading", name="a hen")).to_be_focused()

    studio.keyboard.press("ArrowRight")
    expect(studio.get_by_role("heading", name="a fox")).to_be_focused()
    studio.keyboard.press("Escape")

    expect(studio.get_by_role("button", name="a fox")).to_be_focused()


def test_delete_asks_once_more(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox").click()
    studio.get_by_role("button", name="Delete", exact=True).click()
    studio.get_by_role("button", name="Really delete?").click()

    expect(studio.locator(".picture")).to_have_count(0)
    assert studio.evaluate("async () => (await (await fetch('/v1/generations')).json()).data.length") == 0


def test_the_download_is_the_picture(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a fox")
    studio.get_by_role("button", name="a fox").click()
    with studio.expect_download() as download:
        studio.get_by_role("link", name="Download").click()

    assert download.value.suggested_filename.endswith("-0.png")
    assert download.value.path().read_bytes()[:4] == b"\x89PNG"


def test_the_copied_commands_do_what_they_say(studio: Page, worker: FakeWorker) -> None:
    # Given a prompt that a shell would trip over
    prompt = 'a fox\'s "den" $HOME `x` \\ é 🦊'
    draw(studio, worker, prompt)
    studio.locator(".tile").click()
    seed = worker_seed(studio.get_by_role("dialog"))
    # When its curl command is run (asking not to wait, as nobody draws)
    studio.get_by_role("button", name="Copy as curl").click()
    expect(studio.locator("#viewer-said")).to_have_text("Copied.")
    command = studio.evaluate("() => navigator.clipboard.readText()").replace("wait=60", "wait=0")
    job = json.loads(subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout)
    # Then it asks for the same
    assert (job["parameters"]["prompt"], job["seeds"]) == (prompt, [seed])
    # and so does the Python program
    studio.get_by_role("button", name="Copy as Python").click()
    studio.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('import httpx')")
    program = studio.evaluate("() => navigator.clipboard.readText()")
    asked: dict[str, Any] = {}
    exec(compile(program.split("job = easel")[0], "copied", "exec"), asked)  # noqa: S102 - what we are testing
    asked["easel"].close()
    body = program.split("json=")[1].split("\n    headers")[0].rstrip().rstrip(",")
    assert json.loads(body)["prompt"] == eval(body)["prompt"] == prompt  # noqa: S307


def test_a_mask_is_painted(studio: Page, worker: FakeWorker) -> None:
    # Given a picture to be edited
    draw(studio, worker, "a house")
    studio.get_by_role("button", name="a house").click()
    studio.get_by_role("button", name="Edit").click()
    painter = studio.get_by_role("dialog", name="Paint over")
    painter.get_by_label("What should be there?").fill("a red door")
    # When nothing is painted, then that is said; when a part is, a job of its own is made
    painter.get_by_role("button", name="Draw").click()
    expect(painter.get_by_role("alert")).to_contain_text("Paint over a part")
    box = painter.locator("#paint").bounding_box()
    assert box is not None
    studio.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    studio.mouse.down()
    studio.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=5)
    studio.mouse.up()
    painter.get_by_role("button", name="Draw").click()
    expect(studio.locator(".unfinished")).to_contain_text("a red door")
    expect(studio.get_by_role("button", name="Cancel: a red door")).to_be_visible()
    expect(painter).to_be_hidden()
    claim = worker.claim()
    assert (claim.job.request.task, told(claim.job.request)["prompt"]) == ("inpaint", "a red door")
    worker.finish(claim)
    expect(studio.get_by_role("button", name="a red door")).to_be_visible()


def test_a_picture_to_start_from(studio: Page, worker: FakeWorker) -> None:
    draw(studio, worker, "a house")
    studio.get_by_role("button", name="a house").click()
    studio.get_by_role("button", name="Use as start").click()
    expect(studio.get_by_text("Drawn over this picture.")).to_be_visible()
    studio.get_by_role("slider", name="Change").fill("0.4")
    ask(studio, "a castle")
    claim = worker.claim()
    assert (claim.job.request.task, told(claim.job.request)["strength"]) == ("image-to-image", 0.4)
    worker.finish(claim)

    studio.get_by_role("button", name="Remove").click()
    ask(studio, "a castle again")

    assert worker.claim().job.request.task == "text-to-image"
