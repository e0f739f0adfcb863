"""Commits: whose result counts, and what of it is written."""

from __future__ import annotations

import pytest
from redis import Redis

from core.jobs import JobError, Status
from core.store import EventLog, JobStore
from tests.core.samples import QUEUE, claimed, outbox_rows, picture, worker_dies


def test_a_commit_ends_the_job_with_its_result(jobs: JobStore, redis: Redis) -> None:
    # Given
    claim = claimed(jobs, webhook_url="https://example.com/hook")
    image = picture(claim.job.id)

    # When
    ended = jobs.commit(claim.job.id, 1, Status.SUCCEEDED, outputs=(image,), timings={"denoise": 1.5}, notes=("n",))

    # Then
    job = jobs.get(claim.job.id)
    assert ended is Status.SUCCEEDED
    assert job is not None
    assert job.status is Status.SUCCEEDED
    assert job.outputs == (image,)
    assert job.timings == {"denoise": 1.5}
    assert job.notes == ("n",)
    assert job.finished_at is not None
    assert redis.zscore("easel:leases", job.id) is None
    assert outbox_rows(redis, job.id) == 1


def test_a_failure_keeps_its_words(jobs: JobStore) -> None:
    claim = claimed(jobs)
    error = JobError(code="out_of_memory", message="the picture is too large for this device")
    assert jobs.commit(claim.job.id, 1, Status.FAILED, error=error) is Status.FAILED
    job = jobs.get(claim.job.id)
    assert job is not None
    assert job.error == error


def test_a_resent_commit_answers_the_same_and_writes_nothing(jobs: JobStore, redis: Redis, events: EventLog) -> None:
    # Given
    claim = claimed(jobs, webhook_url="https://example.com/hook")
    jobs.commit(claim.job.id, 1, Status.SUCCEEDED, outputs=(picture(claim.job.id),))
    before = jobs.get(claim.job.id), events.read(claim.job.id)

    # When
    again = jobs.commit(claim.job.id, 1, Status.SUCCEEDED, outputs=())

    # Then
    assert again is Status.SUCCEEDED
    assert (jobs.get(claim.job.id), events.read(claim.job.id)) == before
    assert outbox_rows(redis, claim.job.id) == 1


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_a_stale_worker_cannot_commit(jobs: JobStore, redis: Redis, status: Status) -> None:
    # Given a frozen worker whose job another one draws now
    stale = claimed(jobs)
    worker_dies(redis, stale.job.id)
    jobs.reap()
    fresh = jobs.claim(QUEUE, "w2")
    assert fresh is not None
    assert fresh.attempt == 2

    # When
    answer = jobs.commit(stale.job.id, stale.attempt, status)

    # Then
    assert answer is None
    job = jobs.get(stale.job.id)
    assert job is not None
    assert job.status is Status.RUNNING
    image = picture(job.id, attempt=2)
    assert jobs.commit(job.id, 2, Status.SUCCEEDED, outputs=(image,)) is Status.SUCCEEDED
    assert jobs.commit(job.id, 1, Status.SUCCEEDED) is None


def test_an_acknowledged_cancel_wins_over_the_result(jobs: JobStore) -> None:
    # Given
    claim = claimed(jobs)
    jobs.cancel(claim.job.id)

    # When
    answers = [jobs.commit(claim.job.id, 1, Status.SUCCEEDED, outputs=(picture(claim.job.id),)) for _ in range(2)]

    # Then
    job = jobs.get(claim.job.id)
    assert answers == [Status.CANCELED, Status.CANCELED]
    assert job is not None
    assert job.status is Status.CANCELED
    assert job.outputs == ()
