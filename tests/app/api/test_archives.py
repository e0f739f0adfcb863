"""Many outputs in one file: what is in it, who gets it, and what becomes of what is gone."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from core.keys import KeyPolicy
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import Connect
from tests.app.fake_worker import PICTURE, FakeWorker


def drawn(client: TestClient, worker: FakeWorker, prompt: str, n: int = 1, **headers: str) -> dict[str, Any]:
    body = {"prompt": prompt, "n": n}
    job: dict[str, Any] = client.post("/v1/generations", json=body, headers=headers).json()
    worker.draw_next()
    return job


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def test_pictures_come_in_one_file_with_their_recipes(client: TestClient, worker: FakeWorker) -> None:
    # Given two jobs, one of several pictures
    fox, hen = drawn(client, worker, "A red Fox: 'den'/..", n=3), drawn(client, worker, "سفينة شراعية")
    # When one picture of the first and all of the other are asked for
    items = [{"generation": fox["id"], "index": 2}, {"generation": hen["id"]}]
    response = client.post("/v1/archives", json={"items": items})
    assert response.status_code == 201
    told = response.json()
    assert (told["count"], told["size_bytes"]) == (2, 2 * len(PICTURE))
    # Then they are in it, in that order, named so that a person knows them
    answer = client.get(told["url"])
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="easel-2-pictures.zip"'
    archive = opened(answer.content)
    first, second = f"0001-a-red-fox-den-{fox['id'][-8:]}-2.png", f"0002-سفينة-شراعية-{hen['id'][-8:]}-0.png"
    assert archive.namelist() == [first, second, "recipes.json"]
    assert archive.read(first) == PICTURE
    assert archive.getinfo(first).compress_type == zipfile.ZIP_STORED
    # and what made each of them
    recipes = json.loads(archive.read("recipes.json"))
    assert [each["file"] for each in recipes["files"]] == [first, second]
    assert recipes["files"][0]["seed"] == fox["seeds"][2]
    assert recipes["files"][1]["parameters"]["prompt"] == "سفينة شراعية"
    assert recipes["gone"] == []


def test_what_is_gone_meanwhile_is_named_and_breaks_nothing(client: TestClient, worker: FakeWorker) -> None:
    fox, hen = drawn(client, worker, "a fox"), drawn(client, worker, "a hen")
    items = [{"generation": fox["id"], "index": 0}, {"generation": hen["id"], "index": 0}]
    url = client.post("/v1/archives", json={"items": items}).json()["url"]
    client.delete(f"/v1/generations/{fox['id']}")

    archive = opened(client.get(url).content)

    assert [name for name in archive.namelist() if name.endswith(".png")] == [f"0002-a-hen-{hen['id'][-8:]}-0.png"]
    assert json.loads(archive.read("recipes.json"))["gone"] == [{"generation": fox["id"], "index": 0}]


@pytest.mark.parametrize(
    ("item", "param"),
    [({"generation": "gen_" + "0" * 40}, "items.1.generation"), ({"index": 1}, "items.1.index")],
)
def test_what_is_not_there_is_named(client: TestClient, worker: FakeWorker, item: dict[str, Any], param: str) -> None:
    job = drawn(client, worker, "a fox")
    items = [{"generation": job["id"]}, {"generation": job["id"], **item}]

    response = client.post("/v1/archives", json={"items": items})

    assert (response.status_code, response.json()["error"]["param"]) == (404, param)


@pytest.mark.parametrize("items", [[], [{"generation": "gen_" + "0" * 40}] * 1001, [{"index": 0}], "all"])
def test_what_is_no_list_of_outputs_is_refused(client: TestClient, items: object) -> None:
    assert client.post("/v1/archives", json={"items": items}).status_code == 400


def test_too_many_by_whole_jobs_are_refused(client: TestClient, worker: FakeWorker) -> None:
    job = drawn(client, worker, "a fox", n=4)

    response = client.post("/v1/archives", json={"items": [{"generation": job["id"]}] * 251})

    assert response.status_code == 400
    assert "1004 outputs" in response.json()["error"]["message"]


def test_a_job_that_is_not_done_has_nothing_to_give(client: TestClient) -> None:
    job = client.post("/v1/generations", json={"prompt": "a fox"}).json()

    response = client.post("/v1/archives", json={"items": [{"generation": job["id"]}]})

    assert response.status_code == 404
    assert "has no outputs" in response.json()["error"]["message"]


def test_its_address_opens_without_a_key_and_only_that(
    connect: Connect, settings: Settings, redis: Redis, worker: FakeWorker
) -> None:
    with connect() as client:
        headers = {"Authorization": f"Bearer {KeyStore(redis).create(KeyPolicy(name='alice')).text}"}
        job = drawn(client, worker, "a fox", **headers)
        told = client.post("/v1/archives", json={"items": [{"generation": job["id"]}]}, headers=headers).json()

        assert opened(client.get(told["url"]).content).namelist()[-1] == "recipes.json"
        bare = told["url"].partition("?")[0]
        assert client.get(bare).status_code == 401
        assert client.get(bare, headers=headers).status_code == 200
        assert client.get(told["url"].replace("sig=", "sig=x")).status_code == 403


def test_an_archive_that_is_over_is_said_to_be(client: TestClient) -> None:
    response = client.get(f"/v1/archives/arc_{'0' * 40}.zip")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "archive_not_found")
