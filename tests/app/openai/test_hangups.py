"""Clients that hang up, and clients that come back: what the official client's own retries cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai as wheel
import pytest
from openai import AsyncOpenAI, OpenAI

from core.settings import Settings
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker


def jobs(url: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = httpx.get(f"{url}/v1/generations").json()["data"]
    return data


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_timeout_with_two_retries_is_one_job(server: str, worker: FakeWorker) -> None:
    # Given a client that gives up after a second and tries twice more by itself
    with (
        OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=2, timeout=1.0) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        asking = pool.submit(client.images.generate, prompt="a red apple")
        # When the picture takes longer than its patience
        until(lambda: jobs(server))
        time.sleep(1.5)
        drawn = worker.draw_next()
        answer = asking.result()
    # Then it got the picture of its first try, and no other was drawn
    assert answer.id == drawn  # type: ignore[attr-defined]
    assert [job["id"] for job in jobs(server)] == [drawn]


def test_equal_calls_are_still_two_jobs(server: str, worker: FakeWorker) -> None:
    with worker, OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0) as client:
        one, other = (client.images.generate(prompt="a red apple") for _ in range(2))

    assert one.id != other.id  # type: ignore[attr-defined]


def test_retries_of_equal_calls_do_not_share_a_job(server: str, worker: FakeWorker) -> None:
    # Given two equal calls at a time, both of which time out and come back
    async def ask() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server}/v1", api_key="none", max_retries=2, timeout=1.0) as client:
            asking = [asyncio.create_task(client.images.generate(prompt="a red apple")) for _ in range(2)]
            await asyncio.sleep(1.5)
            with worker:
                return [answer.id for answer in await asyncio.gather(*asking)]  # type: ignore[attr-defined]

    # Then each has a picture of its own, and there are no others
    ids = asyncio.run(ask())
    assert len(set(ids)) == 2
    assert {job["id"] for job in jobs(server)} == set(ids)


@pytest.mark.usefixtures("grace")
def test_a_client_that_does_not_come_back_cancels_its_job(server: str) -> None:
    with OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=0.5) as client:
        with pytest.raises(wheel.APITimeoutError):
            client.images.generate(prompt="a red apple")

    assert jobs(server)[0]["status"] == "queued"
    until(lambda: jobs(server)[0]["status"] == "canceled")


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    "options",
    [
        {"extra_body": {"webhook": "https://example.com/hook"}},
        {"extra_headers": {"Idempotency-Key": "order-1"}},
    ],
)
def test_a_job_that_its_owner_can_find_again_goes_on(server: str, options: dict[str, Any]) -> None:
    with OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0, timeout=0.5) as client:
        with pytest.raises(wheel.APITimeoutError):
            client.images.generate(prompt="a red apple", **options)

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
