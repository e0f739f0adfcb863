"""Slots do not idle where a job may start: a claim that was refused has spent its ticket, and no keeper runs here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from redis import Redis

from core.jobs import Job, Status
from core.queue import run_slot
from core.results import ResultStore
from core.store import JobStore, WorkerInfo, WorkerRegistry
from core.store.connection import connect
from core.store.limits import Limits
from tests.chaos.quick_engine import QuickEngine
from tests.core.samples import QUEUE, new_job
from worker.leases import Leases
from worker.runner import JobRunner

SLOTS = 3


@contextmanager
def running_worker(store: JobStore, redis_url: str, folder: Path) -> Iterator[None]:
    """Everything of a worker process, with an engine that draws at once."""
    redis, engine, stopping = connect(redis_url, patient=True), QuickEngine(), threading.Event()
    info = WorkerInfo(name="w1", queue=QUEUE, device="none", slots=SLOTS)
    leases = Leases(redis, store, WorkerRegistry(redis), info, renew_seconds=0.5)
    runner = JobRunner(store=store, results=ResultStore(folder.as_uri()), leases=leases, submit=engine.submit)
    threads = [threading.Thread(target=run_slot, args=(QUEUE, redis, runner, stopping)) for _ in range(SLOTS)]
    threads.append(threading.Thread(target=engine.run))
    leases.start()
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        engine.stop()
        for thread in threads:
            thread.join()
        leases.leave()
        redis.close()


def ended(store: JobStore, ids: list[str]) -> list[Job]:
    """The jobs, once all of them have ended."""
    deadline = time.monotonic() + 60
    while True:
        jobs = [job for job_id in ids if (job := store.get(job_id)) is not None and job.is_terminal]
        if len(jobs) == len(ids):
            return jobs
        assert time.monotonic() < deadline, f"{len(ids) - len(jobs)} of {len(ids)} jobs never started"
        time.sleep(0.05)


def test_jobs_that_wait_for_their_owners_limit_start_when_one_ends(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    # Given an owner of whom one job may run at a time
    store = JobStore(redis, Limits(max_running_per_owner=1))
    ids = [store.submit(new_job(steps=5)).job.id for _ in range(5)]

    # When a worker has more slots than that
    with running_worker(store, redis_url, tmp_path):
        jobs = ended(store, ids)

    # Then all are drawn all the same, one after another
    assert {job.status for job in jobs} == {Status.SUCCEEDED}
    spans = sorted((job.started_at, job.finished_at) for job in jobs if job.started_at and job.finished_at)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_who_stood_aside_for_a_last_attempt_starts_when_it_has_ended(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    # Given a job whose workers died twice, before others
    store = JobStore(redis, Limits())
    ids = [store.submit(new_job(steps=30)).job.id for _ in range(5)]
    redis.hset(f"easel:job:{ids[0]}", "attempts", 2)

    # When, Then
    with running_worker(store, redis_url, tmp_path):
        assert {job.status for job in ended(store, ids)} == {Status.SUCCEEDED}
