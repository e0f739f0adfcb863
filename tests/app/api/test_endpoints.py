"""Webhook endpoints over HTTP: made, changed, tested, removed, and nobody else's."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker

PATH = "/v1/webhooks/endpoints"
URL = "https://example.com/hook"


def made(client: TestClient, **fields: object) -> dict[str, object]:
    response = client.post(PATH, json={"url": URL, **fields})
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, object] = response.json()
    return answer


def test_the_secret_is_shown_once(client: TestClient) -> None:
    # When
    endpoint = made(client, description="shop")

    # Then
    assert str(endpoint["secret"]).startswith("whsec_")
    shown = client.get(f"{PATH}/{endpoint['id']}").json()
    assert shown == {name: value for name, value in endpoint.items() if name != "secret"}
    assert shown["events"] == ["completed"]
    assert shown["enabled"] is True
    assert client.get(PATH).json() == {"object": "list", "data": [shown]}


def test_changes_leave_the_rest(client: TestClient) -> None:
    endpoint = made(client, description="shop")
    path = f"{PATH}/{endpoint['id']}"

    changed = client.patch(path, json={"events": ["started", "completed"], "enabled": False}).json()

    assert changed["events"] == ["started", "completed"]
    assert changed["enabled"] is False
    assert changed["url"] == URL
    assert changed["description"] == "shop"
    assert client.get(path).json() == changed
    assert client.patch(path, json={"description": "", "url": None}).json()["description"] == ""


def test_a_rotation_shows_another_secret(client: TestClient) -> None:
    endpoint = made(client)
    response = client.post(f"{PATH}/{endpoint['id']}/rotate")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["secret"] != endpoint["secret"]


def test_a_finished_job_is_in_the_log_and_can_be_sent_again(client: TestClient, worker: FakeWorker) -> None:
    # Given
    endpoint = made(client)
    job = client.post("/v1/generations", json={"prompt": "a red apple"}).json()
    worker.draw_next()

    # When
    (logged,) = client.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    again = client.post(f"{PATH}/{endpoint['id']}/deliveries/{logged['id']}/redeliver")

    # Then
    assert logged["job_id"] == job["id"]
    assert logged["type"] == "generation.succeeded"
    assert logged["state"] == "pending"
    assert again.status_code == 202
    assert again.json()["id"] == logged["id"]


def test_a_test_message_is_under_way(client: TestClient) -> None:
    endpoint = made(client)
    response = client.post(f"{PATH}/{endpoint['id']}/test")
    assert response.status_code == 202
    assert response.json()["type"] == "webhook.test"
    assert client.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"] == [response.json()]


def test_removed_is_gone(client: TestClient) -> None:
    endpoint = made(client)
    assert client.delete(f"{PATH}/{endpoint['id']}").status_code == 204
    assert client.get(PATH).json()["data"] == []
    assert client.delete(f"{PATH}/{endpoint['id']}").status_code == 404


ROUTES = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/rotate"),
    ("POST", "/test"),
    ("GET", "/deliveries"),
    ("POST", "/deliveries/msg_1/redeliver"),
]


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_to_another_key_it_does_not_exist(connect: Connect, method: str, rest: str) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        endpoint = made(client)
        client.headers["Authorization"] = f"Bearer {OTHER_KEY}"
        body = {"json": {"enabled": False}} if method == "PATCH" else {}
        response = client.request(method, f"{PATH}/{endpoint['id']}{rest}", **body)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "endpoint_not_found"
        assert client.get(PATH).json()["data"] == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://user:pass@example.com"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["finished"]}, "events[0]"),
        ({"enabled": "yes"}, "enabled"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, fields: dict[str, object], param: str) -> None:
    response = client.post(PATH, json={"url": URL, **fields})
    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith(param.partition("[")[0])
