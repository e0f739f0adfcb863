"""Claims, leases and commits: who may work on a job, and whose result counts."""

from __future__ import annotations

import pytest
from redis import Redis

from core.jobs import JobError, Progress, Stage, Status
from core.store import Claim, EventLog, JobStore, Verdict
from core.store.jobs import Limits
from tests.core.samples import QUEUE, new_job, outbox_rows, picture, worker_dies

DENOISING = Progress(stage=Stage.DENOISE, step=3, steps=20)


def claimed(jobs: JobStore, webhook_url: str | None = None) -> Claim:
    jobs.submit(new_job(webhook_url=webhook_url))
    claim = jobs.claim(QUEUE, "w1")
    assert claim is not None
    return claim


def test_an_owners_jobs_are_claimed_in_the_order_of_their_submission(jobs: JobStore) -> None:
    # Given
    ids = [jobs.submit(new_job(owner="a")).job.id for _ in range(4)]

    # When
    claims = [jobs.claim(QUEUE, "w") for _ in range(4)]

    # Then
    assert [claim.job.id for claim in claims if claim] == ids
    assert jobs.claim(QUEUE, "w") is None


def test_a_claim_counts_an_attempt_and_names_the_worker(jobs: JobStore) -> None:
    claim = claimed(jobs)
    assert claim.attempt == claim.job.attempts == 1
    assert claim.job.status is Status.RUNNING
    assert claim.job.worker == "w1"
    assert claim.job.started_at is not None


def test_a_queue_is_its_own(jobs: JobStore) -> None:
    jobs.submit(new_job(queue="large"))
    assert jobs.claim(QUEUE, "w") is None
    assert jobs.claim("large", "w") is not None


def test_a_canceled_job_is_not_claimed(jobs: JobStore) -> None:
    # Given
    first, second = (jobs.submit(new_job()).job for _ in range(2))
    jobs.cancel(first.id)

    # When
    claim = jobs.claim(QUEUE, "w")

    # Then
    assert claim is not None
    assert claim.job.id == second.id


def test_a_renewal_prolongs_the_lease(jobs: JobStore, redis: Redis) -> None:
    # Given a lease that is about to end
    claim = claimed(jobs)
    redis.zadd("easel:leases", {claim.job.id: 1})

    # When
    verdicts = jobs.renew([(claim.job.id, 1)])

    # Then
    assert verdicts == {(claim.job.id, 1): Verdict.HELD}
    assert not jobs.reap().requeued


def test_a_renewal_tells_of_cancels_and_losses(jobs: JobStore, redis: Redis) -> None:
    # Given
    held, canceled, lost = (claimed(jobs) for _ in range(3))
    jobs.cancel(canceled.job.id)
    worker_dies(redis, lost.job.id)
    jobs.reap()

    # When
    pairs = [(claim.job.id, claim.attempt) for claim in (held, canceled, lost)]
    verdicts = jobs.renew([*pairs, ("gen_unknown", 1)])

    # Then
    assert [verdicts[pair] for pair in pairs] == [Verdict.HELD, Verdict.CANCEL, Verdict.LOST]
    assert verdicts["gen_unknown", 1] is Verdict.LOST
    assert jobs.renew([]) == {}


def test_progress_is_the_holders_to_report(jobs: JobStore, redis: Redis, events: EventLog) -> None:
    # Given a worker that was given up and another that took over
    stale = claimed(jobs)
    worker_dies(redis, stale.job.id)
    jobs.reap()
    fresh = jobs.claim(QUEUE, "w2")
    assert fresh is not None

    # When
    answers = [jobs.progress(claim.job.id, claim.attempt, DENOISING) for claim in (stale, fresh)]

    # Then
    assert answers == [Verdict.LOST, Verdict.HELD]
    job = jobs.get(stale.job.id)
    assert job is not None
    assert job.progress == DENOISING
    assert [event.type for event in events.read(job.id)].count("progress") == 1


