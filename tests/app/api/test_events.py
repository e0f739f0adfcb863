"""The stream of a job's events: in order, without a gap, and it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.http import sse
from app.jobs.notifications import RECHECK_SECONDS
from tests.app.fake_worker import FakeWorker


def submit(client: TestClient | httpx.Client) -> dict[str, Any]:
    job: dict[str, Any] = client.post("/v1/generations", json={"prompt": "a red apple"}).json()
    return job


def parsed(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(id, type, data) of each event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def test_a_whole_life_in_order(client: TestClient, worker: FakeWorker) -> None:
    job = submit(client)
    worker.draw_next()

    response = client.get(job["urls"]["events"])
    seen = parsed(response.text)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert [kind for _, kind, _ in seen] == ["queued", "started", "progress", "progress", "succeeded"]
    assert seen[2][2] == {"stage": "denoise", "step": 1, "steps": 2}
    assert seen[-1][2] == client.get(job["urls"]["get"]).json()
    assert len({event_id for event_id, _, _ in seen}) == 5


def test_after_the_last_event_seen(client: TestClient, worker: FakeWorker) -> None:
    job = submit(client)
    worker.draw_next()
    whole = parsed(client.get(job["urls"]["events"]).text)

    for index, (event_id, _, _) in enumerate(whole[:-1]):
        rest = client.get(job["urls"]["events"], headers={"Last-Event-ID": event_id})
        assert parsed(rest.text) == whole[index + 1 :]

    over = client.get(job["urls"]["events"], headers={"Last-Event-ID": whole[-1][0]})
    assert (over.status_code, over.content) == (204, b"")


@pytest.mark.parametrize("last", ["x", "1", "1-2-3", "-1-0", "$", "1-*", "9" * 40 + "-0", "\xb2-0"])
def test_an_id_of_the_wrong_shape_is_refused(client: TestClient, last: str) -> None:
    job = submit(client)
    response = client.get(job["urls"]["events"], headers={"Last-Event-ID": last.encode("latin-1")})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "Last-Event-ID"


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_every_end_ends_the_stream(client: TestClient, worker: FakeWorker, end: str) -> None:
    job = submit(client)
    if end == "failed":
        worker.fail(worker.claim())
    else:
        client.post(job["urls"]["cancel"])

    _, kind, data = parsed(client.get(job["urls"]["events"]).text)[-1]
    assert (kind, data["status"]) == (end, end)


def test_events_come_as_they_happen(http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(http)
    arrived: list[tuple[str, float]] = []
    with http.stream("GET", job["urls"]["events"]) as response:
        lines = response.iter_lines()
        while next(lines) != "event: queued":
            pass
        claim = worker.claim()
        for step in range(1, 4):
            sent = time.monotonic()
            worker.step(claim, step, 3)
            while "progress" not in next(lines):
                pass
            arrived.append(("progress", time.monotonic() - sent))
        sent = time.monotonic()
        worker.finish(claim)
        rest = list(lines)
        arrived.append(("end", time.monotonic() - sent))

    assert "event: succeeded" in rest
    # Sooner than who was not woken would look by itself
    assert max(delay for _, delay in arrived) < RECHECK_SECONDS / 2, arrived


def test_many_watch_one_job(server: str, http: httpx.Client, worker: FakeWorker) -> None:
    job = submit(http)
    seen: list[list[str]] = []

    def watch() -> None:
        seen.append([kind for _, kind, _ in parsed(http.get(job["urls"]["events"]).text)])

    watchers = [threading.Thread(target=watch) for _ in range(50)]
    for watcher in watchers:
        watcher.start()
    time.sleep(0.5)
    worker.draw_next()
    for watcher in watchers:
        watcher.join()

    assert seen == [["queued", "started", "progress", "progress", "succeeded"]] * 50


def test_silence_is_filled(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.2)
    job = submit(http)
    with http.stream("GET", job["urls"]["events"]) as response:
        for line in response.iter_lines():
            if line.startswith(": still here"):
                break
