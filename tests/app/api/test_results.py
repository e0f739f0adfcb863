"""Pictures over HTTP: the bytes, the headers that keep a browser safe, and nothing else of the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.fake_worker import PICTURE, THUMBNAIL, FakeWorker


@pytest.fixture
def url(client: TestClient, worker: FakeWorker) -> str:
    """The address of a finished picture."""
    job = client.post("/v1/generations", json={"prompt": "a red apple", "output": {"format": "webp"}}).json()
    worker.draw_next()
    address: str = client.get(job["urls"]["get"]).json()["outputs"][0]["url"]
    return address


def test_a_picture_with_its_headers(client: TestClient, url: str) -> None:
    response = client.get(url)

    assert response.content == PICTURE
    assert response.headers["content-type"] == "image/webp"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    job_id = url.split("/")[-2]
    assert response.headers["content-disposition"] == f'inline; filename="{job_id}-0.webp"'


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_known_etag_is_304(client: TestClient, url: str, form: str) -> None:
    etag = client.get(url).headers["etag"]
    response = client.get(url, headers={"If-None-Match": form.format(etag)})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag


def test_another_etag_is_200(client: TestClient, url: str) -> None:
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["1.webp", "0.png", "0.exe", "00.webp", "-1.webp", "0x0.webp", "\u0660.webp", "9" * 5000 + ".webp", "0", "0.",
     "..%2f..%2fcatalog.toml", "%2e%2e/0.webp", "0.webp%00", "0.webp/", "0%5c.webp"],
)  # fmt: skip
def test_anything_else_is_not_found(client: TestClient, url: str, name: str) -> None:
    response = client.get(f"{url.rsplit('/', 1)[0]}/{name}")

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_an_unfinished_job_has_no_picture(client: TestClient) -> None:
    job = client.post("/v1/generations", json={"prompt": "x"}).json()
    response = client.get(f"/v1/results/{job['id']}/0.png")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "result_not_found"


def test_a_lost_file_is_not_found(client: TestClient, url: str, settings: Settings) -> None:
    shutil.rmtree(Path(settings.data_dir) / "results")

    assert client.get(url).status_code == 404


class TestThumbnails:
    def test_a_large_picture_has_a_small_copy(self, client: TestClient, worker: FakeWorker) -> None:
        # Given a picture that is larger than the smallest thumbnail
        job = client.post("/v1/generations", json={"prompt": "a red apple", "width": 384, "height": 192}).json()
        worker.draw_next()
        # When its generation is looked at
        output = client.get(job["urls"]["get"]).json()["outputs"][0]
        # Then it tells of one, which is there, may be kept, and is gone with the generation
        [small] = output["thumbnails"]
        assert (small["width"], small["height"], small["medium"]) == (320, 160, "image/webp")
        assert small["url"].endswith("/0-320.webp")
        response = client.get(small["url"])
        assert (response.content, response.headers["content-type"]) == (THUMBNAIL, "image/webp")
        assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert client.get(small["url"], headers={"If-None-Match": response.headers["etag"]}).status_code == 304
        client.delete(job["urls"]["get"])
        assert client.get(small["url"]).status_code == 404

    @pytest.mark.parametrize("name", ["0-640.webp", "1-320.webp", "0-320.png", "0-0320.webp", "00-320.webp"])
    def test_there_is_no_other(self, client: TestClient, worker: FakeWorker, name: str) -> None:
        job = client.post("/v1/generations", json={"prompt": "a red apple", "width": 384}).json()
        worker.draw_next()

        assert client.get(f"/v1/results/{job['id']}/{name}").status_code == 404
