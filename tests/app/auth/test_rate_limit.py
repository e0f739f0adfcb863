"""The rate of a key over HTTP: what counts, what the headers say, and when there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from app.auth.routes import RouteTable
from core.keys import KeyPolicy
from core.store import KeyStore
from tests.app.conftest import KEY, OTHER_KEY, Connect

KEYS = (SecretStr(KEY), SecretStr(OTHER_KEY))
MINE = {"Authorization": f"Bearer {KEY}"}
THEIRS = {"Authorization": f"Bearer {OTHER_KEY}"}
BODY = {"prompt": "x"}


@pytest.fixture
def guarded(connect: Connect) -> Iterator[TestClient]:
    with connect(api_keys=KEYS, requests_per_minute_per_key=2) as client:
        yield client


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


METERED = {
    "POST /v1/generations",
    "POST /v1/images/edits",
    "POST /v1/images/generations",
    "POST /v1/images/variations",
    "POST /sdapi/v1/img2img",
    "POST /sdapi/v1/options",
    "POST /sdapi/v1/txt2img",
    "POST /v1/webhooks/endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver",
    "POST /v1/webhooks/endpoints/{endpoint_id}/test",
}


def test_what_may_make_work_counts(client: TestClient) -> None:
    """Looking, cancelling, deleting and the care of keys and webhooks do not."""
    rows = RouteTable(client.app.routes).rows  # type: ignore[attr-defined]
    metered = {f"{method} {row.path}" for row in rows if row.access.metered for method in row.methods}

    assert metered >= METERED
    assert not {where for where in metered if where.endswith(("/cancel", "/interrupt")) or "keys" in where}


def test_the_headers_count_down_to_429(guarded: TestClient) -> None:
    answers = [guarded.post("/v1/generations", json=BODY, headers=MINE) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"2"}
    assert 1 <= int(answers[0].headers["x-ratelimit-reset"]) <= 30
    refused = answers[2]
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert f"in {refused.headers['retry-after']} s" in refused.json()["error"]["message"]


def test_whoever_is_over_the_rate_can_look_and_cancel(guarded: TestClient) -> None:
    job = guarded.post("/v1/generations", json=BODY, headers=MINE).json()
    while guarded.post("/v1/generations", json=BODY, headers=MINE).status_code != 429:
        pass

    looked = guarded.get(job["urls"]["get"], headers=MINE)
    assert looked.status_code == 200
    assert "x-ratelimit-limit" not in looked.headers
    assert guarded.post(job["urls"]["cancel"], headers=MINE).status_code == 200
    assert guarded.post("/v1/generations", json=BODY, headers=THEIRS).status_code == 202


def test_wrong_requests_count_too(guarded: TestClient) -> None:
    answers = [guarded.post("/v1/generations", json={}, headers=MINE) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[0].headers["x-ratelimit-remaining"] == "1"


@pytest.mark.parametrize("what", ["test", "deliveries/{message}/redeliver"])
def test_messages_to_webhooks_count_too(guarded: TestClient, what: str) -> None:
    # Given a key that may make two requests a minute, with an endpoint and a message in its log
    endpoint = guarded.post("/v1/webhooks/endpoints", json={"url": "https://example.com/"}, headers=MINE).json()
    address = f"/v1/webhooks/endpoints/{endpoint['id']}"
    message = guarded.post(f"{address}/test", headers=MINE).json()["id"]

    # When it asks for another
    answers = [guarded.post(f"{address}/{what.format(message=message)}", headers=MINE) for _ in range(2)]

    # Then one more is sent, and no third
    assert [answer.status_code for answer in answers] == [202, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["0", "0"]
    # and the rest of the care of webhooks goes on
    assert guarded.post(f"{address}/rotate", headers=MINE).status_code == 200


def test_a_stranger_uses_up_nothing(guarded: TestClient) -> None:
    for _ in range(3):
        assert guarded.post("/v1/generations", json=BODY).status_code == 401

    assert guarded.post("/v1/generations", json=BODY, headers=MINE).headers["x-ratelimit-remaining"] == "1"


def test_a_key_has_its_own_rate_or_none(guarded: TestClient, keys: KeyStore) -> None:
    texts = [keys.create(KeyPolicy(name="x", requests_per_minute=rate)).text for rate in (None, 5, 0)]
    limits = [
        guarded.post("/v1/generations", json=BODY, headers={"Authorization": f"Bearer {text}"}).headers.get(
            "x-ratelimit-limit"
        )
        for text in texts
    ]
    assert limits == ["2", "5", None]


@pytest.mark.parametrize("changes", [{"api_keys": KEYS, "requests_per_minute_per_key": 0}, {}])
def test_there_is_none_when_switched_off_and_without_keys(connect: Connect, changes: dict[str, object]) -> None:
    with connect(**changes) as client:
        for _ in range(70):
            response = client.post("/v1/generations", json={"prompt": ""}, headers=MINE)
            assert response.status_code == 400
            assert "x-ratelimit-limit" not in response.headers


def test_a_model_that_the_key_may_not_use_is_403(guarded: TestClient, keys: KeyStore) -> None:
    text = keys.create(KeyPolicy(name="x", models=("flux-tiny",))).text
    response = guarded.post("/v1/generations", json=BODY, headers={"Authorization": f"Bearer {text}"})

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "model_not_allowed"
