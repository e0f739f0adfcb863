"""Clients that hang up, and clients that come back: what the official client's own retries cost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import openai as wheel
import pytest
from openai import AsyncOpenAI, OpenAI
from redis import Redis

from app.jobs import disconnects
from core.settings import Settings
from core.store import JobStore, ReattachRegistry, reattach
from core.store.limits import Limits
from core.store.reattach import Adopted
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.leaving import calling

PATIENCE = 2.0
"""Seconds; a retry comes within one more."""


def jobs(url: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = httpx.get(f"{url}/v1/generations").json()["data"]
    return data


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hang_up(server: str, headers: dict[str, str] | None = None, **body: object) -> None:
    """A client that asks, and leaves as soon as there is a job."""
    with calling(server, headers, **body):
        until(lambda: jobs(server))


@pytest.fixture
def retries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one with each retry that has found the job of its first try."""
    found: list[str] = []
    adopt = ReattachRegistry.adopt

    def noted(reattach: ReattachRegistry, owner: str, fingerprint: str) -> Adopted:
        answer = adopt(reattach, owner, fingerprint)
        found.extend([answer.job_id] if answer.job_id else [])
        return answer

    monkeypatch.setattr(ReattachRegistry, "adopt", noted)
    return found


def test_a_timeout_with_two_retries_is_one_job(server: str, worker: FakeWorker, retries: list[str]) -> None:
    # Given a client that gives up after two seconds and tries twice more by itself
    with (
        OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=2, timeout=PATIENCE) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        asking = pool.submit(client.images.generate, prompt="a red apple")
        # When the picture takes longer than its patience
        until(lambda: retries)
        drawn = worker.draw_next()
        answer = asking.result()
    # Then it got the picture of its first try, and no other was drawn
    assert answer.id == drawn  # type: ignore[attr-defined]
    assert [job["id"] for job in jobs(server)] == [drawn]


def test_an_api_that_dies_leaves_the_job_to_the_retry(
    server: str, worker: FakeWorker, retries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an api that says nothing when it loses a client, as one that was killed
    monkeypatch.setattr(ReattachRegistry, "leave", lambda *_: None)
    for module in (reattach, disconnects):
        monkeypatch.setattr(module, "HOLD_SECONDS", 1.0)
    with (
        OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=5, timeout=PATIENCE) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        asking = pool.submit(client.images.generate, prompt="a red apple")
        # When the client tries again, then it is the same job all the same
        until(lambda: retries)
        drawn = worker.draw_next()
        assert asking.result().id == drawn  # type: ignore[attr-defined]
    assert [job["id"] for job in jobs(server)] == [drawn]


def test_equal_calls_are_still_two_jobs(server: str, worker: FakeWorker) -> None:
    with worker, OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        one, other = (client.images.generate(prompt="a red apple") for _ in range(2))

    assert one.id != other.id  # type: ignore[attr-defined]


def test_retries_of_equal_calls_do_not_share_a_job(server: str, worker: FakeWorker, retries: list[str]) -> None:
    # Given two equal calls at a time, both of which time out and come back
    async def ask() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server}/v1", api_key="none", max_retries=2, timeout=PATIENCE) as client:
            asking = [asyncio.create_task(client.images.generate(prompt="a red apple")) for _ in range(2)]
            await asyncio.to_thread(until, lambda: len(set(retries)) == 2)
            with worker:
                return [answer.id for answer in await asyncio.gather(*asking)]  # type: ignore[attr-defined]

    # Then each has a picture of its own, and there are no others
    ids = asyncio.run(ask())
    assert len(set(ids)) == 2
    assert {job["id"] for job in jobs(server)} == set(ids)


@pytest.mark.usefixtures("grace")
def test_a_client_that_does_not_come_back_cancels_its_job(server: str) -> None:
    hang_up(server)

    until(lambda: [job["status"] for job in jobs(server)] == ["canceled"])

    # Then it was given the time to come back
    (job,) = jobs(server)
    lived = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["created_at"])
    assert lived.total_seconds() >= 1.0


@pytest.mark.usefixtures("grace")
def test_a_busy_api_still_cancels_before_the_deadline_that_is_there_for_a_dead_one(
    server: str, redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a keeper that ends every job at its deadline, and an api that takes three seconds to say that a client left
    jobs_of, leave = JobStore(redis, Limits.from_settings(settings)), ReattachRegistry.leave

    def late(reattach: ReattachRegistry, owner: str, fingerprint: str, job_id: str) -> int:
        time.sleep(3)
        return leave(reattach, owner, fingerprint, job_id)

    monkeypatch.setattr(ReattachRegistry, "leave", late)
    # When a client that says how long it waits hangs up for good
    hang_up(server, {"x-stainless-read-timeout": "1"})

    def ended() -> bool:
        jobs_of.reap()
        return jobs(server)[0]["status"] != "queued"

    until(ended)
    # Then its job did not fail
    assert [job["status"] for job in jobs(server)] == ["canceled"]


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize("stream", [False, True])
def test_a_hold_that_is_said_late_does_not_undo_the_farewell(
    server: str, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    # Given a call that says that it waits, and takes until a second after its client has gone
    saying, gone, hold = threading.Event(), threading.Event(), ReattachRegistry.hold

    def slow(reattach: ReattachRegistry, owner: str, fingerprint: str, job_id: str, *, first: bool = False) -> None:
        if jobs(server):  # else it is said of a job to come
            saying.set()
            gone.wait(60)
            time.sleep(1)
        hold(reattach, owner, fingerprint, job_id, first=first)

    monkeypatch.setattr(ReattachRegistry, "hold", slow)
    with calling(server, stream=stream):
        assert saying.wait(60)
    gone.set()
    # Then the job is canceled all the same
    until(lambda: [job["status"] for job in jobs(server)] == ["canceled"])


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"webhook": "https://example.com/hook"}),
        ({"Idempotency-Key": "order-1"}, {}),
    ],
)
def test_a_job_that_its_owner_can_find_again_goes_on(
    server: str, headers: dict[str, str], body: dict[str, object]
) -> None:
    hang_up(server, headers, **body)

    time.sleep(2)
    assert jobs(server)[0]["status"] == "queued"


def test_an_idempotency_key_answers_the_same_pictures(openai: OpenAI, worker: FakeWorker) -> None:
    key = {"Idempotency-Key": "order-2"}
    with worker:
        one = openai.images.generate(prompt="a red apple", extra_headers=key)
        again = openai.images.generate(prompt="a red apple", extra_headers=key)
        with pytest.raises(wheel.UnprocessableEntityError) as refused:
            openai.images.generate(prompt="a blue car", extra_headers=key)

    assert one.id == again.id  # type: ignore[attr-defined]
    assert refused.value.code == "idempotency_key_reused"


def test_an_api_that_stops_says_that_the_job_can_be_had_again(settings: Settings) -> None:
    # Given a client that waits
    with OpenAI(base_url="http://unset", api_key="none", max_retries=0) as client, ThreadPoolExecutor(1) as pool:
        with serving(settings) as url:
            client.base_url = f"{url}/v1"
            asking = pool.submit(client.images.generate, prompt="a red apple")
            until(lambda: jobs(url))
        # When the api has stopped, then the client was told to try again, and the job waits for it
        with pytest.raises(wheel.InternalServerError) as told:
            asking.result()
    assert (told.value.status_code, told.value.code) == (503, "try_again")
    with serving(settings) as url:
        assert [job["status"] for job in jobs(url)] == ["queued"]
