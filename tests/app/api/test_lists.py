"""The list of jobs: newest first, a page at a time."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.app.api.asking import submit
from tests.app.fake_worker import FakeWorker


def test_newest_first_a_page_at_a_time(client: TestClient) -> None:
    ids = [submit(client)["id"] for _ in range(5)]

    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/generations", params=query).json()
        assert page["object"] == "list"
        seen.append([job["id"] for job in page["data"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [ids[:2:-1], ids[2:0:-1], ids[:1]]


def test_a_status_filter_fills_its_page(client: TestClient, worker: FakeWorker) -> None:
    done = [submit(client)["id"] for _ in range(3)]
    for _ in done:
        worker.draw_next()
    for _ in range(4):
        submit(client)

    page = client.get("/v1/generations", params={"limit": 2, "status": "succeeded"}).json()

    assert [job["id"] for job in page["data"]] == [done[2], done[1]]
    assert page["next_cursor"] is not None


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=zzz", "cursor"),
        ("cursor=" + "f" * 14, "cursor"),
        ("status=done", "status"),
        ("state=failed", "state"),
    ],
)
def test_a_wrong_query_is_named(client: TestClient, query: str, param: str) -> None:
    response = client.get(f"/v1/generations?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
