"""Claims and leases: who may work on a job, and for how long."""

from __future__ import annotations

from redis import Redis

from core.jobs import Progress, Stage, Status
from core.store import EventLog, JobStore, Verdict
from tests.core.samples import QUEUE, claimed, new_job, worker_dies

DENOISING = Progress(stage=Stage.DENOISE, step=3, steps=20)


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
