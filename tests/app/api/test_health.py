"""Alive, and ready."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.app.conftest import Connect
from tests.app.fake_worker import FakeWorker


def test_a_process_that_answers_is_alive(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


def test_nobody_to_draw_is_not_ready(client: TestClient) -> None:
    response = client.get("/health/ready")

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "no_worker"
    assert "default or large" in response.json()["error"]["message"]
    assert response.headers["retry-after"]


def test_a_worker_of_another_queue_does_not_count(client: TestClient, worker: FakeWorker) -> None:
    worker.announce(queue="elsewhere")

    assert client.get("/health/ready").status_code == 503


@pytest.mark.parametrize("queue", ["default", "large"])
def test_a_worker_of_a_models_queue_makes_it_ready(client: TestClient, worker: FakeWorker, queue: str) -> None:
    worker.announce(queue=queue)

    answer = client.get("/health/ready").json()
    assert (answer["status"], answer["workers"]) == ("ready", 1)


def test_no_redis_is_not_ready(connect: Connect) -> None:
    with connect(redis_url="redis://127.0.0.1:1") as client:
        response = client.get("/health/ready")
        assert client.get("/health/live").status_code == 200

    assert response.status_code == 503
    assert "does not answer" in response.json()["error"]["message"]
    assert response.headers["retry-after"]


def test_a_full_queue_is_not_ready(connect: Connect, worker: FakeWorker) -> None:
    # Given
    worker.announce()
    with connect(max_queued=1) as client:
        assert client.get("/health/ready").status_code == 200

        # When
        client.post("/v1/generations", json={"prompt": "a red apple"})
        response = client.get("/health/ready")

    # Then
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "queue_full"
    assert response.headers["retry-after"]
