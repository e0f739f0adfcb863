"""The gallery as a place to keep pictures in: addresses, search, favourites, folders, many at once, other tabs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import ask, draw
from tests.browser import needs_chromium

pytestmark = needs_chromium


def drawn(page: Page, worker: FakeWorker, *prompts: str) -> None:
    for prompt in prompts:
        draw(page, worker, prompt)


def names(page: Page) -> list[str]:
    found: list[str] = page.locator(".picture img").evaluate_all("all => all.map(img => img.alt)")
    return found


class TestAddresses:
    def test_a_picture_has_an_address_and_back_leads_to_the_gallery(self, studio: Page, worker: FakeWorker) -> None:
        # Given a picture that is open
        drawn(studio, worker, "a fox")
        home = studio.url
        studio.get_by_role("button", name="a fox", exact=True).click()
        dialog = studio.get_by_role("dialog", name="a fox")
        expect(dialog).to_be_visible()
        address = studio.url
        assert "/#/gen_" in address
        # When one goes back, then the gallery is there, and forward the picture
        studio.go_back()
        expect(dialog).to_be_hidden()
        assert studio.url.rstrip("#/") == home.rstrip("#/")
        studio.go_forward()
        expect(dialog).to_be_visible()
        # and the address alone shows it, in a tab of its own
        other = studio.context.new_page()
        other.goto(address)
        expect(other.get_by_role("dialog", name="a fox")).to_be_visible()
        other.get_by_role("button", name="Close").click()
        expect(other.get_by_role("dialog")).to_be_hidden()
        expect(other.get_by_role("button", name="a fox", exact=True)).to_be_visible()

    def test_the_address_of_what_is_gone_says_so(self, studio: Page, server: str) -> None:
        studio.goto(f"{server}/#/gen_{'0' * 40}/0")
        studio.reload()

        expect(studio.locator("#status")).to_contain_text("no such generation")
        assert "gen_" not in studio.url

    def test_closing_does_not_leave_a_step_behind(self, studio: Page, worker: FakeWorker) -> None:
        # Given a search in which a picture was opened, turned from, and closed
        drawn(studio, worker, "a fox", "a fox in snow")
        studio.get_by_label("Search your pictures").fill("fox")
        studio.wait_for_url("**q=fox")
        studio.get_by_role("button", name="a fox in snow", exact=True).click()
        studio.get_by_role("button", name="Older picture").click()
        expect(studio.get_by_role("dialog", name="a fox", exact=True)).to_be_visible()
        studio.keyboard.press("Escape")
        # Then the search is there as it was
        studio.wait_for_url("**/#/?q=fox")
        assert names(studio) == ["a fox in snow", "a fox"]


class TestLooking:
    def test_words_find_pictures(self, studio: Page, worker: FakeWorker) -> None:
        # Given three pictures
        drawn(studio, worker, "a red fox", "a red hen", "a blue cow")
        # When words are looked for, in any order
        studio.get_by_label("Search your pictures").fill("hen RED")
        # Then what has all of them is there, and a reload keeps it
        expect(studio.locator(".picture")).to_have_count(1)
        assert names(studio) == ["a red hen"]
        studio.reload()
        expect(studio.get_by_label("Search your pictures")).to_have_value("hen RED")
        expect(studio.locator(".picture")).to_have_count(1)
        # and what is not there is said not to be
        studio.get_by_label("Search your pictures").fill("unicorn")
        expect(studio.get_by_text("Nothing found.")).to_be_visible()
        studio.get_by_role("button", name="Show all").click()
        expect(studio.locator(".picture")).to_have_count(3)

    def test_what_is_asked_for_while_looking_for_something_else_is_seen(self, studio: Page, worker: FakeWorker) -> None:
        drawn(studio, worker, "a fox")
        studio.get_by_label("Search your pictures").fill("fox")
        studio.wait_for_url("**q=fox")

        ask(studio, "a whale")

        assert "q=fox" not in studio.url

    def test_favourites_stay_and_are_found(self, studio: Page, worker: FakeWorker) -> None:
        # Given a favourite among others
        drawn(studio, worker, "a fox", "a hen")
        heart = studio.get_by_role("button", name="Favourite: a fox")
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", "true")
        # When only favourites are shown
        studio.get_by_role("button", name="Favourites", exact=True).click()
        expect(studio.locator(".picture")).to_have_count(1)
        # Then it is there, and says that it is kept
        studio.get_by_role("button", name="a fox", exact=True).click()
        dialog = studio.get_by_role("dialog", name="a fox")
        expect(dialog.locator("dl")).to_contain_text("until you delete it")
        # and as one no more it goes from here, and says when it will be removed
        dialog.get_by_role("button", name="Favourite").click()
        expect(dialog.locator("dl")).to_contain_text("Removed")
        studio.keyboard.press("Escape")
        expect(studio.get_by_text("Nothing found.")).to_be_visible()

    def test_folders(self, studio: Page, worker: FakeWorker) -> None:
        # Given a picture that is put into a new folder
        drawn(studio, worker, "a fox", "a hen")
        studio.get_by_role("button", name="a fox", exact=True).click()
        studio.get_by_role("button", name="Folder…").click()
        folders = studio.get_by_role("dialog", name="Folders")
        folders.get_by_label("A new folder").fill("Animals of the wood")
        folders.get_by_role("button", name="Save").click()
        expect(studio.get_by_role("dialog", name="a fox").locator("dl")).to_contain_text("Animals of the wood")
        studio.keyboard.press("Escape")
        # When that folder is chosen
        studio.get_by_label("Folder", exact=True).select_option("Animals of the wood")
        # Then what is in it is there
        expect(studio.locator(".picture")).to_have_count(1)
        assert names(studio) == ["a fox"]
        expect(studio.get_by_label("Folder", exact=True).locator("option").nth(1)).to_have_text(
            "Animals of the wood (1)"
        )
        # and out of it again
        studio.get_by_role("button", name="a fox", exact=True).click()
        studio.get_by_role("button", name="Folder…").click()
        folders.get_by_label("Animals of the wood").uncheck()
        folders.get_by_role("button", name="Save").click()
        studio.keyboard.press("Escape")
        studio.get_by_role("button", name="Show all").click()
        expect(studio.locator(".picture")).to_have_count(2)


class TestMany:
    def test_a_range_is_downloaded_as_one_file(self, studio: Page, worker: FakeWorker, tmp_path: Path) -> None:
        # Given four pictures, three of them ticked by a range
        drawn(studio, worker, "one", "two", "three", "four")
        studio.get_by_role("button", name="Select", exact=True).click()
        studio.get_by_label("Select: four").check()
        studio.get_by_label("Select: two").click(modifiers=["Shift"])
        expect(studio.get_by_text("3 pictures")).to_be_visible()
        # When they are downloaded
        with studio.expect_download() as download:
            studio.get_by_role("region", name="Selected pictures").get_by_role("button", name="Download").click()
        download.value.save_as(tmp_path / "pictures.zip")
        # Then they are in one file, each with its words in its name
        with zipfile.ZipFile(io.BytesIO((tmp_path / "pictures.zip").read_bytes())) as archive:
            pictures = [name for name in archive.namelist() if name.endswith(".png")]
        assert len(pictures) == 3
        assert all(any(words in name for name in pictures) for words in ("four", "three", "two"))

    def test_several_are_deleted_and_the_others_of_their_job_stay(
        self, studio: Page, server: str, worker: FakeWorker
    ) -> None:
        # Given a job of three pictures, two of them ticked
        studio.request.post(f"{server}/v1/generations", data={"prompt": "a fox", "n": 3})
        worker.finish(worker.claim())
        expect(studio.locator(".picture")).to_have_count(3)
        studio.get_by_role("button", name="Select", exact=True).click()
        studio.locator(".tile").nth(0).click()
        studio.locator(".tile").nth(2).click()
        # When they are deleted, after a second press
        studio.get_by_role("region", name="Selected pictures").get_by_role("button", name="Delete").click()
        studio.get_by_role("button", name="Really delete all 2?").click()
        # Then one is left, here and on the server
        expect(studio.locator(".picture")).to_have_count(1)
        studio.reload()
        expect(studio.locator(".picture")).to_have_count(1)

    def test_one_picture_or_the_job(self, studio: Page, server: str, worker: FakeWorker) -> None:
        studio.request.post(f"{server}/v1/generations", data={"prompt": "a fox", "n": 3})
        worker.finish(worker.claim())
        studio.locator(".tile").nth(1).click()
        studio.get_by_role("button", name="Delete", exact=True).click()
        studio.get_by_role("button", name="Really delete?").click()
        expect(studio.locator(".picture")).to_have_count(2)
        studio.locator(".tile").first.click()
        studio.get_by_role("button", name="Delete all").click()
        studio.get_by_role("button", name="Really delete all 2?").click()
        expect(studio.locator(".picture")).to_have_count(0)


class TestTabs:
    def test_what_happens_in_one_tab_is_seen_in_the_others(self, studio: Page, server: str, worker: FakeWorker) -> None:
        # Given three tabs
        others = [studio.context.new_page() for _ in range(2)]
        for page in others:
            page.goto(server)
            expect(page.get_by_text("Nothing here yet.")).to_be_visible()
        # When a picture is drawn in one, marked in the second and deleted in the third
        draw(studio, worker, "a fox")
        for page in others:
            expect(page.get_by_role("button", name="a fox", exact=True)).to_be_visible()
        others[0].get_by_role("button", name="Favourite: a fox").click()
        for page in (studio, others[1]):
            expect(page.get_by_role("button", name="Favourite: a fox")).to_have_attribute("aria-pressed", "true")
        others[1].get_by_role("button", name="a fox", exact=True).click()
        others[1].get_by_role("button", name="Delete", exact=True).click()
        others[1].get_by_role("button", name="Really delete?").click()
        # Then all of them show it
        for page in (studio, *others):
            expect(page.get_by_text("Nothing here yet.")).to_be_visible()

    def test_the_tab_that_listens_is_closed_and_another_goes_on(
        self, studio: Page, server: str, worker: FakeWorker
    ) -> None:
        other = studio.context.new_page()
        other.goto(server)
        expect(other.get_by_text("Nothing here yet.")).to_be_visible()
        studio.close()

        other.request.post(f"{server}/v1/generations", data={"prompt": "a hen"})
        expect(other.locator(".unfinished")).to_contain_text("a hen")
        worker.finish(worker.claim())
        expect(other.get_by_role("button", name="a hen", exact=True)).to_be_visible()

    def test_ten_jobs_in_flight_leave_the_page_free(self, studio: Page, server: str, worker: FakeWorker) -> None:
        # Given more jobs at work than a browser opens connections
        for i in range(10):
            ask(studio, f"number {i}")
            worker.step(worker.claim(), 1, 20)
        expect(studio.locator(".unfinished")).to_have_count(10)
        # Then the page still asks and is answered
        ask(studio, "one more")
        assert studio.evaluate("async () => (await fetch('/v1/models')).status") == 200


class TestKeys:
    def test_the_arrows_walk_through_the_pictures(self, studio: Page, worker: FakeWorker) -> None:
        drawn(studio, worker, "one", "two", "three")
        studio.get_by_role("button", name="three", exact=True).focus()
        for key, words in (("ArrowRight", "two"), ("End", "one"), ("ArrowLeft", "two"), ("Home", "three")):
            studio.keyboard.press(key)
            expect(studio.get_by_role("button", name=words, exact=True)).to_be_focused()

    def test_a_slash_leads_to_the_prompt(self, studio: Page, worker: FakeWorker) -> None:
        drawn(studio, worker, "one")
        studio.get_by_role("button", name="one", exact=True).focus()
        studio.keyboard.press("/")
        expect(studio.get_by_label("What should be drawn?")).to_be_focused()
        expect(studio.get_by_label("What should be drawn?")).to_have_value("")


def test_pictures_are_not_cropped(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given pictures of three shapes
    for width, height in ((384, 192), (192, 384), (256, 256)):
        body = {"prompt": f"{width} by {height}", "width": width, "height": height}
        studio.request.post(f"{server}/v1/generations", data=body)
        worker.finish(worker.claim())
    expect(studio.locator(".picture")).to_have_count(3)
    # Then each is shown whole, in the room of its own shape
    fits = studio.locator(".tile img").evaluate_all("all => all.map(img => getComputedStyle(img).objectFit)")
    assert set(fits) == {"contain"}
    wide = studio.get_by_role("button", name="384 by 192", exact=True).bounding_box()
    tall = studio.get_by_role("button", name="192 by 384", exact=True).bounding_box()
    assert wide is not None and tall is not None  # noqa: PT018
    assert abs(wide["width"] / wide["height"] - 2) < 0.1
    assert tall["width"] < tall["height"]
