"""When to come back: the pace of the queue as it was measured, and nothing else."""

from __future__ import annotations

import pytest
from redis import Redis

from core.errors import QuotaExceeded
from core.jobs import Status
from core.store import JobStore
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job

PACE, GAPS = f"easel:pace:{QUEUE}", f"easel:gaps:{QUEUE}"


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits(max_queued_per_owner=4))


def submit(jobs: JobStore, times: int, owner: str = "alice") -> None:
    for _ in range(times):
        jobs.submit(new_job(owner=owner))


def draw(jobs: JobStore, redis: Redis, seconds: float, status: Status = Status.SUCCEEDED) -> None:
    """The next job, in `seconds`, during which nothing else ended."""
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    back = -round(1000 * seconds)
    redis.hincrby(f"easel:job:{claim.job.id}", "claimed_at", back)
    for moment in ("ended_at", "waiting_since"):
        if redis.hexists(PACE, moment):
            redis.hincrby(PACE, moment, back)
    jobs.commit(claim.job.id, claim.attempt, status)


def test_before_anything_is_known_it_is_a_guess(jobs: JobStore) -> None:
    assert jobs.drain_seconds(QUEUE) == 10


def test_the_first_job_says_more_than_a_guess(jobs: JobStore, redis: Redis) -> None:
    submit(jobs, 1)
    draw(jobs, redis, 42)
    assert 42 <= jobs.drain_seconds(QUEUE) <= 43


def test_it_is_the_mean_gap_between_ends_while_somebody_waits(jobs: JobStore, redis: Redis) -> None:
    # Given a queue from which a job ends every 30 s, whatever it ends in
    submit(jobs, 4)
    for status in (Status.SUCCEEDED, Status.FAILED, Status.SUCCEEDED):
        draw(jobs, redis, 30, status)

    # Then a place is free in 30 s, and three in 90
    assert redis.llen(GAPS) == 2
    assert 29 <= jobs.drain_seconds(QUEUE) <= 31
    assert 89 <= jobs.drain_seconds(QUEUE, places=3) <= 92


def test_idle_time_is_not_slowness(jobs: JobStore, redis: Redis) -> None:
    # Given a queue that drains every 5 s, and then has nothing to do for a day
    submit(jobs, 3)
    for _ in range(3):
        draw(jobs, redis, 5)
    for moment in ("ended_at", "waiting_since"):
        redis.hincrby(PACE, moment, -86_400_000)

    # When it is full again
    submit(jobs, 3)

    # Then the day counts neither now nor later
    assert 4 <= jobs.drain_seconds(QUEUE) <= 6
    draw(jobs, redis, 5)
    draw(jobs, redis, 5)
    assert 4 <= jobs.drain_seconds(QUEUE) <= 6


def test_what_nobody_draws_is_not_fast(jobs: JobStore, redis: Redis) -> None:
    # Given a queue that drained every second until its workers went away
    submit(jobs, 4)
    for _ in range(3):
        draw(jobs, redis, 1)
    assert jobs.drain_seconds(QUEUE) == 1

    # When nothing has ended for five minutes
    redis.hincrby(PACE, "ended_at", -300_000)
    redis.hincrby(PACE, "waiting_since", -300_000)

    # Then it says so
    assert 60 <= jobs.drain_seconds(QUEUE) <= 600


def test_it_never_says_more_than_ten_minutes(jobs: JobStore, redis: Redis) -> None:
    redis.rpush(GAPS, 3_600_000)
    assert jobs.drain_seconds(QUEUE) == 600


def test_a_canceled_job_says_nothing_of_the_pace(jobs: JobStore, redis: Redis) -> None:
    submit(jobs, 2)
    draw(jobs, redis, 30)
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.cancel(claim.job.id)
    jobs.commit(claim.job.id, claim.attempt, Status.CANCELED)
    assert 29 <= jobs.drain_seconds(QUEUE) <= 31


def test_who_takes_turns_with_others_waits_for_their_turns_too(jobs: JobStore, redis: Redis) -> None:
    # Given a pace of 20 s, and an owner with a full queue beside two others who wait
    redis.rpush(GAPS, 20_000)
    submit(jobs, 4)
    for owner in ("bob", "carol"):
        submit(jobs, 1, owner)

    # When
    with pytest.raises(QuotaExceeded) as raised:
        jobs.submit(new_job())

    # Then one of theirs starts when each has had a turn
    assert raised.value.retry_after is not None
    assert 58 <= raised.value.retry_after <= 62
