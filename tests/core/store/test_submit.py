"""Submission: once, within limits, with its ticket."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from core.errors import IdempotencyMismatch, QuotaExceeded, Unavailable
from core.jobs import Status
from core.queue import rq_queue
from core.store import JobStore, Submitted
from core.store.limits import Limits
from tests.core.samples import QUEUE, REQUEST, new_job


def test_a_submitted_job_waits_with_a_ticket(jobs: JobStore, redis: Redis) -> None:
    # When
    submitted = jobs.submit(new_job(webhook_url="https://example.com/hook"))

    # Then
    job = submitted.job
    assert not submitted.replayed
    assert job.status is Status.QUEUED
    assert job.request == REQUEST
    assert job.metadata == {"order": "42"}
    assert job.webhook_url == "https://example.com/hook"
    assert job.attempts == 0
    assert job.created_at.tzinfo is not None
    assert jobs.get(job.id) == job
    assert jobs.pending(QUEUE) == 1
    assert rq_queue(QUEUE, redis).count == 1


def test_a_resent_submit_is_the_same_job(jobs: JobStore, redis: Redis) -> None:
    """As when the reply was lost and the client's connection tried again."""
    # Given
    new = new_job()
    first = jobs.submit(new)

    # When
    again = jobs.submit(new)

    # Then
    assert again == first
    assert jobs.pending(QUEUE) == 1
    assert rq_queue(QUEUE, redis).count == 1


def test_an_idempotency_key_answers_with_the_first_job(jobs: JobStore) -> None:
    # Given
    first = jobs.submit(new_job(idempotency_key="k", fingerprint="f"))

    # When
    again = jobs.submit(new_job(idempotency_key="k", fingerprint="f"))

    # Then
    assert again == Submitted(job=first.job, replayed=True)
    assert jobs.pending(QUEUE) == 1


def test_an_idempotency_key_is_remembered_for_a_day(jobs: JobStore, redis: Redis) -> None:
    jobs.submit(new_job(idempotency_key="k"))
    (key,) = redis.keys("easel:idempotency:*")
    assert 86_000 < redis.ttl(key) <= 86_400
    assert b"alice" in key


def test_an_idempotency_key_is_the_owners_own(jobs: JobStore) -> None:
    first = jobs.submit(new_job(idempotency_key="k", fingerprint="f"))
    other = jobs.submit(new_job(owner="bob", idempotency_key="k", fingerprint="g"))
    assert other.job.id != first.job.id
    assert not other.replayed


def test_an_idempotency_key_with_another_body_is_refused(jobs: JobStore) -> None:
    jobs.submit(new_job(idempotency_key="k", fingerprint="f"))
    with pytest.raises(IdempotencyMismatch) as raised:
        jobs.submit(new_job(idempotency_key="k", fingerprint="g"))
    assert raised.value.status == 422
    assert raised.value.param == "Idempotency-Key"


def test_an_idempotency_key_outlives_its_job(jobs: JobStore) -> None:
    # Given a job that was finished and deleted
    job = jobs.submit(new_job(idempotency_key="k")).job
    jobs.cancel(job.id)
    jobs.delete(job.id)

    # When, Then
    with pytest.raises(IdempotencyMismatch, match="deleted"):
        jobs.submit(new_job(idempotency_key="k"))


def test_fifty_threads_with_one_key_make_one_job(redis: Redis) -> None:
    # Given
    jobs = JobStore(redis, Limits(max_queued_per_owner=100))
    answers: list[Submitted] = []
    start = threading.Barrier(50)

    def submit() -> None:
        start.wait()
        answers.append(jobs.submit(new_job(idempotency_key="k", fingerprint="f")))

    # When
    threads = [threading.Thread(target=submit) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Then
    assert len({answer.job.id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert jobs.pending(QUEUE) == 1


def test_one_owners_queue_is_bounded(jobs: JobStore) -> None:
    # Given
    accepted = [jobs.submit(new_job()).job for _ in range(4)]

    # When
    with pytest.raises(QuotaExceeded) as raised:
        jobs.submit(new_job())

    # Then the owner is told when to come back, and others are not concerned
    assert raised.value.status == 429
    assert raised.value.retry_after is not None
    assert 1 <= raised.value.retry_after <= 600
    assert "4 jobs waiting" in raised.value.message
    jobs.submit(new_job(owner="bob"))

    # And a place is free as soon as one of them starts or ends
    jobs.claim(QUEUE, "w")
    jobs.submit(new_job())
    jobs.cancel(accepted[-1].id)
    jobs.submit(new_job())


def test_the_whole_queue_is_bounded(jobs: JobStore) -> None:
    # Given
    for owner in ("a", "b", "c", "d", "e", "f"):
        jobs.submit(new_job(owner=owner))

    # When
    with pytest.raises(Unavailable) as raised:
        jobs.submit(new_job(owner="g"))

    # Then
    assert raised.value.status == 503
    assert raised.value.code == "queue_full"
    assert raised.value.retry_after is not None
    assert jobs.pending(QUEUE) == 6


def test_a_refused_submit_leaves_nothing(jobs: JobStore, redis: Redis) -> None:
    # Given
    for _ in range(4):
        jobs.submit(new_job())
    before = redis.dbsize()

    # When
    with pytest.raises(QuotaExceeded):
        jobs.submit(new_job(idempotency_key="k"))

    # Then the key was not used up either
    assert redis.dbsize() == before
