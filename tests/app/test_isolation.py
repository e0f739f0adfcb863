"""Two keys try each other's ids on every route there is: what is another's does not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from app.auth.routes import RouteTable
from core.keys import KeyPolicy
from core.store import KeyStore
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of, plain

OURS = ("job_id", "endpoint_id", "delivery_id", "upload_id", "group_id", "folder", "share_id", "archive_id")
"""Parameters of paths that name something of an owner's."""

FREE = ("model_id", "key_id", "name", "preprocessor", "public_id")
"""Those that do not: models are everybody's, keys are for `admin`, files of the page for everybody,
and what is made of pictures is no one's."""


@dataclass(frozen=True)
class Holder:
    headers: dict[str, str]
    ids: dict[str, str]


def holder(client: TestClient, redis: Redis, worker: FakeWorker, name: str) -> Holder:
    """A key with a running job, a finished one and an endpoint with a message."""
    text = KeyStore(redis).create(KeyPolicy(name=name)).text
    headers = {"Authorization": f"Bearer {text}"}
    endpoint = client.post("/v1/webhooks/endpoints", json={"url": "https://example.com/"}, headers=headers).json()
    files = {"file": ("red.png", file_of(plain()), "image/png")}
    upload = client.post("/v1/uploads", files=files, headers=headers).json()
    body = {"prompt": f"secret of {name}", "width": 384, "inputs": {"image": {"upload": upload["id"]}}}
    job = client.post("/v1/generations", json=body, headers=headers).json()
    assert worker.draw_next() == job["id"]
    log = client.get(f"/v1/webhooks/endpoints/{endpoint['id']}/deliveries", headers=headers).json()["data"]
    group = client.post("/v1/groups", json={"prompt": f"a {{red, blue}} secret of {name}"}, headers=headers).json()
    for member in group["generations"]:
        assert worker.draw_next() == member["id"]
    marks = {"favourite": True, "folders": [name.upper()]}
    assert client.patch(f"/v1/generations/{job['id']}/outputs/0", json=marks, headers=headers).status_code == 200
    ids = {
        "folder": name.upper(),
        "share_id": client.post("/v1/shares", json={"generation": job["id"]}, headers=headers).json()["id"],
        "archive_id": client.post("/v1/archives", json={"items": [{"generation": job["id"]}]}, headers=headers).json()[
            "id"
        ],
        "group_id": group["id"],
        "job_id": job["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": log[0]["id"],
        "upload_id": upload["id"],
    }
    return Holder(headers, {**ids, "index": "0", "extension": "png", "role": "image", "side": "320"})


@pytest.fixture
def two(client: TestClient, redis: Redis, worker: FakeWorker) -> tuple[Holder, Holder]:
    return holder(client, redis, worker, "alice"), holder(client, redis, worker, "bob")


def owned(client: TestClient) -> list[tuple[str, str]]:
    """(method, path) of every route whose path names something of an owner's."""
    found = []
    for route in RouteTable(client.app.routes).rows:  # type: ignore[attr-defined]
        named = re.findall(r"{(\w+)", route.path)
        assert set(named) <= {*OURS, *FREE, "index", "extension", "role", "side"}, (
            f"{route.path}: whose is what it names?"
        )
        if set(named) & set(OURS):
            found += [(method, route.path) for method in sorted(route.methods - {"HEAD"})]
    return found


def fitting(path: str) -> dict[str, str]:
    """A body that is no reason to refuse the address."""
    return {"name": "x"} if "{folder" in path else {}


def test_every_route_knows_whose_it_is(client: TestClient, two: tuple[Holder, Holder]) -> None:
    alice, bob = two
    routes = owned(client)
    assert len(routes) >= 12
    for method, path in routes:
        # When Bob asks for what is Alice's, whatever he sends along, then there is no such thing
        json = fitting(path) if method in ("POST", "PATCH") else None
        response = client.request(method, path.format(**alice.ids), headers=bob.headers, json=json)
        assert response.status_code == 404, (method, path, response.text)
        assert "alice" not in response.text
    # and Alice's things are as they were, and there for her
    for method, path in routes:
        if method == "GET" and "{side}" not in path:  # the stand-in for a worker makes no thumbnails
            response = client.get(path.format(**alice.ids), headers=alice.headers)
            assert response.status_code in (200, 204), (path, response.text)


def test_a_message_is_of_its_own_endpoint(client: TestClient, two: tuple[Holder, Holder]) -> None:
    """An endpoint of one's own does not open another's log."""
    alice, bob = two
    path = f"/v1/webhooks/endpoints/{bob.ids['endpoint_id']}/deliveries/{alice.ids['delivery_id']}/redeliver"
    assert client.post(path, headers=bob.headers).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/v1/generations",
        "/v1/groups",
        "/v1/webhooks/endpoints",
        "/sdapi/v1/progress",
        "/v1/generations?status=succeeded",
        "/v1/generations?q=secret",
        "/v1/generations?favourite=true",
        "/v1/generations?folder=ALICE",
        "/v1/folders",
        "/v1/shares",
    ],
)
def test_no_list_names_anothers(client: TestClient, two: tuple[Holder, Holder], path: str) -> None:
    alice, bob = two
    listed = client.get(path, headers=bob.headers)
    assert listed.status_code == 200
    assert not [name for name in OURS if alice.ids[name] in listed.text]
    assert "alice" not in listed.text


