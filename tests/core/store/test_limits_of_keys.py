"""What a key's own policy means at submission: models, weight, its queue and its day."""

from __future__ import annotations

import pytest
from redis import Redis

from core.errors import Conflict, Forbidden, NotFound, QuotaExceeded
from core.jobs import Status
from core.keys import KeyPolicy
from core.store import JobStore, KeyStore, NewJob, Usage
from core.store.limits import Limits
from tests.core.samples import QUEUE, REQUEST, new_job, worker_dies


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


@pytest.fixture
def usage(redis: Redis) -> Usage:
    return Usage(redis)


def owner_with(keys: KeyStore, **policy: object) -> str:
    return keys.create(KeyPolicy.model_validate({"name": "shop", **policy})).key.owner


def pictures(owner: str, n: int) -> NewJob:
    job = new_job(owner=owner)
    return NewJob(id=job.id, owner=owner, queue=QUEUE, request=REQUEST.evolve(seeds=tuple(range(n))))


def claimed_ago(redis: Redis, job_id: str, seconds: int) -> None:
    redis.hincrby(f"easel:job:{job_id}", "claimed_at", -1000 * seconds)


def finish(jobs: JobStore, status: Status = Status.SUCCEEDED) -> None:
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    assert jobs.commit(claim.job.id, claim.attempt, status) is status


def test_only_the_models_of_the_key(jobs: JobStore, keys: KeyStore) -> None:
    job = jobs.submit(new_job(owner=owner_with(keys, models=["other", REQUEST.model]))).job
    assert job.status is Status.QUEUED
    jobs.submit(new_job(owner=owner_with(keys, models=[])))

    with pytest.raises(Forbidden, match=REQUEST.model) as caught:
        jobs.submit(new_job(owner=owner_with(keys, models=["other"])))
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def test_the_queue_of_a_key(jobs: JobStore, keys: KeyStore) -> None:
    owner = owner_with(keys, max_queued=1)
    jobs.submit(new_job(owner=owner))

    with pytest.raises(QuotaExceeded, match="1 jobs waiting"):
        jobs.submit(new_job(owner=owner))
    jobs.submit(new_job(owner="alice"))


def test_a_heavy_key_is_served_more_often(redis: Redis, keys: KeyStore) -> None:
    # Given two keys with a backlog each, one of weight 3
    jobs = JobStore(redis, Limits())
    heavy, light = owner_with(keys, weight=3), owner_with(keys)
    for _ in range(12):
        for owner in (heavy, light):
            jobs.submit(new_job(owner=owner))
    # When jobs are taken, then three of four are of the heavy one
    taken = []
    for _ in range(12):
        claim = jobs.claim(QUEUE, "w")
        assert claim is not None
        taken.append(claim.job.owner)
    assert 8 <= taken.count(heavy) <= 10


class TestPicturesADay:
    def test_no_more_than_the_day_has(self, jobs: JobStore, keys: KeyStore, usage: Usage) -> None:
        owner = owner_with(keys, images_per_day=5)
        jobs.submit(pictures(owner, 3))
        with pytest.raises(QuotaExceeded, match="3 of its 5 pictures") as caught:
            jobs.submit(pictures(owner, 3))
        jobs.submit(pictures(owner, 2))

        assert caught.value.code == "quota_exceeded"
        assert caught.value.retry_after is not None
        assert 1 <= caught.value.retry_after <= 24 * 3600
        assert usage.today(owner).images == 5

    def test_what_did_not_come_is_given_back(self, jobs: JobStore, keys: KeyStore, usage: Usage) -> None:
        owner = owner_with(keys, images_per_day=4)
        canceled = jobs.submit(pictures(owner, 4)).job
        jobs.cancel(canceled.id)
        assert usage.today(owner).images == 0

        jobs.submit(pictures(owner, 3))
        finish(jobs, Status.FAILED)
        assert usage.today(owner).images == 0

        jobs.submit(pictures(owner, 4))
        finish(jobs)
        assert usage.today(owner).images == 4

    def test_a_repeated_submission_costs_once(self, jobs: JobStore, keys: KeyStore, usage: Usage) -> None:
        owner = owner_with(keys, images_per_day=1)
        first = jobs.submit(new_job(owner=owner, idempotency_key="k")).job
        again = jobs.submit(new_job(owner=owner, idempotency_key="k"))

        assert (again.job.id, again.replayed) == (first.id, True)
        assert usage.today(owner).images == 1

    def test_yesterday_is_over(self, jobs: JobStore, keys: KeyStore, redis: Redis) -> None:
        owner = owner_with(keys, images_per_day=1)
        day = redis.time()[0] // 86400
        redis.hset(f"easel:usage:{owner}:{day - 1}", "images", 1)

        jobs.submit(new_job(owner=owner))


