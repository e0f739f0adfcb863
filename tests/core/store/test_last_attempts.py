"""The last attempt of a job whose workers died: drawn alone, so that it takes no neighbour along."""

from __future__ import annotations

from redis import Redis

from core.jobs import Status
from core.store import JobStore
from core.store.limits import Limits
from tests.core.samples import QUEUE, claimed, new_job, picture, worker_dies


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
    jobs.commit(first, alone.attempt, Status.SUCCEEDED, outputs=(picture(first),))
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