def test_a_commit_ends_the_job_with_its_result(jobs: JobStore, redis: Redis) -> None:
    # Given
    claim = claimed(jobs, webhook_url="https://example.com/hook")
    image = picture(claim.job.id)

    # When
    ended = jobs.commit(claim.job.id, 1, Status.SUCCEEDED, images=(image,), timings={"denoise": 1.5}, notes=("n",))

    # Then
    job = jobs.get(claim.job.id)
    assert ended is Status.SUCCEEDED
    assert job is not None
    assert job.status is Status.SUCCEEDED
    assert job.images == (image,)
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
    jobs.commit(claim.job.id, 1, Status.SUCCEEDED, images=(picture(claim.job.id),))
    before = jobs.get(claim.job.id), events.read(claim.job.id)

    # When
    again = jobs.commit(claim.job.id, 1, Status.SUCCEEDED, images=())

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
    assert jobs.commit(job.id, 2, Status.SUCCEEDED, images=(image,)) is Status.SUCCEEDED
    assert jobs.commit(job.id, 1, Status.SUCCEEDED) is None


def test_an_acknowledged_cancel_wins_over_the_result(jobs: JobStore) -> None:
    # Given
    claim = claimed(jobs)
    jobs.cancel(claim.job.id)

    # When
    answers = [jobs.commit(claim.job.id, 1, Status.SUCCEEDED, images=(picture(claim.job.id),)) for _ in range(2)]

    # Then
    job = jobs.get(claim.job.id)
    assert answers == [Status.CANCELED, Status.CANCELED]
    assert job is not None
    assert job.status is Status.CANCELED
    assert job.images == ()


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


def crash(jobs: JobStore, redis: Redis, worker: str, times: int) -> None:
    """All that `worker` holds loses it, `times` times."""
    for _ in range(times):
        while jobs.claim(QUEUE, worker) is not None:
            pass
        for job_id, _ in redis.zscan_iter("easel:leases"):
            worker_dies(redis, job_id.decode())
        jobs.reap()


def test_the_last_attempt_is_drawn_alone(jobs: JobStore, redis: Redis) -> None:
    # Given two jobs whose workers died twice, and one that came later
    first, second = (jobs.submit(new_job()).job.id for _ in range(2))
    crash(jobs, redis, "w", times=2)
    third = jobs.submit(new_job()).job.id

    # When a worker takes the first of them
    alone = jobs.claim(QUEUE, "w")

    # Then it gets nothing beside it, while another worker does
    assert alone is not None
    assert (alone.job.id, alone.job.attempts) == (first, 3)
    assert jobs.claim(QUEUE, "w") is None
    elsewhere = jobs.claim(QUEUE, "w2")
    assert elsewhere is not None
    assert elsewhere.job.id == second
    # and once it has ended, the worker takes others again
    jobs.commit(first, alone.attempt, Status.SUCCEEDED, images=(picture(first),))
    after = jobs.claim(QUEUE, "w")
    assert after is not None
    assert after.job.id == third


def test_a_last_attempt_waits_for_its_workers_other_jobs(jobs: JobStore, redis: Redis) -> None:
    # Given a worker that holds a job, when one that crashed twice comes next
    held = claimed(jobs)
    suspect = jobs.submit(new_job()).job.id
    redis.hset(f"easel:job:{suspect}", "attempts", 2)

    # Then it is not drawn beside it
    assert jobs.claim(QUEUE, "w1") is None
    # but as soon as that has ended
    jobs.cancel(held.job.id)
    jobs.commit(held.job.id, held.attempt, Status.CANCELED)
    claim = jobs.claim(QUEUE, "w1")
    assert claim is not None
    assert claim.job.id == suspect


def test_one_attempt_in_all_is_no_reason_to_be_alone(redis: Redis) -> None:
    jobs = JobStore(redis, Limits(max_attempts=1))
    for _ in range(2):
        jobs.submit(new_job())
    assert [jobs.claim(QUEUE, "w") is None for _ in range(2)] == [False, False]


def test_after_a_silence_the_workers_may_come_back_first(jobs: JobStore, redis: Redis) -> None:
    # Given a lease that ran out while nobody reaped, because Redis was away
    claim = claimed(jobs)
    jobs.reap()
    worker_dies(redis, claim.job.id)
    now = redis.time()[0] * 1000
    redis.set("easel:reaped_at", now - 20_000)

    # When the keeper is back first
    assert not jobs.reap().requeued

    # Then the worker has a few seconds to commit
    left = redis.zscore("easel:leases", claim.job.id)
    assert left is not None
    assert 3_000 < left - now < 8_000
    # and no more than that
    worker_dies(redis, claim.job.id)
    assert jobs.reap().requeued == (claim.job.id,)
