"""Keys over HTTP: who may make them, what each lets its holder do, and how they end."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from app.auth.binding import InsecureBinding
from app.main import create_app
from core.keys import KeyPolicy, Scope
from core.settings import Settings
from core.store import KeyStore
from tests.app.conftest import KEY, Connect
from tests.app.fake_worker import FakeWorker

BODY = {"prompt": "a red apple"}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


@pytest.fixture
def admin(keys: KeyStore) -> dict[str, str]:
    return bearer(keys.create(KeyPolicy(name="root", scopes=(Scope.ADMIN,))).text)


def made(client: TestClient, admin: dict[str, str], **policy: object) -> dict[str, str]:
    response = client.post("/v1/keys", json={"name": "shop", **policy}, headers=admin)
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    return bearer(response.json()["key"])


def test_once_there_is_a_key_it_is_needed(client: TestClient, keys: KeyStore) -> None:
    assert client.get("/v1/models").status_code == 200
    text = keys.create(KeyPolicy(name="first")).text

    assert client.get("/v1/models").status_code == 401
    assert client.get("/v1/models", headers=bearer(text)).status_code == 200
    assert client.get("/v1/models", headers={**bearer(text), "Host": "pictures.example"}).status_code == 200
    assert client.get("/health/live").status_code == 200


def test_nobody_on_this_machine_locks_the_others_out(client: TestClient) -> None:
    response = client.post("/v1/keys", json={"name": "mine"})

    assert response.status_code == 403
    assert "easel keys create" in response.json()["error"]["message"]
    assert client.get("/v1/models").status_code == 200


def test_a_key_of_the_store_lets_listen_beyond_this_machine(settings: Settings, keys: KeyStore) -> None:
    beyond = settings.model_copy(update={"host": "0.0.0.0"})
    with pytest.raises(InsecureBinding, match="easel keys create"):
        create_app(beyond)
    keys.create(KeyPolicy(name="first"))
    create_app(beyond)


def test_keys_of_the_settings_and_of_the_store_are_two_owners(connect: Connect, keys: KeyStore) -> None:
    with connect(api_keys=(SecretStr(KEY),)) as client:
        text = made(client, bearer(KEY))
        job = client.post("/v1/generations", json=BODY, headers=text).json()
        assert client.get(job["urls"]["get"], headers=text).status_code == 200
        assert client.get(job["urls"]["get"], headers=bearer(KEY)).status_code == 404


def test_wrong_id_and_wrong_secret_are_told_alike(client: TestClient, keys: KeyStore) -> None:
    text = keys.create(KeyPolicy(name="first")).text
    answers = [
        client.get("/v1/models", headers=bearer(wrong))
        for wrong in (f"ek_00000000_{text[-43:]}", f"{text[:12]}{'A' * 43}", "nonsense")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


ALLOWED = [
    ("GET", "/v1/models", "read"),
    ("GET", "/v1/generations", "read"),
    ("GET", "/v1/webhooks/secret", "generate"),
    ("GET", "/sdapi/v1/progress", "read"),
    ("POST", "/v1/generations", "generate"),
    ("POST", "/v1/images/generations", "generate"),
    ("POST", "/images/generations", "generate"),
    ("POST", "/sdapi/v1/interrupt", "generate"),
    ("GET", "/v1/keys", "admin"),
    ("POST", "/v1/keys", "admin"),
    ("DELETE", "/v1/keys/00000000", "admin"),
    ("POST", "/v1/keys/00000000/rotate", "admin"),
]


@pytest.mark.parametrize("scope", Scope)
def test_each_scope_opens_its_own(client: TestClient, keys: KeyStore, scope: Scope) -> None:
    held = bearer(keys.create(KeyPolicy(name="one", scopes=(scope,))).text)
    for method, path, needed in ALLOWED:
        response = client.request(method, path, headers=held)
        assert (response.status_code == 403) == (needed != scope), (method, path)
        if response.status_code == 403:
            assert response.json()["error"]["code"] == "permission_denied"


def test_a_rotated_key_keeps_its_jobs(client: TestClient, admin: dict[str, str], keys: KeyStore) -> None:
    old = made(client, admin)
    job = client.post("/v1/generations", json=BODY, headers=old).json()
    key_id = old["Authorization"].split("_")[1]

    rotated = client.post(f"/v1/keys/{key_id}/rotate", json={}, headers=admin).json()
    for held in (old, bearer(rotated["key"])):
        assert client.get(job["urls"]["get"], headers=held).json()["id"] == job["id"]
    client.post(f"/v1/keys/{key_id}/rotate", json={"overlap_seconds": 0}, headers=admin)
    assert client.get(job["urls"]["get"], headers=bearer(rotated["key"])).status_code == 401


def test_a_revoked_key_says_so_to_its_holder_only(client: TestClient, admin: dict[str, str]) -> None:
    held = made(client, admin)
    key_id = held["Authorization"].split("_")[1]
    assert client.delete(f"/v1/keys/{key_id}", headers=admin).json()["revoked_at"]

    response = client.get("/v1/models", headers=held)
    assert response.status_code == 401
    assert "was revoked" in response.json()["error"]["message"]
    stranger = client.get("/v1/models", headers=bearer(f"ek_{key_id}_{'A' * 43}"))
    assert "revoked" not in stranger.text


def test_an_expired_key_is_none(client: TestClient, redis: Redis) -> None:
    text = KeyStore(redis, clock=lambda: 1_000.0).create(KeyPolicy(name="old"), expires_in=60).text
    response = client.get("/v1/models", headers=bearer(text))

    assert response.status_code == 401
    assert "expired at 1970-01-01 00:17 UTC" in response.json()["error"]["message"]


def test_the_list_shows_no_secret(client: TestClient, admin: dict[str, str]) -> None:
    held = made(client, admin, scopes=["read"], models=["mini"], weight=2.5)
    client.get("/v1/models", headers=held)
    page = client.get("/v1/keys", headers=admin)
    row = page.json()["data"][1]

    assert held["Authorization"][-43:] not in page.text
    assert (row["name"], row["scopes"], row["models"], row["weight"]) == ("shop", ["read"], ["mini"], 2.5)
    assert row["last_used_at"] is not None
    assert client.get(f"/v1/keys/{row['id']}", headers=admin).json() == {
        **row,
        "used_today": {"images": 0, "worker_seconds": 0},
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "name"), ({"name": "x", "scopes": ["root"]}, "scopes.0"), ({"name": "x", "models": ["nope"]}, "models"),
     ({"name": "x", "weight": 0}, "weight"), ({"name": "x", "owner": "y"}, "owner"),
     ({"name": "x", "expires_in": 0}, "expires_in")],
)  # fmt: skip
def test_mistakes_name_the_field(
    client: TestClient, admin: dict[str, str], body: dict[str, object], param: str
) -> None:
    response = client.post("/v1/keys", json=body, headers=admin)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
def test_a_key_that_is_none_is_404(client: TestClient, admin: dict[str, str], method: str, path: str) -> None:
    for key_id in ("00000000", "nope", "%2e%2e"):
        json = {} if method == "POST" else None
        assert client.request(method, f"/v1/keys/{key_id}{path}", headers=admin, json=json).status_code == 404


def test_redis_down_is_503_at_the_door(settings: Settings, connect: Connect) -> None:
    with connect(redis_url="redis://127.0.0.1:1") as client:
        assert client.get("/v1/models").status_code == 503
        assert client.get("/health/live").status_code == 200


def test_jobs_of_one_key_are_not_the_others(client: TestClient, admin: dict[str, str], worker: FakeWorker) -> None:
    mine, theirs = made(client, admin), made(client, admin)
    job = client.post("/v1/generations", json=BODY, headers=mine).json()

    assert client.get(job["urls"]["get"], headers=theirs).status_code == 404
    assert client.delete(job["urls"]["get"], headers=theirs).status_code == 404
    assert client.get("/v1/generations", headers=theirs).json()["data"] == []


def test_a_key_can_be_changed(client: TestClient, admin: dict[str, str], keys: KeyStore) -> None:
    # Given
    key = keys.create(KeyPolicy(name="shop", images_per_day=5, max_queued=2)).key
    path = f"/v1/keys/{key.id}"

    # When null takes a limit away and what is left out stays
    changed = client.patch(path, json={"images_per_day": None, "retention_hours": 1.5, "name": None}, headers=admin)

    # Then
    assert changed.status_code == 200, changed.text
    view = changed.json()
    assert (view["name"], view["images_per_day"], view["max_queued"], view["retention_hours"]) == ("shop", None, 2, 1.5)
    assert client.get(path, headers=admin).json()["retention_hours"] == 1.5


@pytest.mark.parametrize(
    ("changes", "param"),
    [({"models": ["nonsense"]}, "models"), ({"weight": 0}, "weight"), ({"max_running": 0}, "max_running")],
)
def test_a_wrong_change_changes_nothing(
    client: TestClient, admin: dict[str, str], keys: KeyStore, changes: dict[str, object], param: str
) -> None:
    key = keys.create(KeyPolicy(name="shop")).key
    response = client.patch(f"/v1/keys/{key.id}", json=changes, headers=admin)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert keys.get(key.id) == key
