"""The family of a picture as a tree: what came of what, what is gone, and how it is walked."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.app.fake_worker import FakeWorker
from tests.app.studio.asking import draw, versioned
from tests.browser import needs_chromium

pytestmark = needs_chromium

OPEN = versioned("""async (job) => {
  const { openLineage } = await import("STUDIO/lineage/lineage.js");
  window.chosen = [];
  await openLineage(job, (...picture) => window.chosen.push(picture));
}""")


class Family:
    """Jobs made through the API, and their tree on the page."""

    def __init__(self, page: Page, server: str, worker: FakeWorker) -> None:
        self.page = page
        self._address = f"{server}/v1/generations"
        self._worker = worker

    def first(self, words: str) -> dict[str, Any]:
        draw(self.page, self._worker, words)
        return dict(self.page.request.get(self._address).json()["data"][0])

    def child(self, job: dict[str, Any], prompt: str, index: int = 0, **body: object) -> dict[str, Any]:
        address = f"{self._address}/{job['id']}/outputs/{index}/vary"
        made = self.page.request.post(address, data={"prompt": prompt, **body}).json()
        self._worker.finish(self._worker.claim())
        return dict(self.page.request.get(f"{self._address}/{made['id']}").json())

    def delete(self, job: dict[str, Any]) -> None:
        assert self.page.request.delete(f"{self._address}/{job['id']}").status == 204

    def shown(self, job: dict[str, Any]) -> Locator:
        self.page.evaluate(OPEN, job)
        return self.page.get_by_role("tree")


def test_a_tree_is_walked_and_a_picture_chosen(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given a fox, of which came a hen and a cow, and of the hen two pictures of a dog
    family = Family(studio, server, worker)
    fox = family.first("a fox")
    hen = family.child(fox, "a hen")
    family.child(fox, "a cow")
    dogs = family.child(hen, "a dog", n=2)
    # When the tree of the hen is opened, then it stands there with all its kin, a level each
    tree = family.shown(hen)
    items = tree.get_by_role("treeitem")
    expect(items).to_have_count(4)
    assert [item.get_attribute("aria-label") for item in items.all()] == [
        "a fox, drawn",
        "a hen, varied",
        "a dog, varied",
        "a cow, varied",
    ]
    assert [item.get_attribute("aria-level") for item in items.all()] == ["1", "2", "3", "2"]
    expect(tree.locator("[aria-current=true]")).to_be_focused()
    assert studio.locator("#lineage-tree img").evaluate_all("(all) => all.every((one) => one.naturalWidth > 0)")
    # and keys lead through it
    for key, words in [
        ("ArrowRight", "dog"),
        ("ArrowLeft", "hen"),
        ("ArrowLeft", "fox"),
        ("End", "cow"),
        ("Home", "fox"),
    ]:
        studio.keyboard.press(key)
        expect(items.filter(has=studio.locator(":scope:focus")).or_(tree.locator(":focus")).first).to_have_attribute(
            "aria-label", f"a {words}, {'drawn' if words == 'fox' else 'varied'}"
        )
    studio.keyboard.press("Enter")
    expect(tree).to_be_hidden()
    assert studio.evaluate("window.chosen") == [[fox["id"], 0]]
    # and of several pictures the very one is chosen that is pressed
    tree = family.shown(hen)
    tree.locator("img[data-index='1']").click()
    assert studio.evaluate("window.chosen") == [[dogs["id"], 1]]


def test_what_was_deleted_leaves_its_place(studio: Page, server: str, worker: FakeWorker) -> None:
    family = Family(studio, server, worker)
    fox = family.first("a fox")
    hen = family.child(fox, "a hen")
    family.delete(fox)
    tree = family.shown(hen)
    gone = tree.get_by_role("treeitem").first
    expect(gone).to_have_attribute("aria-disabled", "true")
    expect(gone).to_contain_text("Deleted")
    gone.locator(".member").first.click()
    expect(tree).to_be_visible()
    assert studio.evaluate("window.chosen") == []


def test_one_that_stands_alone_says_so(studio: Page, server: str, worker: FakeWorker) -> None:
    family = Family(studio, server, worker)
    family.shown(family.first("a fox"))
    expect(studio.locator("#lineage-said")).to_have_text("It stands alone: nothing was made of it yet.")


def test_two_hundred_are_shown_and_more_are_told_of(studio: Page, server: str, worker: FakeWorker) -> None:
    # Given an answer as the server gives it for a large family, a third of it in one line
    family = Family(studio, server, worker)
    fox = family.first("a fox")
    answer = studio.request.get(f"{server}/v1/generations/{fox['id']}/lineage").json()
    (root,) = answer["nodes"]
    nodes = [root]
    for number in range(1, 200):
        above = nodes[number - 1] if number < 70 else nodes[number % 7]
        parents = [{"generation": above["id"], "index": 0}]
        nodes.append({**root, "id": f"gen_{number:040}", "prompt": f"fox {number}", "parents": parents})
    studio.route("**/lineage", lambda route: route.fulfill(json={**answer, "nodes": nodes, "truncated": True}))
    # When it is opened, then all stand there, the current one in focus and in sight
    tree = family.shown(fox)
    expect(tree.get_by_role("treeitem")).to_have_count(200)
    expect(studio.locator("#lineage-said")).to_have_text("200 jobs. There are more; these are the nearest.")
    expect(tree.locator("[aria-current=true] > .member")).to_be_in_viewport()
