"""Leases live as long as their attempts, and an attempt hears why it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from core.jobs import Status, new_job_id
from core.store import Claim, JobStore, NewJob, WorkerInfo, WorkerRegistry
from core.store.limits import Limits
from tests.worker.engine.drawings import a_request
from worker.leases import Leases, Stop

REQUEST = a_request("m").request
RENEW_SECONDS = 0.2


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis, Limits(lease_ms=2_000))


@pytest.fixture
def leases(redis: Redis, store: JobStore) -> Iterator[Leases]:
    worker = WorkerInfo(name="w1", queue="default", device="cpu", slots=1)
    thread = Leases(redis, store, WorkerRegistry(redis), worker, RENEW_SECONDS)
    thread.start()
    yield thread
    thread.leave()


def claim(store: JobStore) -> Claim:
    store.submit(NewJob(id=new_job_id(), owner="local", queue="default", request=REQUEST))
    claimed = store.claim("default", "w1")
    assert claimed is not None
    return claimed


def test_a_held_job_outlives_its_lease(redis: Redis, store: JobStore, leases: Leases) -> None:
    # Given a held job whose lease is about to run out
    claimed = claim(store)
    with leases.hold(claimed) as hold:
        before = redis.zscore("easel:leases", claimed.job.id)
        # When a renewal has passed
        for _ in range(200):
            after = redis.zscore("easel:leases", claimed.job.id)
            if after != before:
                break
            threading.Event().wait(RENEW_SECONDS / 4)
        # Then the lease was prolonged and the reaper leaves the job alone
        assert isinstance(before, float)
        assert isinstance(after, float)
        assert after > before
        assert store.reap().requeued == ()
        assert hold.stopped is None


def test_cancel_reaches_the_hold(store: JobStore, leases: Leases) -> None:
    # Given a held job
    claimed = claim(store)
    with leases.hold(claimed) as hold:
        told = threading.Event()
        hold.when_stopped(told.set)
        # When its owner cancels it
        store.cancel(claimed.job.id)
        # Then the hold is told, and why
        assert told.wait(10)
        assert hold.stopped is Stop.CANCELED


def test_a_stolen_job_is_noticed(redis: Redis, store: JobStore, leases: Leases) -> None:
    # Given a held job that the reaper took away, as after a long freeze
    claimed = claim(store)
    with leases.hold(claimed) as hold:
        told = threading.Event()
        hold.when_stopped(told.set)
        redis.hset(f"easel:job:{claimed.job.id}", "status", "queued")
        # Then the next renewal says that it is lost
        assert told.wait(10)
        assert hold.stopped is Stop.LOST
        # and what this attempt commits is refused
        assert store.commit(claimed.job.id, claimed.attempt, Status.SUCCEEDED) is None


def test_a_late_listener_is_told_at_once(store: JobStore, leases: Leases) -> None:
    claimed = claim(store)
    with leases.hold(claimed) as hold:
        hold.stop(Stop.RELEASED)
        hold.stop(Stop.CANCELED)
        calls: list[None] = []
        hold.when_stopped(lambda: calls.append(None))
        assert calls == [None]
        assert hold.stopped is Stop.RELEASED


def test_the_worker_row_lives_while_the_thread_does(redis: Redis, store: JobStore) -> None:
    worker = WorkerInfo(name="w2", queue="default", device="cpu", slots=1, models=("easel-mini",))
    registry = WorkerRegistry(redis)
    thread = Leases(redis, store, registry, worker, RENEW_SECONDS)
    thread.start()
    for _ in range(100):
        if registry.alive():
            break
        threading.Event().wait(0.05)
    assert registry.alive() == (worker,)
    thread.leave()
    assert registry.alive() == ()
