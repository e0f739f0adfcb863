"""`python -m app` as a process: what it refuses, what it says, how it stops."""

from __future__ import annotations

import http.client as http_client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.server import GRACE_SECONDS
from core.settings import REPOSITORY, Settings
from tests.ports import free_port


def start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        cwd=environment["EASEL_DATA_DIR"],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:1", "EASEL_HOST": "0.0.0.0"}, "openssl rand -hex 24"),
        ({"REDIS_URL": "redis://127.0.0.1:1", "EASEL_API_KEYS": "short"}, "fewer than 24 characters"),
        ({"REDIS_URL": "redis://127.0.0.1:1", "EASEL_CATALOG": "/nowhere.toml"}, "/nowhere.toml"),
    ],
)
def test_settings_that_make_no_api_are_explained(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    process = start(EASEL_DATA_DIR=str(tmp_path), **environment)
    _, said = process.communicate(timeout=120)

    assert process.returncode == 2
    assert words in said
    assert "Traceback" not in said


@contextmanager
def running(settings: Settings, **environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    port = free_port()
    assert settings.redis_url is not None
    settings.data_dir.mkdir(exist_ok=True)
    process = start(
        REDIS_URL=settings.redis_url,
        EASEL_PORT=str(port),
        EASEL_DATA_DIR=str(settings.data_dir),
        EASEL_CATALOG=str(settings.catalog),
        **environment,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            deadline = time.monotonic() + 120
            while True:
                try:
                    http.get("/health/live")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None, process.stderr and process.stderr.read()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield process, http
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_connection_that_rests_is_still_there(settings: Settings) -> None:
    with (
        running(settings) as (_, http),
        closing(http_client.HTTPConnection("127.0.0.1", http.base_url.port or 0)) as connection,
    ):
        # Given a connection on which a request was answered
        connection.connect()
        connection.auto_open = 0
        connection.request("GET", "/health/live")
        connection.getresponse().read()
        # When it rests for as long as clients keep one
        time.sleep(6)
        # Then it takes the next request
        connection.request("GET", "/health/live")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_and_waits_end_with_the_process(settings: Settings, number: signal.Signals) -> None:
    with running(settings) as (process, http):
        # Given an open stream
        job = http.post("/v1/generations", json={"prompt": "x"}).json()
        with http.stream("GET", job["urls"]["events"]) as response:
            lines = response.iter_lines()
            while next(lines) != "event: queued":
                pass

            # When the process is asked to stop
            began = time.monotonic()
            process.send_signal(number)

            # Then the stream ends cleanly, and the process soon after
            list(lines)
            process.wait(timeout=60)
            assert time.monotonic() - began < GRACE_SECONDS  # which is what others would get


def test_log_lines_for_machines(settings: Settings) -> None:
    with running(settings, EASEL_LOG_FORMAT="json") as (process, http):
        response = http.post("/v1/generations", json={"prompt": "canary"})
        assert "server" not in response.headers
        process.terminate()
        _, said = process.communicate(timeout=60)

    lines = [json.loads(line) for line in said.splitlines()]
    accepted = next(line for line in lines if line["message"] == "generation accepted")
    assert accepted["job_id"] == response.json()["id"]
    assert {"time", "level", "logger"} <= set(accepted)
    assert "canary" not in said


def test_the_longest_log_tells_no_signature(settings: Settings) -> None:
    with running(settings, EASEL_LOG_LEVEL="DEBUG") as (process, http):
        http.get(f"/v1/results/gen_{'0' * 40}/0.png", params={"exp": "1", "sig": "canary"})
        process.terminate()
        _, said = process.communicate(timeout=60)

    assert f"/v1/results/gen_{'0' * 40}/0.png" in said
    assert "canary" not in said


def test_a_body_without_an_end_keeps_nobody_waiting(settings: Settings) -> None:
    with running(settings) as (_, http):
        port = http.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST /v1/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
            assert http.get("/health/live").status_code == 200
        assert http.get("/v1/generations").json()["data"] == []


def test_what_cannot_be_finished_may_be_sent_again(settings: Settings) -> None:
    with running(settings) as (process, http):
        # Given a request whose body does not come
        port = http.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
            slow.sendall(b"POST /v1/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
            http.get("/health/live")

            # When the process stops and has waited for it
            process.terminate()
            answer = slow.makefile("rb").read()

        # Then that is nobody's mistake
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in answer.lower()
        assert b"try_again" in answer
