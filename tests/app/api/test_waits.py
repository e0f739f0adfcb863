"""`Prefer: wait`: the answer is held until the job ends, without a thread for it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.api.asking import APPLE
from tests.app.fake_worker import FakeWorker


def test_the_finished_job_is_the_answer(client: TestClient, settings: Settings) -> None:
    with FakeWorker(settings):
        response = client.post("/v1/generations", json=APPLE, headers={"Prefer": "wait=20"})

    assert response.status_code == 200
    assert response.json()["status"] == "succeeded"
    assert response.headers["preference-applied"] == "wait=20"
    assert response.headers["location"]
    assert "retry-after" not in response.headers


def test_a_job_that_takes_longer_is_answered_as_it_is(client: TestClient) -> None:
    began = time.monotonic()
    response = client.post("/v1/generations", json=APPLE, headers={"Prefer": "respond-async, wait=1"})

    assert response.status_code == 202
    assert response.json()["status"] == "queued"
    assert response.headers["preference-applied"] == "wait=1"
    assert 0.9 < time.monotonic() - began < 10  # and not the minute that is the most


def test_more_waiters_than_threads_cost_nothing(server: str, settings: Settings) -> None:
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(base_url=server, timeout=60, limits=limits) as http, ThreadPoolExecutor(60) as pool:
        # Given more requests that wait than the app has threads
        headers = {"Prefer": "wait=20"}
        waits = [pool.submit(http.post, "/v1/generations", json=APPLE, headers=headers) for _ in range(60)]
        while len(http.get("/v1/generations?limit=100").json()["data"]) < len(waits):
            time.sleep(0.05)

        # Then others are served as if nothing was, and all waiters hear of their end
        began = time.monotonic()
        assert http.get("/health/live").status_code == 200
        assert time.monotonic() - began < 10  # and not the twenty seconds of the others
        with FakeWorker(settings):
            assert {wait.result().status_code for wait in waits} == {200}
