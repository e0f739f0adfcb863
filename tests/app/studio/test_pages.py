"""The page: it is there, it is strict, it is small, and it needs nobody else's server."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.studio.pages import FILES, VERSION
from core.settings import Settings
from tests.app.conftest import MODELS, connected

MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
PATHS = ["/", *(f"/studio/{name}" for name in sorted(FILES) if name != "index.html")]
SCRIPTS = [path for path in PATHS if path.endswith(".js")]
FIRST_LOAD_BYTES = 300_000


@pytest.fixture(scope="module")
def client(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One for all: the page's files are read once, and nothing here changes anything."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "catalog.toml").write_text(MODELS)
    with connected(Settings(redis_url=redis_url, data_dir=folder, catalog=folder / "catalog.toml")) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_a_page_with_its_headers(client: TestClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    media_type = MEDIA_TYPES["html" if path == "/" else path.rpartition(".")[2]]
    assert response.headers["content-type"].removesuffix("; charset=utf-8") == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "name", ["pages.py", "__init__.py", "..%2fmain.py", "index.html", "dialogs/viewer.html", "nothing.js"]
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    response = client.get(f"/studio/{name}")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_loaded_from_elsewhere(client: TestClient, path: str) -> None:
    text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://", text)


def test_the_first_load_is_small(client: TestClient) -> None:
    assert sum(len(client.get(path).content) for path in PATHS) < FIRST_LOAD_BYTES


def test_what_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    for path in PATHS:
        tag = client.get(path).headers["etag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


class TestWeight:
    def test_files_are_packed_for_whom_takes_it(self, client: TestClient) -> None:
        for path in PATHS:
            plain = client.get(path, headers={"Accept-Encoding": "identity"})
            packed = client.get(path, headers={"Accept-Encoding": "br, gzip"})
            assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
            assert plain.content == packed.content
            assert plain.headers["etag"] != packed.headers["etag"]
            assert packed.headers["vary"] == "Accept-Encoding"
            assert int(packed.headers["content-length"]) < len(plain.content)

    @pytest.mark.parametrize("said", ["gzip;q=0", "deflate", "", "gzip; q=0.0, br"])
    def test_who_does_not_take_it_gets_them_plain(self, client: TestClient, said: str) -> None:
        assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": said}).headers

    def test_files_are_kept_for_good_and_the_page_is_not(self, client: TestClient) -> None:
        page = client.get("/")
        addresses = set(re.findall(r'(?:src|href)="(/studio/[^"]*)"', page.text))
        assert page.headers["cache-control"] == "no-cache"
        assert len(addresses) > 20
        for address in addresses:
            assert "immutable" in client.get(address).headers["cache-control"]
        # and one of another version, which an open page may ask for after an update, is asked for again
        assert client.get("/studio/studio.js").headers["cache-control"] == "no-cache"
        assert client.get("/studio/000000000000/studio.js").headers["cache-control"] == "no-cache"
        assert client.get("/studio/00/studio.js").status_code == 404


def test_every_script_is_fetched_at_once(client: TestClient) -> None:
    """A script that is found only in another one costs one more round trip."""
    page = client.get("/").text
    page = page.replace(f"/{VERSION}/", "/")
    assert [path for path in SCRIPTS if f'href="{path}"' not in page and f'src="{path}"' not in page] == []


def test_every_id_is_there_once(client: TestClient) -> None:
    ids = re.findall(r'\sid="([\w-]+)"', client.get("/").text)
    assert sorted(ids) == sorted(set(ids))


def test_nothing_is_inline(client: TestClient) -> None:
    page = client.get("/").text

    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    for name in re.findall(r'(?:src|href)="(/[^"]*)"', page):
        assert client.get(name).status_code == 200


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_writes_no_markup_and_imports_what_is_there(client: TestClient, path: str) -> None:
    script = client.get(path).text

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)
    for name in re.findall(r'from "([^"]+)"', script):
        assert posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) in SCRIPTS


@pytest.mark.parametrize("path", SCRIPTS)
def test_what_a_script_looks_for_is_on_the_page(client: TestClient, path: str) -> None:
    page = client.get("/").text
    names = set(re.findall(r'byId\("([\w-]+)"\)', client.get(path).text))

    assert {name for name in names if f'id="{name}"' not in page} == set()


def test_every_field_has_a_label(client: TestClient) -> None:
    page = client.get("/").text
    fields = re.findall(r'<(?:input|select|textarea) id="([\w-]+)"', page)

    assert len(fields) > 10
    labels = ('<label for="{}"', 'id="{}"[^>]*aria-label="', '<label[^>]*><input id="{}"')
    assert [name for name in fields if not any(re.search(form.format(name), page) for form in labels)] == []
