"""Jobs that are not to be stored: gone a minute after their pictures were fetched, in ten minutes at the latest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis

from core.jobs import Status
from core.store import JobStore
from tests.core.samples import QUEUE, REQUEST, new_job


def drawn(jobs: JobStore, *, store: bool, status: Status = Status.SUCCEEDED) -> str:
    """The id of a job of two pictures that has ended."""
    job = jobs.submit(replace(new_job(), store=store, request=REQUEST.evolve(seeds=(7, 8)))).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    jobs.commit(job.id, claim.attempt, status)
    return job.id


def seconds_left(redis: Redis, job_id: str) -> float:
    due = redis.zscore("easel:expiries", job_id)
    assert due is not None
    return due / 1000 - redis.time()[0]


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_it_waits_ten_minutes_at_most(jobs: JobStore, redis: Redis, status: Status) -> None:
    job_id = drawn(jobs, store=False, status=status)
    job = jobs.get(job_id)
    assert job is not None
    assert not job.store
    assert 595 <= seconds_left(redis, job_id) <= 601


def test_it_goes_a_minute_after_its_last_picture_was_fetched(jobs: JobStore, redis: Redis) -> None:
    job_id = drawn(jobs, store=False)
    jobs.fetched(job_id, 1)
    jobs.fetched(job_id, 1)
    assert seconds_left(redis, job_id) > 590
    jobs.fetched(job_id, 0)
    assert 55 <= seconds_left(redis, job_id) <= 61


def test_fetching_again_does_not_put_it_off(jobs: JobStore, redis: Redis) -> None:
    job_id = drawn(jobs, store=False)
    redis.zadd("easel:expiries", {job_id: 1})
    for index in (0, 1):
        jobs.fetched(job_id, index)
    assert redis.zscore("easel:expiries", job_id) == 1


def test_what_is_stored_stays(jobs: JobStore, redis: Redis) -> None:
    job_id = drawn(jobs, store=True)
    for index in (0, 1):
        jobs.fetched(job_id, index)
    assert seconds_left(redis, job_id) > 6 * 24 * 3600


def test_fetching_what_is_gone_brings_nothing_back(jobs: JobStore, redis: Redis) -> None:
    job_id = drawn(jobs, store=False)
    jobs.delete(job_id)
    jobs.fetched(job_id, 0)
    assert not redis.exists(f"easel:job:{job_id}")
    assert redis.zscore("easel:expiries", job_id) is None