class TestSecondsOfWorkersADay:
    def test_a_key_that_has_used_its_day_waits(
        self, jobs: JobStore, keys: KeyStore, usage: Usage, redis: Redis
    ) -> None:
        owner = owner_with(keys, worker_seconds_per_day=10)
        for _ in range(2):
            job = jobs.submit(new_job(owner=owner)).job
            claim = jobs.claim(QUEUE, "w")
            assert claim is not None
            claimed_ago(redis, job.id, 6)
            jobs.commit(job.id, claim.attempt, Status.SUCCEEDED)

        assert 12 <= usage.today(owner).worker_seconds < 30
        with pytest.raises(QuotaExceeded, match="of its 10 seconds of workers"):
            jobs.submit(new_job(owner=owner))

    def test_our_crashes_are_not_charged(self, jobs: JobStore, keys: KeyStore, usage: Usage, redis: Redis) -> None:
        owner = owner_with(keys)
        job = jobs.submit(new_job(owner=owner)).job
        assert jobs.claim(QUEUE, "w") is not None
        claimed_ago(redis, job.id, 1000)
        worker_dies(redis, job.id)
        jobs.reap()
        jobs.cancel(job.id)

        assert usage.today(owner).worker_seconds == 0


def test_no_more_of_a_key_run_at_once(jobs: JobStore, keys: KeyStore) -> None:
    owner = owner_with(keys, max_running=1)
    for _ in range(2):
        jobs.submit(new_job(owner=owner))
    assert jobs.claim(QUEUE, "w") is not None
    assert jobs.claim(QUEUE, "w") is None
    other = jobs.submit(new_job(owner="alice")).job
    claim = jobs.claim(QUEUE, "w")
    assert claim is not None
    assert claim.job.id == other.id


def test_a_key_keeps_its_jobs_as_long_as_it_says(jobs: JobStore, keys: KeyStore, redis: Redis) -> None:
    job = jobs.submit(new_job(owner=owner_with(keys, retention_hours=0.5))).job
    finish(jobs)
    seconds = (redis.zscore("easel:expiries", job.id) or 0) / 1000 - redis.time()[0]
    assert 1795 <= seconds <= 1801


def test_the_servers_quota_is_for_keys_without_their_own(redis: Redis, keys: KeyStore) -> None:
    jobs = JobStore(redis, Limits(images_per_day=2))
    generous = owner_with(keys, images_per_day=5)
    jobs.submit(pictures(generous, 3))
    for owner in ("alice", owner_with(keys)):
        with pytest.raises(QuotaExceeded, match="0 of its 2 pictures"):
            jobs.submit(pictures(owner, 3))


def test_what_a_key_may_do_can_be_changed(jobs: JobStore, keys: KeyStore) -> None:
    # Given
    key = keys.create(KeyPolicy(name="shop", images_per_day=1)).key

    # When
    after = keys.edit(key.id, KeyPolicy(name="store", max_queued=1))

    # Then
    assert after is not None
    assert (after.name, after.images_per_day, after.max_queued) == ("store", None, 1)
    assert after.created_at == key.created_at
    jobs.submit(pictures(key.owner, 3))
    keys.revoke(key.id)
    for key_id in (key.id, "00000000"):
        with pytest.raises(NotFound):
            keys.edit(key_id, KeyPolicy(name="again"))


def test_an_expired_key_gets_no_new_secret(redis: Redis) -> None:
    now = 1_000_000.0
    keys = KeyStore(redis, lambda: now)
    key = keys.create(KeyPolicy(name="shop"), expires_in=60).key
    now += 61
    with pytest.raises(Conflict, match="has expired"):
        keys.rotate(key.id)
