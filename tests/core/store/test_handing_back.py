"""Jobs that a worker hands back unharmed: what they keep, and what its late calls may do."""

from __future__ import annotations

from core.jobs import Status
from core.store import JobStore, Verdict
from tests.core.samples import QUEUE, claimed, new_job


def test_a_job_handed_back_keeps_its_place_and_attempts(jobs: JobStore) -> None:
    # Given
    first = claimed(jobs)
    second = jobs.submit(new_job()).job

    # When
    released = jobs.release(first.job.id, first.attempt, QUEUE)

    # Then
    job = jobs.get(first.job.id)
    assert released
    assert job is not None
    assert job.status is Status.QUEUED
    assert job.attempts == 0
    assert job.worker is None
    assert jobs.position(job) == 1
    assert jobs.position(second) == 2


def test_a_released_attempt_is_never_mistaken_for_the_next(jobs: JobStore) -> None:
    """The count of attempts comes twice, so it cannot be what tells attempts apart."""
    # Given a job that one worker handed back and another took
    first = claimed(jobs)
    jobs.release(first.job.id, first.attempt, QUEUE)
    second = jobs.claim(QUEUE, "w2")
    assert second is not None
    assert second.job.attempts == 1

    # When the first worker's late calls arrive
    late = (
        jobs.release(first.job.id, first.attempt, QUEUE),
        jobs.commit(first.job.id, first.attempt, Status.SUCCEEDED),
        jobs.renew([(first.job.id, first.attempt)])[first.job.id, first.attempt],
    )

    # Then
    assert late == (False, None, Verdict.LOST)
    assert jobs.commit(second.job.id, second.attempt, Status.SUCCEEDED) is Status.SUCCEEDED


def test_a_release_after_a_cancel_ends_the_job(jobs: JobStore) -> None:
    claim = claimed(jobs)
    jobs.cancel(claim.job.id)
    assert jobs.release(claim.job.id, claim.attempt, QUEUE)
    job = jobs.get(claim.job.id)
    assert job is not None
    assert job.status is Status.CANCELED
    assert jobs.pending(QUEUE) == 0
