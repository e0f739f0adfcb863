"""`Idempotency-Key`: the same request again is the same job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from tests.app.api.asking import APPLE
from tests.app.fake_worker import FakeWorker

JSON = {"Content-Type": "application/json"}


def test_the_same_request_again_is_the_same_job(client: TestClient) -> None:
    headers = {"Idempotency-Key": "order 42"}
    first = client.post("/v1/generations", json=APPLE, headers=headers)
    again = client.post("/v1/generations", content=b'{ "n": 1, "prompt":"a red apple"}', headers=headers | JSON)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_another_request_under_the_same_key_is_refused(client: TestClient) -> None:
    headers = {"Idempotency-Key": "order-43"}
    client.post("/v1/generations", json=APPLE, headers=headers)
    response = client.post("/v1/generations", json={"prompt": "a pear"}, headers=headers)

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "idempotency_key_reused"
    assert response.json()["error"]["param"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "caf\u00e9"])
def test_a_key_of_the_wrong_shape_is_refused(client: TestClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    response = client.post("/v1/generations", json=APPLE, headers=headers)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "Idempotency-Key"


def test_many_at_once_make_one_job(client: TestClient) -> None:
    def post(_: int) -> str:
        answer = client.post("/v1/generations", json=APPLE, headers={"Idempotency-Key": "race"})
        return str(answer.json()["id"])

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(post, range(40)))) == 1
    assert len(client.get("/v1/generations").json()["data"]) == 1


@pytest.mark.parametrize("end", ["failed", "canceled", "succeeded"])
def test_the_end_of_the_job_is_the_answer_too(client: TestClient, worker: FakeWorker, end: str) -> None:
    """What failed is not drawn again under the same key: who wants that says so with another."""
    # Given a job that has ended
    headers = {"Idempotency-Key": "order-44"}
    job = client.post("/v1/generations", json=APPLE, headers=headers).json()
    if end == "canceled":
        client.post(job["urls"]["cancel"])
    else:
        claim = worker.claim()
        assert (worker.fail(claim) if end == "failed" else worker.finish(claim)) == end

    # When it is asked for again
    again = client.post("/v1/generations", json=APPLE, headers=headers)

    # Then that is what there is
    assert (again.json()["id"], again.json()["status"]) == (job["id"], end)
    assert again.headers["idempotency-replayed"] == "true"


def test_the_key_of_a_deleted_job_says_so(client: TestClient) -> None:
    headers = {"Idempotency-Key": "order-45"}
    job = client.post("/v1/generations", json=APPLE, headers=headers).json()
    client.post(job["urls"]["cancel"])
    assert client.delete(job["urls"]["get"]).status_code == 204

    refused = client.post("/v1/generations", json=APPLE, headers=headers)

    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert "deleted" in refused.json()["error"]["message"]


def test_what_was_refused_uses_up_no_key(client: TestClient) -> None:
    headers = {"Idempotency-Key": "order-46"}
    assert client.post("/v1/generations", json={"prompt": ""}, headers=headers).status_code == 400

    accepted = client.post("/v1/generations", json=APPLE, headers=headers)

    assert accepted.status_code == 202
    assert "idempotency-replayed" not in accepted.headers