def test_interrupting_ends_ones_own_only(client: TestClient, two: tuple[Holder, Holder]) -> None:
    # Given a job of Alice's that waits, asked for in the way of A1111's clients
    alice, bob = two
    labelled = {"prompt": "x", "metadata": {"client": "a1111"}}
    job = client.post("/v1/generations", json=labelled, headers=alice.headers).json()

    # When Bob interrupts whatever runs
    assert client.post("/sdapi/v1/interrupt", headers=bob.headers).status_code == 200

    # Then it still waits
    assert client.get(job["urls"]["get"], headers=alice.headers).json()["status"] == "queued"


def test_an_idempotency_key_finds_nobody_elses_job(client: TestClient, two: tuple[Holder, Holder]) -> None:
    ids = set()
    for who in two:
        headers = {**who.headers, "Idempotency-Key": "order-1"}
        first = client.post("/v1/generations", json={"prompt": "x"}, headers=headers)
        assert "idempotency-replayed" not in first.headers
        ids.add(first.json()["id"])
    assert len(ids) == 2


def test_no_key_changes_what_it_may_do(client: TestClient, two: tuple[Holder, Holder], redis: Redis) -> None:
    # Given a key that may generate and read
    alice, _ = two
    before = KeyStore(redis).list()
    own = alice.headers["Authorization"].split("_")[1]

    # When it tries every way to a better one, however the address is spelled
    for method, path, body in (
        ("POST", "/v1/keys", {"name": "more", "scopes": ["admin"]}),
        ("PATCH", f"/v1/keys/{own}", {"scopes": ["admin"], "images_per_day": None}),
        ("POST", f"/v1/keys/{own}/rotate", {}),
        ("DELETE", f"/v1/keys/{own}", None),
        ("GET", f"/v1/keys/{own}", None),
        ("GET", "/v1/keys", None),
        ("POST", "/v1/%6beys", {"name": "more"}),
        ("POST", "/v1//keys", {"name": "more"}),
        ("POST", "//v1/keys", {"name": "more"}),
        ("POST", "/v1/generations/../keys", {"name": "more"}),
        ("POST", "/v1/keys/", {"name": "more"}),
        ("POST", "/keys", {"name": "more"}),
    ):
        response = client.request(method, path, json=body, headers=alice.headers)
        assert response.status_code in (403, 404), (method, path, response.text)
        assert "ek_" not in response.text

    # Then nothing has changed but when it was used
    after = KeyStore(redis).list()
    assert [key.evolve(last_used_at=None) for key in after] == [key.evolve(last_used_at=None) for key in before]
