"""The keeper's rounds on the store: dead workers, lost tickets, expired jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from app.keeper.expiry import Expiry
from app.keeper.reaper import Reaper
from core.jobs import Status
from core.queue import rq_queue
from core.results import ResultStore, input_key
from core.store import JobStore
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job, worker_dies


@pytest.fixture
def reaper(jobs: JobStore, redis: Redis) -> Reaper:
    return Reaper(jobs, redis, lambda: [QUEUE, "large"])


def test_the_job_of_a_dead_worker_waits_again_with_a_ticket(reaper: Reaper, jobs: JobStore, redis: Redis) -> None:
    # Given a worker that took the ticket and the job, and died
    job = jobs.submit(new_job()).job
    redis.delete(rq_queue(QUEUE, redis).key)
    jobs.claim(QUEUE, "w")
    worker_dies(redis, job.id)

    # When
    reaper.round()

    # Then
    again = jobs.get(job.id)
    assert again is not None
    assert again.status is Status.QUEUED
    assert rq_queue(QUEUE, redis).count == 1


def test_lost_tickets_are_replaced_on_every_queue(reaper: Reaper, jobs: JobStore, redis: Redis) -> None:
    # Given
    for queue, count in ((QUEUE, 3), ("large", 2)):
        for _ in range(count):
            jobs.submit(new_job(queue=queue))
    redis.lpop(rq_queue(QUEUE, redis).key)
    redis.delete(rq_queue("large", redis).key)

    # When
    for _ in range(3):
        reaper.round()

    # Then
    assert rq_queue(QUEUE, redis).count == 3
    assert rq_queue("large", redis).count == 2


def test_a_surplus_of_tickets_is_left_to_the_workers(reaper: Reaper, jobs: JobStore, redis: Redis) -> None:
    job = jobs.submit(new_job()).job
    jobs.cancel(job.id)
    reaper.round()
    assert rq_queue(QUEUE, redis).count == 1


def test_an_expired_job_goes_with_its_pictures(redis: Redis, tmp_path: Path) -> None:
    # Given an old job with two attempts' pictures, and a young one
    results = ResultStore(tmp_path.as_uri())
    stores = [JobStore(redis, Limits(retention_ms=ms)) for ms in (-5_000, 60_000)]
    old, young = (store.submit(new_job()).job for store in stores)
    for key in (f"{old.id}/1/0.png", f"{old.id}/2/0.png", f"{young.id}/1/0.png"):
        results.put(key, b"png")
    for store, job in zip(stores, (old, young), strict=True):
        store.cancel(job.id)

    # When
    Expiry(stores[0], results).round()

    # Then
    assert stores[0].get(old.id) is None
    assert stores[0].get(young.id) is not None
    assert [path.name for path in tmp_path.iterdir()] == [young.id]


def test_pictures_whose_job_never_came_go_too(redis: Redis, tmp_path: Path) -> None:
    # Given pictures that were stored for two jobs, by an api that was killed before it submitted the second
    jobs, results = JobStore(redis, Limits()), ResultStore(tmp_path.as_uri())
    came, lost = new_job(), new_job()
    for job in (came, lost):
        jobs.expect(job.id)
        results.put(input_key(job.id, "image", 0, "png"), b"picture")
    jobs.submit(came)
    expiry = Expiry(jobs, results)

    # When an hour is over
    expiry.round()
    assert redis.zscore("easel:expiries", came.id) is None
    redis.zadd("easel:expiries", {lost.id: 1}, xx=True)
    expiry.round()

    # Then only what belongs to a job is left
    assert results.read(input_key(came.id, "image", 0, "png")) == b"picture"
    with pytest.raises(FileNotFoundError):
        results.read(input_key(lost.id, "image", 0, "png"))
    assert redis.zcard("easel:expiries") == 0


def test_more_than_one_batch_expires_in_one_round(redis: Redis, tmp_path: Path) -> None:
    # Given
    jobs = JobStore(redis, Limits(retention_ms=-5_000, max_queued_per_owner=1_000))
    for _ in range(120):
        jobs.cancel(jobs.submit(new_job()).job.id)

    # When
    Expiry(jobs, ResultStore(tmp_path.as_uri())).round()

    # Then
    assert redis.zcard("easel:expiries") == 0
