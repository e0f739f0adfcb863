"""How long a client waits, and how long its pictures are kept: the job's end follows from both."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from openai import OpenAI
from redis import Redis

from app.wires.openai.calls import BACKSTOP_SECONDS
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.leaving import calling


def deadline(redis: Redis, job_id: str) -> float | None:
    """Seconds from the job's submission to its deadline."""
    due = redis.zscore("easel:deadlines", job_id)
    return None if due is None else (due - int(redis.hget(f"easel:job:{job_id}", "created_at") or 0)) / 1000


def asked(server: str, redis: Redis, headers: dict[str, str], **body: object) -> str:
    """The id of the job of a call whose client gives up as soon as there is one; nobody draws for it."""
    with calling(server, headers, **body):
        eventually(lambda: redis.zcard("easel:jobs:local") == 1)
    (newest,) = redis.zrevrange("easel:jobs:local", 0, 0)
    return newest.decode()


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_is_of_no_use_when_its_client_has_gone(server: str, redis: Redis) -> None:
    # Given a client that waits 90 s, when it asks, then the job has this time, that to come back, and some for the api
    left = deadline(redis, asked(server, redis, {"x-stainless-read-timeout": "90"}))
    assert left is not None
    assert left == 90 + 20 + BACKSTOP_SECONDS


def test_a_client_that_tries_again_brings_time(server: str, redis: Redis) -> None:
    # Given a call whose client has gone
    first = asked(server, redis, {"x-stainless-read-timeout": "90"})

    # When it tries again, and will wait for longer
    with calling(server, {"x-stainless-read-timeout": "300", "x-stainless-retry-count": "1"}):
        # Then the job has more time
        eventually(lambda: 320 <= (deadline(redis, first) or 0) - BACKSTOP_SECONDS <= 380)

    # and there is no other
    assert redis.zcard("easel:jobs:local") == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {}),
        ({}, {"x-stainless-read-timeout": "forever"}),
        ({}, {"x-stainless-read-timeout": "-1"}),
        ({"webhook": "https://example.com/hook"}, {"x-stainless-read-timeout": "90"}),
        ({}, {"x-stainless-read-timeout": "90", "idempotency-key": "order-1"}),
    ],
)
def test_else_there_is_no_deadline(server: str, redis: Redis, body: dict[str, object], headers: dict[str, str]) -> None:
    assert deadline(redis, asked(server, redis, headers, **body)) is None


def test_the_clients_own_word_counts_more(server: str, redis: Redis) -> None:
    left = deadline(redis, asked(server, redis, {"x-stainless-read-timeout": "90"}, expires_in=30))
    assert left is not None
    assert left == 30


@pytest.mark.parametrize("shape", ["b64_json", "url"])
def test_pictures_in_the_answer_need_not_be_kept(openai: OpenAI, redis: Redis, drawing: FakeWorker, shape: str) -> None:
    # When
    answer = openai.images.generate(
        model="mini",
        prompt="a red apple",
        response_format=shape,  # type: ignore[arg-type] # one of two words
        extra_body={"store": False},
    )

    # Then, a minute after they were had, they go
    def left() -> float:
        due = redis.zscore("easel:expiries", answer.id)  # type: ignore[attr-defined]
        assert due is not None
        return due / 1000 - redis.time()[0]

    if shape == "url":
        assert left() > 590
        assert answer.data is not None
        httpx.get(answer.data[0].url or "")
    assert left() <= 61
