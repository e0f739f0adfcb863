"""The public pages: what they show, that nothing typed becomes markup, and that they are right in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from redis import Redis

from core.settings import Settings
from tests.app.api.test_marks import drawn
from tests.app.api.test_shares import NONE, share
from tests.app.conftest import Connect, serving
from tests.app.fake_worker import FakeWorker
from tests.browser import DESKTOP, PHONE, needs_chromium, opened

NASTY = 'a "fox" <script>alert(1)</script> & </title><img src=x onerror=alert(1)>'


pytestmark = pytest.mark.usefixtures("real_pictures")


@pytest.fixture
def public(connect: Connect) -> Iterator[TestClient]:
    with connect(public_gallery=True) as client:
        yield client


def test_a_page_tells_people_and_programs(public: TestClient, worker: FakeWorker) -> None:
    job = drawn(public, worker, prompt="a fox in the snow", negative_prompt="fog", seed=7)
    made = share(public, job)
    page = public.get(made["url"])

    for words in ("a fox in the snow", "fog", "mini", "256 × 256", "<dd>7</dd>"):
        assert words in page.text
    picture = f"{made['url']}/picture.png"
    assert f'<meta property="og:image" content="{picture}">' in page.text
    assert '<meta property="og:title" content="a fox in the snow">' in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["x-robots-tag"]) == ("no-cache", "noindex")
    assert public.head(made["url"]).status_code == public.head(picture).status_code == 200
    tag = public.get(picture).headers["etag"]
    assert public.get(picture, headers={"If-None-Match": tag}).status_code == 304
    assert "x-robots-tag" not in public.get(share(public, job, listed=True)["url"]).headers


def test_nothing_typed_becomes_markup(public: TestClient, worker: FakeWorker) -> None:
    made = share(public, drawn(public, worker, prompt=NASTY, negative_prompt=NASTY), listed=True)
    for path in (made["url"], "/gallery"):
        text = public.get(path).text
        assert "<script" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize("path", [NONE, "x", "%00", "a" * 500, f"{NONE}/picture.png", f"{NONE}/small"])
def test_there_is_nothing_at_another_address(public: TestClient, path: str) -> None:
    assert public.get(f"/s/{path}").status_code == 404


def test_a_small_one_is_shown_where_there_is_one(public: TestClient, worker: FakeWorker, redis: Redis) -> None:
    # Given a picture without small ones, then it is shown itself
    job = drawn(public, worker)
    made = share(public, job)
    assert public.get(f"{made['url']}/small").headers["content-type"] == "image/png"

    # When it has some, then the one that is large enough
    name = f"easel:job:{job['id']}"
    (output,) = json.loads(redis.hget(name, "outputs") or "")
    results = public.app.state.services.results  # type: ignore[attr-defined]
    for side in (320, 640, 1280):
        key = f"{job['id']}/1/0-{side}.webp"
        results.put(key, str(side).encode())
        thumbnail = {"side": side, "width": side, "height": side, "key": key, "size_bytes": 3}
        output["thumbnails"] = [*output.get("thumbnails", ()), thumbnail]
    redis.hset(name, "outputs", json.dumps([output]))
    small = public.get(f"{made['url']}/small")
    assert (small.content, small.headers["content-type"]) == (b"640", "image/webp")


def test_the_gallery_goes_on(public: TestClient, worker: FakeWorker) -> None:
    for number in range(41):
        share(public, drawn(public, worker, prompt=f"a fox {number}"), listed=True)
    first = public.get("/gallery").text
    assert first.count("<li>") == 40
    link = first.partition('href="/gallery?cursor=')[2].partition('"')[0]
    assert public.get(f"/gallery?cursor={link}").text.count("<li>") == 1
    assert public.get("/gallery?cursor=zzz").status_code == 400


@needs_chromium
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(
    settings: Settings, worker: FakeWorker, browser: Browser, size: dict[str, int], scheme: str
) -> None:
    # Given a picture that is shared and listed, on a server with a gallery
    with (
        serving(settings.model_copy(update={"public_gallery": True})) as url,
        httpx.Client(base_url=url) as http,
        opened(browser, f"{url}/gallery", **size, color_scheme=scheme) as page,
    ):
        job = http.post("/v1/generations", json={"prompt": "a fox"}).json()
        worker.draw_next()
        made = http.post("/v1/shares", json={"generation": job["id"], "listed": True}).json()

        # When it is looked at from the gallery, then both pages are right and fit the window
        page.reload()
        assert wrong(page) == []
        page.get_by_role("link", name="a fox").click()
        expect(page.get_by_role("heading", name="a fox")).to_be_visible()
        assert page.evaluate("document.querySelector('figure img').naturalWidth") > 0
        assert wrong(page) == []

        # and so is what is left of it when it is withdrawn
        http.delete(f"/v1/shares/{made['id']}")
        page.reload()
        expect(page.get_by_role("heading", name="This picture was withdrawn")).to_be_visible()
        assert wrong(page) == []


def wrong(page: Page) -> list[str]:
    """What axe finds, and what is wider than the window."""
    found = [rule["id"] for rule in Axe().run(page).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*found, *(["wider than the window"] if wide else [])]
