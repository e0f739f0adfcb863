"""The stream of all that happens to a key's jobs: whole, in order, its own only, to be gone on with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from redis import Redis

from app.api import changes
from app.http import sse
from core.keys import KeyPolicy
from core.store import KeyStore
from tests.app.fake_worker import FakeWorker

Next = Callable[[], tuple[str, str, Any]]


def submit(http: httpx.Client, prompt: str = "a fox", **headers: str) -> dict[str, Any]:
    job: dict[str, Any] = http.post("/v1/generations", json={"prompt": prompt}, headers=headers).json()
    return job


@contextmanager
def watching(http: httpx.Client, **headers: str) -> Iterator[Next]:
    """What gives the next event, as (id, kind, data); the first has only an id."""
    with http.stream("GET", "/v1/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()

        def following() -> tuple[str, str, Any]:
            fields: dict[str, str] = {}
            for line in lines:
                if not line and "id" in fields:
                    return fields["id"], fields.get("event", ""), json.loads(fields.get("data", "null"))
                name, _, value = line.partition(": ")
                if line and not line.startswith(":"):
                    fields[name] = value
            raise EOFError

        yield following


def until(following: Next, kind: str, is_it: Callable[[Any], bool] = lambda data: True) -> tuple[str, Any]:
    """The id and data of the next event of that kind that is the one."""
    while True:
        event_id, found, data = following()
        if found == kind and is_it(data):
            return event_id, data


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def test_a_whole_life(http: httpx.Client, worker: FakeWorker) -> None:
    with watching(http) as following:
        first, kind, data = following()
        assert (first, kind, data) == ("0-0", "", None)

        # Given a job, then it is told whole at each step
        job = submit(http)
        _, seen = until(following, "generation")
        assert (seen["id"], seen["status"], seen["parameters"]["prompt"]) == (job["id"], "queued", "a fox")
        claim = worker.claim()
        until(following, "generation", lambda data: data["status"] == "running")
        worker.step(claim, 1, 2)
        until(following, "generation", lambda data: (data["progress"] or {}).get("step") == 1)
        worker.finish(claim)
        _, seen = until(following, "generation", lambda data: data["status"] == "succeeded")
        assert seen == http.get(f"/v1/generations/{job['id']}").json()

        # when it is marked, and when it goes
        http.patch(f"/v1/generations/{job['id']}/outputs/0", json={"favourite": True})
        until(following, "generation", lambda data: data["outputs"][0]["favourite"])
        http.delete(f"/v1/generations/{job['id']}")
        assert until(following, "deleted")[1] == {"id": job["id"]}


def test_who_comes_back_has_missed_nothing(http: httpx.Client, worker: FakeWorker) -> None:
    # Given who has seen a job end
    with watching(http) as following:
        following()
        first = submit(http)
        worker.draw_next()
        last, _ = until(following, "generation", lambda data: data["status"] == "succeeded")

    # When things happen meanwhile
    second = submit(http)
    http.delete(f"/v1/generations/{first['id']}")

    # Then they are told, and none twice
    with watching(http, **{"Last-Event-ID": last}) as following:
        assert following() == (last, "", None)
        assert [(kind, data["id"]) for _, kind, data in (following(), following())] == [
            ("generation", second["id"]),
            ("deleted", first["id"]),
        ]


def test_who_comes_too_late_is_told_to_look_again(http: httpx.Client, redis: Redis) -> None:
    with watching(http) as following:
        following()
        submit(http)
        last, _ = until(following, "generation")
    redis.xtrim("easel:feed:local", maxlen=0)
    submit(http)

    with watching(http, **{"Last-Event-ID": last}) as following:
        newest, kind, _ = following()
        assert kind == "reset"
    with watching(http, **{"Last-Event-ID": "0-0"}) as following:
        assert following()[:2] == (newest, "reset")
    with watching(http, **{"Last-Event-ID": newest}) as following:
        assert following() == (newest, "", None)


def test_progress_is_told_in_measure(http: httpx.Client, worker: FakeWorker, redis: Redis) -> None:
    submit(http)
    claim = worker.claim()
    for step in range(1, 51):
        worker.step(claim, step, 50)
    told = [entry[b"kind"] for _, entry in redis.xrange("easel:feed:local")]
    assert told.count(b"progress") < 25


def test_an_id_of_the_wrong_shape_is_refused(http: httpx.Client) -> None:
    response = http.get("/v1/events", headers={"Last-Event-ID": "yesterday"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "Last-Event-ID")


def test_silence_is_filled(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.2)
    with http.stream("GET", "/v1/events") as response:
        assert next(line for line in response.iter_lines() if line.startswith(":")) == ": still here"


class TestKeys:
    def test_each_hears_of_its_own_until_it_is_revoked(
        self, http: httpx.Client, worker: FakeWorker, redis: Redis
    ) -> None:
        # Given two keys, and the one watching
        keys = KeyStore(redis)
        alice, bob = (keys.create(KeyPolicy(name=name)) for name in ("alice", "bob"))
        as_alice, as_bob = ({"Authorization": f"Bearer {issued.text}"} for issued in (alice, bob))
        with watching(http, **as_alice) as following:
            following()
            submit(http, "of bob", **as_bob)
            mine = submit(http, "of alice", **as_alice)
            _, seen = until(following, "generation")
            assert seen["id"] == mine["id"]

            # When the key ends, then so does the stream, without waiting for anything else
            ended = threading.Event()

            def read_on() -> None:
                with pytest.raises(EOFError):
                    until(following, "never")
                ended.set()

            reader = threading.Thread(target=read_on)
            reader.start()
            keys.revoke(alice.key.id)
            assert ended.wait(20)
            reader.join()
        assert http.get("/v1/events", headers=as_alice).status_code == 401

    def test_only_so_many_streams_are_open(self, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(changes, "MAX_STREAMS", 1)
        with watching(http) as following:
            following()
            response = http.get("/v1/events")
            assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_streams")
        # and who has left has left room; a server notices when it sends something
