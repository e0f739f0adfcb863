"""Sharing: one address a picture, for everybody, until it is withdrawn, deleted, or its key ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from core.keys import KeyPolicy, Scope
from core.store import KeyStore
from tests.app.api.asking import submit
from tests.app.api.test_marks import drawn
from tests.app.conftest import KEY, Connect
from tests.app.fake_worker import PICTURE, FakeWorker

NONE = "A" * 22


def share(client: TestClient, job: dict[str, Any], **body: Any) -> dict[str, Any]:
    response = client.post("/v1/shares", json={"generation": job["id"], **body})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture
def public(connect: Connect) -> Iterator[TestClient]:
    """A server whose owner allows a gallery."""
    with connect(public_gallery=True) as client:
        yield client


def test_a_picture_has_one_address_until_it_is_withdrawn(client: TestClient, worker: FakeWorker) -> None:
    # Given a picture that is shared
    job = drawn(client, worker, n=2)
    made = share(client, job, index=1)
    assert made["url"] == f"http://127.0.0.1:8000/s/{made['id']}"
    assert (made["generation"], made["index"], made["listed"]) == (job["id"], 1, False)
    assert share(client, job, index=1) == made
    other = share(client, job)
    assert client.get("/v1/shares").json()["data"] == [other, made]
    assert client.get(made["url"]).status_code == 200
    picture = client.get(f"{made['url']}/picture.png")
    assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/png")

    # When it is withdrawn
    assert client.delete(f"/v1/shares/{made['id']}").status_code == 204

    # Then nobody finds it, with or without what a browser has kept, and it is said why
    page = client.get(made["url"])
    assert (page.status_code, "was withdrawn" in page.text) == (404, True)
    known = {"If-None-Match": picture.headers["etag"]}
    for path in ("picture.png", "small"):
        assert client.get(f"{made['url']}/{path}", headers=known).status_code == 404
    assert client.delete(f"/v1/shares/{made['id']}").status_code == 404
    assert client.get("/v1/shares").json()["data"] == [other]
    # and a new share of it has another address
    assert share(client, job, index=1)["id"] != made["id"]


def test_it_goes_with_its_picture(client: TestClient, worker: FakeWorker) -> None:
    job = drawn(client, worker, n=2)
    first, second = share(client, job), share(client, job, index=1)

    client.delete(f"/v1/generations/{job['id']}/outputs/0")
    assert [client.get(each["url"]).status_code for each in (first, second)] == [404, 200]
    client.delete(f"/v1/generations/{job['id']}")
    assert client.get(second["url"]).status_code == 404
    assert client.get("/v1/shares").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"index": 1}, 404, "index"),
        ({"index": -1}, 400, "index"),
        ({"generation": "gen_none"}, 404, "job_id"),
        ({"generation": 3}, 400, "generation"),
        ({"listed": True}, 400, "listed"),
        ({"public": True}, 400, "public"),
    ],
)
def test_what_cannot_be_shared(
    client: TestClient, worker: FakeWorker, body: dict[str, Any], status: int, param: str
) -> None:
    job = drawn(client, worker)
    response = client.post("/v1/shares", json={"generation": job["id"], **body})
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)


def test_a_job_that_has_not_ended_has_nothing_to_share(client: TestClient) -> None:
    response = client.post("/v1/shares", json={"generation": submit(client)["id"]})
    assert response.json()["error"]["code"] == "output_not_found"


def test_a_key_that_ends_takes_its_shares_along(client: TestClient, worker: FakeWorker, redis: Redis) -> None:
    # Given a picture that the holder of a key shares
    keys = KeyStore(redis)
    issued = keys.create(KeyPolicy(name="alice"))
    client.headers["Authorization"] = f"Bearer {issued.text}"
    made = share(client, drawn(client, worker))
    del client.headers["Authorization"]
    assert client.get(made["url"]).status_code == 200

    # When the key is revoked
    keys.revoke(issued.key.id)

    # Then it is gone
    assert client.get(made["url"]).status_code == 404
    assert not redis.keys("easel:share:*")


def test_what_was_shared_before_there_were_keys_is_not_left_open(
    client: TestClient, worker: FakeWorker, redis: Redis
) -> None:
    made = share(client, drawn(client, worker))
    KeyStore(redis).create(KeyPolicy(name="first"))
    assert client.get(made["url"]).status_code == 404


class TestGallery:
    def test_there_is_none_unless_it_is_allowed(self, client: TestClient) -> None:
        for path in ("/v1/gallery", "/gallery"):
            assert client.get(path).json()["error"]["code"] == "no_public_gallery"

    def test_what_is_listed_is_there_a_page_at_a_time(self, public: TestClient, worker: FakeWorker) -> None:
        # Given three listed pictures and one that is only shared
        jobs = [drawn(public, worker, prompt=f"a fox {number}") for number in range(4)]
        shares = [share(public, job, listed=job is not jobs[1]) for job in jobs]

        seen, cursor = [], None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = public.get("/v1/gallery", params=query).json()
            seen += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert [each["prompt"] for each in seen] == ["a fox 3", "a fox 2", "a fox 0"]
        assert (seen[0]["url"], seen[0]["width"]) == (shares[3]["url"], 256)
        assert public.get(seen[0]["picture"]).content == PICTURE

        # When one is no more to be listed, and one is withdrawn, then they are not
        assert share(public, jobs[3], listed=False)["id"] == shares[3]["id"]
        public.delete(f"/v1/shares/{shares[2]['id']}")
        assert [each["id"] for each in public.get("/v1/gallery").json()["data"]] == [shares[0]["id"]]

    def test_an_admin_may_withdraw_any(self, connect: Connect, worker: FakeWorker, redis: Redis) -> None:
        issued = KeyStore(redis).create(KeyPolicy(name="alice"))
        admin = KeyStore(redis).create(KeyPolicy(name="owner", scopes=(Scope.ADMIN,)))
        with connect(public_gallery=True, api_keys=(SecretStr(KEY),)) as client:
            client.headers["Authorization"] = f"Bearer {issued.text}"
            made = share(client, drawn(client, worker), listed=True)
            path = f"/v1/gallery/{made['id']}"
            assert client.delete(path).status_code == 403
            client.headers["Authorization"] = f"Bearer {admin.text}"
            assert client.delete(path).status_code == 204
            assert client.delete(path).status_code == 404
            assert client.get(made["url"]).status_code == 404
