"""Favourites, folders and single outputs, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.api.asking import submit
from tests.app.conftest import Connect
from tests.app.fake_worker import FakeWorker


def drawn(client: TestClient, worker: FakeWorker, **body: Any) -> dict[str, Any]:
    job = submit(client, **body)
    worker.draw_next()
    answer: dict[str, Any] = client.get(job["urls"]["get"]).json()
    return answer


def mark(client: TestClient, job: dict[str, Any], index: int = 0, **marks: Any) -> dict[str, Any]:
    response = client.patch(f"/v1/generations/{job['id']}/outputs/{index}", json=marks)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def ids(client: TestClient, **query: Any) -> list[str]:
    response = client.get("/v1/generations", params=query)
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json()["data"]]


def test_marks_are_shown_and_keep(client: TestClient, worker: FakeWorker) -> None:
    job = drawn(client, worker, n=2)
    assert job["expires_at"] is not None
    assert [(output["favourite"], output["folders"]) for output in job["outputs"]] == [(False, [])] * 2

    marked = mark(client, job, 1, favourite=True, folders=["Füchse", "a/b"])

    assert marked["expires_at"] is None
    assert [(output["favourite"], output["folders"]) for output in marked["outputs"]] == [
        (False, []),
        (True, ["Füchse", "a/b"]),
    ]
    assert marked == client.get(job["urls"]["get"]).json()
    assert mark(client, job, 1, favourite=False, folders=[])["expires_at"] >= job["expires_at"]


def test_folders(client: TestClient, worker: FakeWorker) -> None:
    job = drawn(client, worker, n=2)
    mark(client, job, 0, folders=["a/b", "Füchse"])
    mark(client, job, 1, folders=["Füchse"])
    assert client.get("/v1/folders").json() == {
        "object": "list",
        "data": [{"name": "a/b", "count": 1}, {"name": "Füchse", "count": 2}],
    }

    renamed = client.patch("/v1/folders/a%2Fb", json={"name": "Füchse"})
    assert (renamed.status_code, renamed.json()["data"]) == (200, [{"name": "Füchse", "count": 2}])
    assert client.delete("/v1/folders/F%C3%BCchse").status_code == 204
    assert client.get("/v1/folders").json()["data"] == []
    assert client.get(job["urls"]["get"]).json()["expires_at"] is not None
    for response in (client.delete("/v1/folders/none"), client.patch("/v1/folders/none", json={"name": "x"})):
        assert (response.status_code, response.json()["error"]["param"]) == (404, "folder")


def test_lists_are_searched(client: TestClient, worker: FakeWorker) -> None:
    fox, hen = (drawn(client, worker, prompt=f"a {animal} at night")["id"] for animal in ("Fox", "hen"))
    mark(client, {"id": hen}, favourite=True, folders=["Birds"])

    assert ids(client, q="night fox") == [fox]
    assert ids(client, q="birds") == [hen]
    assert ids(client, favourite=True) == ids(client, folder="Birds") == [hen]
    assert ids(client, task="upscale") == []
    assert ids(client, model="mini", status="succeeded") == [hen, fox]
    page = client.get("/v1/generations", params={"q": "night", "limit": 1}).json()
    assert ids(client, q="night", cursor=page["next_cursor"]) == [fox]


@pytest.mark.parametrize(
    ("marks", "param"),
    [
        ({}, "favourite"),
        ({"favourite": "yes"}, "favourite"),
        ({"folders": "Foxes"}, "folders"),
        ({"folders": [" Foxes"]}, "folders.0"),
        ({"folders": ["a\nb"]}, "folders.0"),
        ({"folders": [".."]}, "folders.0"),
        ({"folders": ["/x"]}, "folders.0"),
        ({"folders": ["x" * 101]}, "folders.0"),
        ({"folders": [f"{number}" for number in range(21)]}, "folders"),
        ({"favorite": True}, "favorite"),
    ],
)
def test_a_wrong_mark_is_named(client: TestClient, worker: FakeWorker, marks: dict[str, Any], param: str) -> None:
    job = drawn(client, worker)
    response = client.patch(f"/v1/generations/{job['id']}/outputs/0", json=marks)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_there_is_no_such_output(client: TestClient, worker: FakeWorker, method: str) -> None:
    job = drawn(client, worker)
    json = {"favourite": True} if method == "PATCH" else None
    response = client.request(method, f"/v1/generations/{job['id']}/outputs/1", json=json)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "output_not_found")


def test_no_more_are_kept_than_may_be(connect: Connect, worker: FakeWorker) -> None:
    with connect(max_kept_per_key=1) as client:
        mark(client, drawn(client, worker), favourite=True)
        response = client.patch(f"/v1/generations/{drawn(client, worker)['id']}/outputs/0", json={"favourite": True})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_kept")


def test_one_output_goes_with_its_files(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a job of four pictures, the second of which has smaller ones beside it
    job = drawn(client, worker, n=4)
    folder = Path(settings.data_dir.resolve() / "results" / job["id"] / "1")
    (folder / "1-320.webp").write_bytes(b"small")
    (folder / "10.png").write_bytes(b"another's")

    # When it is deleted
    assert client.delete(f"/v1/generations/{job['id']}/outputs/1").status_code == 204

    # Then its files are gone, the others are there under their numbers
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "10.png", "2.png", "3.png"]
    left = client.get(job["urls"]["get"]).json()
    assert [output["index"] for output in left["outputs"]] == [0, 2, 3]
    assert client.get(job["outputs"][1]["url"]).status_code == 404
    assert client.get(left["outputs"][1]["url"]).status_code == 200

    # and with the last one the job goes
    for index in (0, 2, 3):
        assert client.delete(f"/v1/generations/{job['id']}/outputs/{index}").status_code == 204
    assert client.get(job["urls"]["get"]).status_code == 404
    assert not folder.parent.exists() or list(folder.parent.rglob("*.png")) == []
