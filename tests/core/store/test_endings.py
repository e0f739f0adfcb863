"""Cancel, reap, delete and expire: every way a job ends besides its worker's commit."""

from __future__ import annotations

import pytest
from redis import Redis

from core.jobs import Job, Status
from core.key_names import KeyNames
from core.queue import rq_queue
from core.store import Claim, EventLog, JobStore
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job, outbox_rows, worker_dies

HOOK = "https://example.com/hook"


@pytest.fixture
def queued(jobs: JobStore) -> Job:
    return jobs.submit(new_job(webhook_url=HOOK)).job


@pytest.fixture
def running(jobs: JobStore, queued: Job) -> Claim:
    claim = jobs.claim(queued.queue, "w1")
    assert claim is not None
    return claim


def test_a_waiting_job_is_canceled_at_once(jobs: JobStore, queued: Job, redis: Redis) -> None:
    job = jobs.cancel(queued.id)
    assert job is not None
    assert job.status is Status.CANCELED
    assert job.finished_at is not None
    assert jobs.pending(QUEUE) == 0
    assert outbox_rows(redis, queued.id) == 1


def test_a_running_job_is_told(jobs: JobStore, running: Claim, redis: Redis) -> None:
    # Given
    with redis.pubsub(ignore_subscribe_messages=True) as cancels:
        cancels.subscribe(KeyNames()("cancels"))
        cancels.get_message(timeout=30)

        # When
        job = jobs.cancel(running.job.id)
        jobs.cancel(running.job.id)

        # Then
        redis.publish(KeyNames()("cancels"), "the last word")
        told = []
        while not told or told[-1] != "the last word":
            message = cancels.get_message(timeout=30)
            assert message is not None
            told.append(message["data"].decode())
    assert job is not None
    assert job.status is Status.RUNNING
    assert job.cancel_requested
    assert told == [running.job.id, "the last word"]


def test_a_finished_job_is_not_canceled(jobs: JobStore, running: Claim, redis: Redis) -> None:
    jobs.commit(running.job.id, 1, Status.SUCCEEDED)
    job = jobs.cancel(running.job.id)
    assert job is not None
    assert job.status is Status.SUCCEEDED
    assert not job.cancel_requested
    assert outbox_rows(redis, job.id) == 1


def test_an_unknown_job_is_not_canceled(jobs: JobStore) -> None:
    assert jobs.cancel("gen_unknown") is None


def test_a_live_lease_is_left_alone(jobs: JobStore, running: Claim) -> None:
    reaped = jobs.reap()
    assert (reaped.requeued, reaped.failed, reaped.canceled) == ((), (), ())


def test_the_job_of_a_dead_worker_goes_back_to_its_place(jobs: JobStore, running: Claim, redis: Redis) -> None:
    # Given
    jobs.submit(new_job())
    worker_dies(redis, running.job.id)

    # When
    reaped = jobs.reap()

    # Then
    job = jobs.get(running.job.id)
    assert reaped.requeued == (running.job.id,)
    assert job is not None
    assert job.status is Status.QUEUED
    assert job.attempts == 1
    assert job.worker is None
    assert jobs.position(job) == 1


def test_a_job_that_kills_its_workers_fails_at_the_third(jobs: JobStore, queued: Job, redis: Redis) -> None:
    # When
    for attempt in (1, 2, 3):
        claim = jobs.claim(QUEUE, "w")
        assert claim is not None
        assert claim.attempt == attempt
        worker_dies(redis, queued.id)
        reaped = jobs.reap()

    # Then
    job = jobs.get(queued.id)
    assert reaped.failed == (queued.id,)
    assert job is not None
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "worker_crashed"
    assert "3 times" in job.error.message
    assert jobs.claim(QUEUE, "w") is None
    assert outbox_rows(redis, queued.id) == 1


def test_handing_back_never_brings_a_job_nearer_to_its_third_death(jobs: JobStore, queued: Job, redis: Redis) -> None:
    # Given a job that five stopping workers handed back
    for _ in range(5):
        claim = jobs.claim(QUEUE, "w")
        assert claim is not None
        jobs.release(queued.id, claim.attempt, QUEUE)

    # When a worker dies
    jobs.claim(QUEUE, "w")
    worker_dies(redis, queued.id)

    # Then
    assert jobs.reap().requeued == (queued.id,)


def test_a_canceled_job_of_a_dead_worker_is_canceled(jobs: JobStore, running: Claim, redis: Redis) -> None:
    jobs.cancel(running.job.id)
    worker_dies(redis, running.job.id)
    assert jobs.reap().canceled == (running.job.id,)
    job = jobs.get(running.job.id)
    assert job is not None
    assert job.status is Status.CANCELED


def test_a_finished_job_can_be_forgotten(jobs: JobStore, running: Claim, redis: Redis, events: EventLog) -> None:
    # Given
    job_id = running.job.id
    assert jobs.delete(job_id) is False
    jobs.commit(job_id, 1, Status.SUCCEEDED)

    # When
    deleted = jobs.delete(job_id)

    # Then nothing of it is left but the webhook that is still owed
    assert deleted is True
    assert jobs.get(job_id) is None
    assert events.read(job_id) == ()
    assert jobs.list("alice", before=None, limit=10).jobs == ()
    assert redis.zcard("easel:expiries") == 0
    assert outbox_rows(redis, job_id) == 1
    assert jobs.delete(job_id) is None


def test_a_job_expires_after_its_retention(redis: Redis) -> None:
    # Given
    soon, late = (JobStore(redis, Limits(retention_ms=ms)) for ms in (-5_000, 60_000))
    ids = [store.submit(new_job()).job.id for store in (soon, late)]
    for job_id in ids:
        soon.cancel(job_id)

    # When, Then
    assert soon.expired() == (ids[0],)


def test_a_job_without_a_webhook_owes_none(jobs: JobStore, redis: Redis) -> None:
    job = jobs.submit(new_job()).job
    jobs.cancel(job.id)
    assert redis.zcard("easel:outbox") == 0


def test_the_tickets_of_canceled_jobs_are_harmless(jobs: JobStore, queued: Job, redis: Redis) -> None:
    jobs.cancel(queued.id)
    assert rq_queue(QUEUE, redis).count == 1
    assert jobs.claim(QUEUE, "w") is None
