"""Webhook rows: taken by one sender at a time, settled once."""

from __future__ import annotations

import pytest
from redis import Redis

from core.jobs import Status
from core.store import JobStore, Outbox
from tests.core.samples import QUEUE, new_job

HOOK = "https://example.com/hook"


@pytest.fixture
def owed(jobs: JobStore) -> str:
    """The id of a finished job that has a webhook."""
    job = jobs.submit(new_job(webhook_url=HOOK)).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job.id, claim.attempt, Status.SUCCEEDED)
    return job.id


def due_now(redis: Redis, message_id: str) -> None:
    redis.zadd("easel:outbox", {message_id: 1})


def test_a_row_is_taken_by_one(outbox: Outbox, owed: str) -> None:
    # When
    delivery, other = outbox.take(20), outbox.take(20)

    # Then
    assert delivery is not None
    assert delivery.job_id == owed
    assert delivery.message_id == f"msg_{owed.removeprefix('gen_')}"
    assert delivery.type == "generation.succeeded"
    assert delivery.url == HOOK
    assert delivery.attempts == 1
    assert delivery.body is None
    assert other is None


def test_the_row_of_a_dead_sender_comes_back(outbox: Outbox, owed: str, redis: Redis) -> None:
    # Given
    first = outbox.take(20)
    assert first is not None
    outbox.keep_body(first.message_id, b"body")

    # When its lease is over
    due_now(redis, first.message_id)
    second = outbox.take(20)

    # Then
    assert second is not None
    assert second.message_id == first.message_id
    assert second.attempts == 2
    assert second.body == b"body"


def test_the_most_overdue_row_comes_first(outbox: Outbox, jobs: JobStore, redis: Redis) -> None:
    # Given
    early, late = (jobs.submit(new_job(webhook_url=HOOK)).job for _ in range(2))
    for job in (late, early):
        jobs.cancel(job.id)
    due_now(redis, f"msg_{early.id.removeprefix('gen_')}")

    # When
    delivery = outbox.take(20)

    # Then
    assert delivery is not None
    assert delivery.job_id == early.id


@pytest.mark.parametrize("state", ["delivered", "dead"])
def test_a_settled_row_is_kept_for_a_month_and_not_taken_again(
    outbox: Outbox, owed: str, redis: Redis, state: str
) -> None:
    # Given
    delivery = outbox.take(20)
    assert delivery is not None

    # When
    outbox.settle(delivery.message_id, state, last_status=200)  # type: ignore[arg-type]

    # Then
    assert redis.zcard("easel:outbox") == 0
    assert outbox.state(delivery.message_id)["state"] == state
    assert outbox.state(delivery.message_id)["last_status"] == "200"
    assert 29 * 86_400 < redis.ttl(f"easel:delivery:{delivery.message_id}") <= 30 * 86_400


def test_a_failed_attempt_is_due_later(outbox: Outbox, owed: str, redis: Redis) -> None:
    # Given
    delivery = outbox.take(20)
    assert delivery is not None

    # When
    outbox.settle(delivery.message_id, "pending", delay_seconds=300, last_error="no answer")

    # Then
    due = redis.zscore("easel:outbox", delivery.message_id)
    assert due is not None
    assert 290 < due / 1000 - redis.time()[0] < 302
    assert outbox.state(delivery.message_id)["last_error"] == "no answer"


def test_a_slow_senders_verdict_does_not_undo_a_delivery(outbox: Outbox, owed: str, redis: Redis) -> None:
    # Given two senders with the same row, as the first was slower than its lease
    first = outbox.take(20)
    assert first is not None
    due_now(redis, first.message_id)
    second = outbox.take(20)
    assert second is not None
    outbox.settle(second.message_id, "delivered", last_status=200)

    # When
    outbox.settle(first.message_id, "pending", delay_seconds=0, last_error="no answer")

    # Then
    assert outbox.take(20) is None
    assert outbox.state(first.message_id)["state"] == "delivered"


def test_a_row_without_its_record_is_dropped(outbox: Outbox, owed: str, redis: Redis) -> None:
    # Given
    redis.zadd("easel:outbox", {"msg_ghost": 1})

    # When
    delivery = outbox.take(20)

    # Then
    assert delivery is not None
    assert delivery.job_id == owed
    assert redis.zscore("easel:outbox", "msg_ghost") is None
    assert outbox.state("msg_ghost") == {}


def test_settling_what_is_gone_does_nothing(outbox: Outbox, redis: Redis) -> None:
    outbox.settle("msg_ghost", "pending", delay_seconds=1)
    assert redis.dbsize() == 0


def test_all_senders_share_one_secret(outbox: Outbox) -> None:
    assert outbox.secret("whsec_first") == "whsec_first"
    assert outbox.secret("whsec_second") == "whsec_first"
